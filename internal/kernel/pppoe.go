package kernel

import (
	"cmp"
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

	"github.com/twinpath/twinpath/wan"
)

// PPPoE is the link below a PPPoE session, for a wan.PPPoE.
type PPPoE struct {
	Device string // kernel name
	Mark   uint32 // of our own packets through the session
}

var _ wan.Access = PPPoE{}

// everybody is Ethernet's broadcast address.
func everybody() net.HardwareAddr { return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// Find implements wan.Access: it asks three times, and takes the first who answers.
func (p PPPoE) Find(ctx context.Context, service string) (wan.Concentrator, bool, error) {
	const wait = 1500 * time.Millisecond // chosen by us: a server answers within milliseconds, a busy one in a second
	link, conn, err := p.listen()
	if err != nil {
		return wan.Concentrator{}, false, fmt.Errorf("ask for PPPoE servers on %s: %w", p.Device, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	exchange := rand.Uint32()
	question := frameOf(everybody(), link.HardwareAddr, unix.ETH_P_PPP_DISC, padi(exchange, service, 1500))
	for range 3 {
		if _, err := conn.WriteTo(question, &packet.Addr{HardwareAddr: everybody()}); err != nil {
			return wan.Concentrator{}, false, fmt.Errorf("ask for PPPoE servers on %s: %w", p.Device, err)
		}
		c, ok, err := answerPADO(conn, exchange, time.Now().Add(wait))
		if ok || err != nil {
			return c, ok, err
		}
	}
	return wan.Concentrator{}, false, nil
}

func (p PPPoE) listen() (*net.Interface, *packet.Conn, error) {
	link, err := net.InterfaceByName(p.Device)
	if err != nil {
		return nil, nil, err
	}
	filter, err := bpf.Assemble([]bpf.Instruction{ // what leaves is none of ours to read
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return nil, nil, err
	}
	conn, err := packet.Listen(link, packet.Raw, unix.ETH_P_PPP_DISC, &packet.Config{Filter: filter})
	return link, conn, err
}

func answerPADO(conn *packet.Conn, exchange uint32, end time.Time) (wan.Concentrator, bool, error) {
	if err := conn.SetReadDeadline(end); err != nil {
		return wan.Concentrator{}, false, err
	}
	buffer := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return wan.Concentrator{}, false, nil
		}
		if err != nil {
			return wan.Concentrator{}, false, err
		}
		if _, payload, whole := opened(buffer[:n]); whole {
			if c, ok := readPADO(payload, exchange); ok {
				return c, true, nil
			}
		}
	}
}

// HangUp implements wan.Access.
func (p PPPoE) HangUp(server net.HardwareAddr, number uint16) error {
	link, conn, err := p.listen()
	if err == nil {
		defer conn.Close()
		_, err = conn.WriteTo(frameOf(server, link.HardwareAddr, unix.ETH_P_PPP_DISC, padt(number)), &packet.Addr{HardwareAddr: server})
	}
	if err != nil {
		return fmt.Errorf("end PPPoE session on %s: %w", p.Device, err)
	}
	return nil
}

// Size implements wan.Access.
func (PPPoE) Size(device string) int {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return 0
	}
	return link.MTU
}

// Wide implements wan.Access. That the link is to be so is the plan's matter (router.Port), who also puts it back.
func (p PPPoE) Wide(ctx context.Context, bytes int) error {
	const patience, look = 10 * time.Second, 100 * time.Millisecond // the first plan of a slow board
	most, err := mostOf(p.Device)
	if err != nil || most != 0 && most < bytes {
		return errors.Join(err, fmt.Errorf("let %s carry %d bytes: its most are %d", p.Device, bytes, most))
	}
	for end := time.Now().Add(patience); p.Size(p.Device) < bytes; {
		if ctx.Err() != nil || time.Now().After(end) {
			return fmt.Errorf("let %s carry %d bytes: it carries %d", p.Device, bytes, p.Size(p.Device))
		}
		time.Sleep(look)
	}
	return nil
}

// mostOf is the largest MTU that an interface can have; 0: it does not say.
func mostOf(device string) (int, error) {
	s, err := dial()
	if err != nil {
		return 0, err
	}
	defer s.close()
	devices, err := s.links()
	return bounded(devices, device), err
}

// bounded is mostOf among these. A tagged interface takes any size, and carries what the one below does.
func bounded(devices map[string]device, name string) int {
	d := devices[name]
	most := d.largest
	if d.Kind != "vlan" {
		return most
	}
	for _, below := range devices {
		if below.Index == d.parent && below.largest != 0 {
			most = min(cmp.Or(most, below.largest), below.largest)
		}
	}
	return most
}
