package wan

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

var (
	ourMAC   = net.HardwareAddr{2, 0, 0, 0, 0, 0x10}
	server1  = netip.MustParseAddr("198.51.100.1")
	server2  = netip.MustParseAddr("198.51.100.2")
	address7 = netip.MustParseAddr("198.51.100.7")
	address8 = netip.MustParseAddr("198.51.100.8")
	noon     = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
)

// bench plays scenes with a machine: things happen to it, and everything it does has to be claimed.
type bench struct {
	*testing.T
	m    *Machine
	now  time.Time
	out  []action
	last *dhcpv4.DHCPv4 // sent by the machine
}

func newBench(t *testing.T) *bench {
	return &bench{T: t, m: NewMachine("gate", rand.New(rand.NewPCG(1, 2))), now: noon}
}

// do gives the machine an event. What it did before must have been claimed.
func (b *bench) do(e event) {
	b.Helper()
	b.quiet()
	b.out = b.m.Step(b.now, e)
	if w := b.m.Wake(); !w.IsZero() && !w.After(b.now) {
		b.Fatalf("%s: wants to be woken at %v, which is not after %v", b.m.State(), w, b.now)
	}
}

func (b *bench) quiet() {
	b.Helper()
	for _, a := range b.out {
		b.Fatalf("in %s nobody expected %T%+v", b.m.State(), a, a)
	}
}

// wake lets time pass to the next moment the machine wants a tick.
func (b *bench) wake() {
	b.Helper()
	if b.m.Wake().IsZero() {
		b.Fatalf("%s: does not want to be woken", b.m.State())
	}
	b.now = b.m.Wake()
	b.do(tick{})
}

// wait lets that much time pass; nothing may be wanted before.
func (b *bench) wait(d time.Duration) {
	b.Helper()
	if w := b.m.Wake(); !w.IsZero() && w.Before(b.now.Add(d)) {
		b.Fatalf("%s: wants to be woken after %v, before %v", b.m.State(), w.Sub(b.now), d)
	}
	b.now = b.now.Add(d)
}

func claim[A action](b *bench) A {
	b.Helper()
	if len(b.out) == 0 {
		b.Fatalf("in %s nothing is done, want %T", b.m.State(), *new(A))
	}
	a, ok := b.out[0].(A)
	if !ok {
		b.Fatalf("in %s got %T%+v, want %T", b.m.State(), b.out[0], b.out[0], *new(A))
	}
	b.out = b.out[1:]
	return a
}

// sent claims a message and reads it back from its bytes.
func (b *bench) sent(kind dhcpv4.MessageType) send {
	b.Helper()
	s := claim[send](b)
	p, err := dhcpv4.FromBytes(s.packet(ourMAC))
	if err != nil || p.MessageType() != kind {
		b.Fatalf("in %s sent %v (%v), want %s", b.m.State(), p, err, kind)
	}
	b.last = p
	return s
}

func (b *bench) reported(lease netip.Addr, reason string) {
	b.Helper()
	r := claim[report](b)
	var got netip.Addr
	if r.lease != nil {
		got = r.lease.Address.Addr()
	}
	if got != lease || r.reason != reason {
		b.Fatalf("reported %v %q, want %v %q", got, r.reason, lease, reason)
	}
}

func (b *bench) in(s State) {
	b.Helper()
	if b.m.State() != s {
		b.Fatalf("in state %s, want %s", b.m.State(), s)
	}
}

// served is an answer of a server with the options of an ordinary home line.
func (b *bench) served(kind dhcpv4.MessageType, by, address netip.Addr, change ...dhcpv4.Modifier) event {
	return received{answer(b.last, kind, by, address, change...).ToBytes(), ourMAC}
}

func answer(to *dhcpv4.DHCPv4, kind dhcpv4.MessageType, by, address netip.Addr, change ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	p, err := dhcpv4.NewReplyFromRequest(to, dhcpv4.WithMessageType(kind),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(by.AsSlice())))
	if err != nil {
		panic(err)
	}
	if kind != dhcpv4.MessageTypeNak {
		for _, m := range []dhcpv4.Modifier{
			dhcpv4.WithYourIP(address.AsSlice()), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
			dhcpv4.WithRouter(server1.AsSlice()), dhcpv4.WithDNS(net.IP{198, 51, 100, 53}), dhcpv4.WithLeaseTime(3600),
		} {
			m(p)
		}
	}
	for _, m := range change {
		m(p)
	}
	return p
}

const (
	offer = dhcpv4.MessageTypeOffer
	ack   = dhcpv4.MessageTypeAck
	nak   = dhcpv4.MessageTypeNak
)

const given = "the DHCP server 198.51.100.1 gave us 198.51.100.7"

// bound plays the scene of a first lease: an hour of address7 from server1.
func (b *bench) bound() {
	b.Helper()
	b.do(start{})
	b.reported(netip.Addr{}, "asking for an address")
	b.sent(dhcpv4.MessageTypeDiscover)
	b.do(b.served(offer, server1, address7))
	b.wake()
	b.sent(dhcpv4.MessageTypeRequest)
	b.do(b.served(ack, server1, address7))
	if c := claim[check](b); c.address != address7 {
		b.Fatalf("checks %v", c.address)
	}
	b.in(Checking)
	b.do(checked{address7, ""})
	claim[save](b)
	b.reported(address7, given)
	b.in(Bound)
}

// saved is that lease as the last run left it.
func saved() *Lease {
	return &Lease{
		Address: netip.PrefixFrom(address7, 24), Gateway: server1, Server: server1,
		Renew: noon.Add(30 * time.Minute), Rebind: noon.Add(52 * time.Minute), Expire: noon.Add(time.Hour),
	}
}
