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
	"github.com/vishvananda/netlink/nl"
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

// Widen implements wan.Access. A tagged interface carries no more than the port that it is on.
func (p PPPoE) Widen(bytes int) error {
	s, err := dial()
	if err != nil {
		return err
	}
	defer s.close()
	link, err := net.InterfaceByName(p.Device)
	if err != nil {
		return fmt.Errorf("widen %s: %w", p.Device, err)
	}
	err = s.widen(link.Index, bytes)
	if err != nil {
		err = errors.Join(s.widen(s.below(link.Index), bytes), s.widen(link.Index, bytes))
	}
	if err != nil {
		return fmt.Errorf("let %s carry %d bytes: %w", p.Device, bytes, err)
	}
	return nil
}

// widen makes an interface's MTU no less than that.
func (s *session) widen(index, bytes int) error {
	link, err := net.InterfaceByIndex(index)
	if err != nil || link.MTU >= bytes {
		return err
	}
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = int32(index)
	return s.do(unix.RTM_NEWLINK, 0, m, number(unix.IFLA_MTU, uint32(bytes)))
}

// below is the index of the interface that one is on top of; its own when it is on none.
func (s *session) below(index int) int {
	bodies, err := s.dump(unix.RTM_GETLINK, nl.NewIfInfomsg(unix.AF_UNSPEC))
	if err != nil {
		return index
	}
	for _, body := range bodies {
		if len(body) < unix.SizeofIfInfomsg || nl.DeserializeIfInfomsg(body).Index != int32(index) {
			continue
		}
		parent := index
		for kind, v := range attributes(body, unix.SizeofIfInfomsg) {
			switch kind {
			case unix.IFLA_LINK:
				parent = int(value(v))
			case unix.IFLA_LINK_NETNSID: // it is another namespace's
				return index
			}
		}
		return parent
	}
	return index
}
