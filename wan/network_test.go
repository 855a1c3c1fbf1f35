package wan

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// network is an in-memory link with one DHCP server. It implements Sockets; each line is one of its own.
type network struct {
	mu       sync.Mutex
	serve    func(p *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 // nil: silence
	open     int                                   // lines that are open
	opened   int                                   // in total
	kinds    []dhcpv4.MessageType                  // of messages sent
	user     string                                // of every address
	broken   error                                 // of Open
	noRoute  bool                                  // unicast fails
	faulty   int                                   // so many lines break at their first message
	unicasts int
}

type cord struct {
	n      *network
	inbox  chan []byte
	closed chan struct{}
	once   sync.Once
}

func (n *network) Open(string) (Line, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken != nil {
		return nil, n.broken
	}
	n.open++
	n.opened++
	return &cord{n: n, inbox: make(chan []byte, 8), closed: make(chan struct{})}, nil
}

func (n *network) Conflict(ctx context.Context, _ string, _ netip.Addr) (string, error) {
	select {
	case <-time.After(450 * time.Millisecond):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.user, nil
}

func (c *cord) HardwareAddr() net.HardwareAddr { return ourMAC }

func (c *cord) Send(message []byte, _, to netip.Addr) error {
	p, err := dhcpv4.FromBytes(message)
	if err != nil {
		return err
	}
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	if c.n.faulty > 0 {
		c.n.faulty--
		return errors.New("network is down")
	}
	if to.IsValid() {
		if c.n.noRoute {
			return errors.New("network is unreachable")
		}
		c.n.unicasts++
	}
	c.n.kinds = append(c.n.kinds, p.MessageType())
	if c.n.serve == nil {
		return nil
	}
	if r := c.n.serve(p); r != nil {
		select {
		case c.inbox <- r.ToBytes():
		default:
		}
	}
	return nil
}

func (c *cord) Receive(buffer []byte) (int, error) {
	select {
	case raw := <-c.inbox:
		return copy(buffer, raw), nil
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *cord) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.n.mu.Lock()
		c.n.open--
		c.n.mu.Unlock()
	})
	return nil
}

// honest serves address7 for an hour.
func honest(p *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	switch p.MessageType() {
	case discover:
		return answer(p, offer, server1, address7)
	case request:
		return answer(p, ack, server1, address7)
	}
	return nil
}

// tally is what a network has seen so far.
type tally struct {
	open, opened, unicasts int
	kinds                  []dhcpv4.MessageType
}

func (n *network) seen() tally {
	n.mu.Lock()
	defer n.mu.Unlock()
	return tally{n.open, n.opened, n.unicasts, slices.Clone(n.kinds)}
}

// shelf is a Store in memory.
type shelf struct {
	mu    sync.Mutex
	saved *Saved
	full  bool
}

func (s *shelf) Load() (Saved, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved == nil {
		return Saved{}, false
	}
	return *s.saved, true
}

func (s *shelf) Save(v Saved) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return errors.New("no space left on device")
	}
	s.saved = &v
	return nil
}

func (s *shelf) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = nil
}

func (s *shelf) empty() bool {
	_, ok := s.Load()
	return !ok
}

// capricious is a server that drops, refuses, mixes up and lies, until it is told to be honest.
type capricious struct {
	random *rand.Rand
	honest bool
	next   byte
}

func (c *capricious) serve(p *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	if c.honest {
		return honest(p)
	}
	r := c.reply(p)
	if r == nil {
		return nil
	}
	switch c.random.IntN(12) {
	case 0, 1:
		return nil
	case 2:
		r.TransactionID[0]++
	case 3:
		return answer(p, nak, server1, nobody)
	case 4:
		r.DeleteOption(dhcpv4.OptionServerIdentifier)
	case 5:
		r.YourIPAddr = net.IP{127, 0, 0, 1}
	case 6:
		raw := make([]byte, c.random.IntN(400))
		for i := range raw {
			raw[i] = byte(c.random.Uint32())
		}
		r.UpdateOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(1+c.random.IntN(254)), raw))
	case 7:
		dhcpv4.WithLeaseTime(c.random.Uint32N(200))(r)
	}
	return r
}

func (c *capricious) reply(p *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	switch p.MessageType() {
	case discover:
		c.next = c.next%200 + 2
		return answer(p, offer, server1, netip.AddrFrom4([4]byte{198, 51, 100, c.next}))
	case request:
		asked, _ := address(p.Options.Get(dhcpv4.OptionRequestedIPAddress))
		if !asked.IsValid() {
			asked, _ = address(p.ClientIPAddr.To4())
		}
		return answer(p, ack, server1, asked)
	}
	return nil
}
