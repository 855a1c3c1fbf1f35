package kernel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
)

// DHCPServers asks on a device of the house, twice within four seconds, which DHCP servers answer: each once. Those of this machine do
// not hear it. It takes no lease.
func DHCPServers(ctx context.Context, device, hostname string) ([]router.Stranger, error) {
	all, err := dhcpServers(ctx, device, hostname)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("look for dhcp servers on %s: %w", device, err)
	}
	return all, nil
}

func dhcpServers(ctx context.Context, device, hostname string) (all []router.Stranger, err error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	filter, err := bpf.Assemble(lookFilter())
	if err != nil {
		return nil, err
	}
	conn, err := packet.Listen(link, packet.Raw, unix.ETH_P_IP, &packet.Config{Filter: filter})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	exchange := rand.Uint32()
	everybody := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	question := frameOf(everybody, link.HardwareAddr, unix.ETH_P_IP, limitedBroadcast(wan.Discover(link.HardwareAddr, hostname, exchange), zeroAddress))
	hear := func(frame []byte) {
		if s, ok := offerer(frame, link.HardwareAddr, exchange); ok && len(all) < mostServers && !knownServer(all, s) {
			all = append(all, s)
		}
	}
	for range 2 {
		if _, err := conn.WriteTo(question, &packet.Addr{HardwareAddr: everybody}); err != nil {
			return nil, err
		}
		if err := listenUntil(conn, time.Now().Add(lookPause), hear); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func listenUntil(conn *packet.Conn, end time.Time, hear func([]byte)) error {
	if err := conn.SetReadDeadline(end); err != nil {
		return err
	}
	frame := make([]byte, 2048) // no DHCP message is larger than the line's packets
	for {
		n, _, err := conn.ReadFrom(frame)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
		hear(frame[:n])
	}
}

// mostServers bounds those that are told apart: somebody may answer by a new name each time.
const mostServers = 16

// offerer is who offers an address in a frame.
func offerer(frame []byte, mac net.HardwareAddr, exchange uint32) (s router.Stranger, ok bool) {
	_, payload, ok := opened(frame)
	if !ok {
		return s, false
	}
	raw, ok := datagram(payload)
	if !ok {
		return s, false
	}
	s.MAC = net.HardwareAddr(frame[6:12]).String()
	s.Server, s.Offers, ok = wan.Offered(raw, mac, exchange)
	return s, ok
}

func knownServer(all []router.Stranger, s router.Stranger) bool {
	for _, k := range all {
		if k.Server == s.Server && k.MAC == s.MAC {
			return true
		}
	}
	return false
}
