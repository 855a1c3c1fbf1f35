package inet6

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

var (
	ourMAC   = net.HardwareAddr{2, 0, 0, 0, 0, 0x10}
	router1  = netip.MustParseAddr("fe80::1")
	router2  = netip.MustParseAddr("fe80::2")
	network1 = netip.MustParsePrefix("2001:db8:1::/64")
	network2 = netip.MustParsePrefix("2001:db8:2::/64")
	house1   = netip.MustParsePrefix("2001:db8:1:100::/56")
	house2   = netip.MustParsePrefix("2001:db8:2:100::/56")
	line1    = netip.MustParseAddr("2001:db8:1::1000")
	noon     = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	server1  = &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}
	server2  = &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 0, 0, 0, 0, 2}}
)

// said is a router advertisement in bytes.
type said struct {
	lifetime time.Duration
	flags    byte
	networks []announced
	mtu      int
	dns      []resolver
}

func (s said) bytes() []byte {
	b := []byte{typeAdvertisement, 0, 0, 0, 64, s.flags}
	b = binary.BigEndian.AppendUint16(b, uint16(s.lifetime/time.Second))
	b = append(b, make([]byte, 8)...)
	for _, n := range s.networks {
		a := n.prefix.Addr().As16()
		flags := byte(0)
		if n.onLink {
			flags |= 0x80
		}
		if n.autonomous {
			flags |= 0x40
		}
		b = append(b, 3, 4, byte(n.prefix.Bits()), flags)
		b = binary.BigEndian.AppendUint32(b, n.valid)
		b = binary.BigEndian.AppendUint32(b, n.preferred)
		b = append(append(b, 0, 0, 0, 0), a[:]...)
	}
	if s.mtu > 0 {
		b = binary.BigEndian.AppendUint32(append(b, 5, 1, 0, 0), uint32(s.mtu))
	}
	for _, r := range s.dns {
		a := r.address.As16()
		b = append(binary.BigEndian.AppendUint32(append(b, 25, 3, 0, 0), r.lifetime), a[:]...)
	}
	return b
}

// network is an option for hosts that make their own addresses.
func own(p netip.Prefix, valid, preferred uint32) announced {
	return announced{prefix: p, onLink: true, autonomous: true, valid: valid, preferred: preferred}
}

var ordinary = said{lifetime: 30 * time.Minute, networks: []announced{own(network1, 86400, 14400)}}

// provider is an in-memory link with routers and DHCPv6 servers. It implements Sockets.
type provider struct {
	mu     sync.Mutex
	advert func() [][]byte                         // what routers say when asked; nil: nothing
	serve  func(*dhcpv6.Message) []*dhcpv6.Message // nil: silence
	mangle func(*dhcpv6.Message, []byte) [][]byte  // what becomes of an answer on its way; nil: nothing
	late   func() time.Duration                    // nil: no delay
	broken error                                   // of Open
	noMAC  bool                                    // a PPP line
	sent   []dhcpv6.MessageType                    // by the client
	asked  int                                     // solicitations of routers
	times  []time.Time                             // of all that was sent
	open   map[*cord]Kind
}

type cord struct {
	p      *provider
	kind   Kind
	inbox  chan packet
	closed chan struct{}
	once   sync.Once
}

type packet struct {
	raw  []byte
	from netip.Addr
}

func (p *provider) Open(_ string, kind Kind) (Line, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return nil, p.broken
	}
	if p.open == nil {
		p.open = map[*cord]Kind{}
	}
	c := &cord{p: p, kind: kind, inbox: make(chan packet, 16), closed: make(chan struct{})}
	p.open[c] = kind
	return c, nil
}

func (c *cord) HardwareAddr() net.HardwareAddr {
	if c.p.noMAC {
		return nil
	}
	return ourMAC
}

func (c *cord) PointToPoint() bool { return c.p.noMAC }

func (c *cord) Send(raw []byte) error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.p.broken != nil {
		return c.p.broken
	}
	c.p.times = append(c.p.times, time.Now())
	if c.kind == Routers {
		c.p.asked++
		if c.p.advert != nil {
			for _, a := range c.p.advert() {
				c.put(packet{a, router1})
			}
		}
		return nil
	}
	d, err := dhcpv6.FromBytes(raw)
	if err != nil {
		return err
	}
	m, ok := d.(*dhcpv6.Message)
	if !ok {
		return errors.New("no client's message")
	}
	c.p.sent = append(c.p.sent, m.MessageType)
	if c.p.serve != nil {
		for _, r := range c.p.serve(m) {
			c.p.deliver(c, m, r)
		}
	}
	return nil
}

func (p *provider) deliver(c *cord, question, answer *dhcpv6.Message) {
	copies := [][]byte{answer.ToBytes()}
	if p.mangle != nil {
		copies = p.mangle(question, copies[0])
	}
	for _, raw := range copies {
		if p.late == nil {
			c.put(packet{raw, router1})
			continue
		}
		time.AfterFunc(p.late(), func() { c.put(packet{raw, router1}) })
	}
}

func (c *cord) put(m packet) {
	select {
	case c.inbox <- m:
	default:
	}
}

func (c *cord) Receive(buffer []byte) (int, netip.Addr, error) {
	select {
	case m := <-c.inbox:
		return copy(buffer, m.raw), m.from, nil
	case <-c.closed:
		return 0, netip.Addr{}, net.ErrClosed
	}
}

func (c *cord) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.p.mu.Lock()
		delete(c.p.open, c)
		c.p.mu.Unlock()
	})
	return nil
}

// say lets a router speak without being asked.
func (p *provider) say(from netip.Addr, s said) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, kind := range p.open {
		if kind == Routers {
			c.put(packet{s.bytes(), from})
		}
	}
}

// cut breaks every line, and opening another fails with err.
func (p *provider) cut(err error) {
	p.mu.Lock()
	p.broken = err
	var all []*cord
	for c := range p.open {
		all = append(all, c)
	}
	p.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}

func (p *provider) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *provider) seen() (sent []dhcpv6.MessageType, asked, open int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent), p.asked, len(p.open)
}

// saying answers every solicitation of routers with the same.
func saying(s ...said) func() [][]byte {
	return func() (all [][]byte) {
		for _, one := range s {
			all = append(all, one.bytes())
		}
		return all
	}
}

// shop is a DHCPv6 server that gives one address and one prefix.
type shop struct {
	duid      dhcpv6.DUID
	address   netip.Addr   // invalid: none is to be had
	prefix    netip.Prefix // likewise
	valid     time.Duration
	preferred time.Duration
	t1, t2    time.Duration
	forgets   bool // it knows of no bindings: renewals are NoBinding
}

func honest() *shop {
	return &shop{duid: server1, address: line1, prefix: house1, valid: time.Hour, preferred: 30 * time.Minute, t1: 15 * time.Minute, t2: 24 * time.Minute}
}

func (s *shop) serve(q *dhcpv6.Message) []*dhcpv6.Message {
	if wanted := q.Options.ServerID(); wanted != nil && !wanted.Equal(s.duid) {
		return nil
	}
	kind := dhcpv6.MessageTypeReply
	forgotten := false
	switch q.MessageType {
	case dhcpv6.MessageTypeSolicit:
		kind = dhcpv6.MessageTypeAdvertise
	case dhcpv6.MessageTypeRequest:
		s.forgets = false
	case dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind:
		forgotten = s.forgets
	case dhcpv6.MessageTypeRelease:
	default:
		return nil
	}
	return []*dhcpv6.Message{s.answer(q, kind, forgotten)}
}

func (s *shop) answer(q *dhcpv6.Message, kind dhcpv6.MessageType, forgotten bool) *dhcpv6.Message {
	r := &dhcpv6.Message{MessageType: kind, TransactionID: q.TransactionID}
	r.AddOption(dhcpv6.OptClientID(q.Options.ClientID()))
	r.AddOption(dhcpv6.OptServerID(s.duid))
	r.AddOption(dhcpv6.OptDNS(net.ParseIP("2001:db8:1::53")))
	for _, ia := range q.Options.IANA() {
		a := &dhcpv6.OptIANA{IaId: ia.IaId, T1: s.t1, T2: s.t2}
		switch {
		case forgotten:
			a.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoBinding})
		case !s.address.IsValid():
			a.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoAddrsAvail})
		default:
			a.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: s.address.AsSlice(), PreferredLifetime: s.preferred, ValidLifetime: s.valid})
		}
		r.AddOption(a)
	}
	for _, ia := range q.Options.IAPD() {
		a := &dhcpv6.OptIAPD{IaId: ia.IaId, T1: s.t1, T2: s.t2}
		switch {
		case forgotten:
			a.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoBinding})
		case !s.prefix.IsValid():
			a.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoPrefixAvail})
		default:
			a.Options.Add(prefixOption(s.prefix, s.preferred, s.valid))
			for _, old := range ia.Options.Prefixes() { // another network's is over (RFC 9915 §18.3.4)
				if p := prefixOf(old); p.Addr().IsValid() && !p.Addr().IsUnspecified() && p != s.prefix {
					a.Options.Add(prefixOption(p, 0, 0))
				}
			}
		}
		r.AddOption(a)
	}
	return r
}

func prefixOption(p netip.Prefix, preferred, valid time.Duration) *dhcpv6.OptIAPrefix {
	return &dhcpv6.OptIAPrefix{PreferredLifetime: preferred, ValidLifetime: valid,
		Prefix: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 128)}}
}

func prefixOf(o *dhcpv6.OptIAPrefix) netip.Prefix {
	if o.Prefix == nil {
		return netip.Prefix{}
	}
	a, _ := netip.AddrFromSlice(o.Prefix.IP)
	bits, _ := o.Prefix.Mask.Size()
	return netip.PrefixFrom(a, bits)
}

// shelf is a Store in memory.
type shelf struct {
	mu    sync.Mutex
	saved *Saved
	full  bool
	saves int
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
	s.saves++
	s.saved = &v
	return nil
}

func dice() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
