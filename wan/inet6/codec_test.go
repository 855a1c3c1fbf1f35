package inet6

import (
	"bytes"
	"net"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"
)

func TestReadAdvert(t *testing.T) {
	dns := netip.MustParseAddr("2001:db8:1::53")
	library, err := ndp.MarshalMessage(&ndp.RouterAdvertisement{
		ManagedConfiguration: true, RouterSelectionPreference: ndp.High, RouterLifetime: 30 * time.Minute,
		Options: []ndp.Option{
			&ndp.PrefixInformation{PrefixLength: 64, OnLink: true, AutonomousAddressConfiguration: true,
				ValidLifetime: 24 * time.Hour, PreferredLifetime: 4 * time.Hour, Prefix: network1.Addr()},
			ndp.NewMTU(1492),
			&ndp.RecursiveDNSServer{Lifetime: 10 * time.Minute, Servers: []netip.Addr{dns}},
			&ndp.RouteInformation{PrefixLength: 56, Prefix: house1.Addr(), RouteLifetime: time.Hour},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	full := advert{lifetime: 30 * time.Minute, preference: 1, managed: true, mtu: 1492,
		networks: []announced{own(network1, 86400, 14400)}, resolvers: []resolver{{dns, 600}}}
	head := library[:16:16]
	tests := map[string]struct {
		raw  []byte
		want advert
		bad  bool
	}{
		"of another program":          {raw: library, want: full},
		"of ours":                     {raw: said{lifetime: 30 * time.Minute, flags: 0x88, networks: full.networks, mtu: 1492, dns: full.resolvers}.bytes(), want: full},
		"without options":             {raw: head, want: advert{lifetime: 30 * time.Minute, preference: 1, managed: true}},
		"an odd option is passed":     {raw: append(head, 31, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), want: advert{lifetime: 30 * time.Minute, preference: 1, managed: true}},
		"a prefix option of 16 bytes": {raw: append(head, append([]byte{3, 2}, make([]byte, 14)...)...), want: advert{lifetime: 30 * time.Minute, preference: 1, managed: true}},
		"an MTU that IPv6 forbids":    {raw: append(head, 5, 1, 0, 0, 0, 0, 4, 0xff), want: advert{lifetime: 30 * time.Minute, preference: 1, managed: true}},
		"an option without a length":  {raw: append(head, 3, 0, 0, 0, 0, 0, 0, 0), bad: true},
		"an option beyond the end":    {raw: append(head, 3, 4, 0, 0, 0, 0, 0, 0), bad: true},
		"half an option":              {raw: append(head, 3), bad: true},
		"too short":                   {raw: library[:15], bad: true},
		"a code":                      {raw: append([]byte{134, 1}, library[2:]...), bad: true},
		"a solicitation":              {raw: solicitation(nil), bad: true},
		"empty":                       {bad: true},
	}
	for name, test := range tests {
		got, err := readAdvert(test.raw)
		if (err != nil) != test.bad || !test.bad && !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: read %+v, %v", name, got, err)
		}
	}
}

func TestSolicitation(t *testing.T) {
	for _, mac := range []net.HardwareAddr{ourMAC, nil} {
		m, err := ndp.ParseMessage(solicitation(mac))
		if err != nil {
			t.Fatal(err)
		}
		s := m.(*ndp.RouterSolicitation)
		if mac == nil {
			if len(s.Options) != 0 {
				t.Errorf("options %v", s.Options)
			}
			continue
		}
		if o := s.Options[0].(*ndp.LinkLayerAddress); o.Direction != ndp.Source || !bytes.Equal(o.Addr, mac) {
			t.Errorf("option %+v", o)
		}
	}
}

func TestReadMessage(t *testing.T) {
	iaid := associationID("fibre")
	question := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeRequest, TransactionID: dhcpv6.TransactionID{1, 2, 3}}
	question.AddOption(dhcpv6.OptClientID(server2))
	question.AddOption(&dhcpv6.OptIANA{IaId: iaid})
	question.AddOption(&dhcpv6.OptIAPD{IaId: iaid})
	sound := func(change ...func(*dhcpv6.Message)) []byte {
		r := honest().answer(question, dhcpv6.MessageTypeReply, false)
		for _, c := range change {
			c(r)
		}
		return r.ToBytes()
	}
	m, err := readMessage(sound(), iaid)
	if err != nil {
		t.Fatal(err)
	}
	want := &message{kind: reply, exchange: [3]byte{1, 2, 3}, client: server2.ToBytes(), server: server1.ToBytes(),
		dns:       []netip.Addr{netip.MustParseAddr("2001:db8:1::53")},
		addresses: &association{t1: 900, t2: 1440, leases: []granted{{netip.PrefixFrom(line1, 128), 1800, 3600}}},
		prefixes:  &association{t1: 900, t2: 1440, leases: []granted{{house1, 1800, 3600}}},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("read %+v", m)
	}
	prefix := func(p netip.Prefix, preferred, valid time.Duration) func(*dhcpv6.Message) {
		return func(r *dhcpv6.Message) {
			r.Options.Del(dhcpv6.OptionIAPD)
			a := &dhcpv6.OptIAPD{IaId: iaid}
			a.Options.Add(prefixOption(p, preferred, valid))
			r.AddOption(a)
		}
	}
	useless := map[string][]byte{
		"a prefix longer than a network":   sound(prefix(netip.MustParsePrefix("2001:db8:1:100::/65"), time.Hour, time.Hour)),
		"a link-local prefix":              sound(prefix(netip.MustParsePrefix("fe80::/56"), time.Hour, time.Hour)),
		"a multicast prefix":               sound(prefix(netip.MustParsePrefix("ff02::/56"), time.Hour, time.Hour)),
		"more than any customer gets":      sound(prefix(netip.MustParsePrefix("2000::/3"), time.Hour, time.Hour)),
		"IPv4 in IPv6":                     sound(prefix(netip.MustParsePrefix("::/56"), time.Hour, time.Hour)),
		"preferred for longer than valid":  sound(prefix(house1, time.Hour, time.Minute)),
		"another's association":            sound(func(r *dhcpv6.Message) { r.Options.OneIAPD().IaId[0]++ }),
		"T1 after T2":                      sound(func(r *dhcpv6.Message) { r.Options.OneIAPD().T1 = time.Hour }),
		"of nobody, without an identifier": nil,
	}
	for name, raw := range useless {
		if raw == nil {
			continue
		}
		m, err := readMessage(raw, iaid)
		if err != nil || m.prefixes.gives() {
			t.Errorf("%s: prefixes %+v, %v", name, m.prefixes, err)
		}
	}
	void := map[string][]byte{
		"no server":     sound(func(r *dhcpv6.Message) { r.Options.Del(dhcpv6.OptionServerID) }),
		"no client":     sound(func(r *dhcpv6.Message) { r.Options.Del(dhcpv6.OptionClientID) }),
		"our question":  question.ToBytes(),
		"empty":         {},
		"half a header": {7, 1, 2},
		"cut off":       sound()[:40],
	}
	for name, raw := range void {
		if m, err := readMessage(raw, iaid); err == nil {
			t.Errorf("%s: read %+v", name, m)
		}
	}
}

// Another program reads what we write.
func TestMessage(t *testing.T) {
	m := NewMachine("fibre", dice())
	m.Step(noon, start{})
	m.Step(noon, opened{mac: ourMAC})
	m.Step(noon.Add(2*time.Second), tick{})
	out := m.Step(noon.Add(3*time.Second), tick{})
	i := 0
	for ; i < len(out); i++ {
		if _, ok := out[i].(send); ok {
			break
		}
	}
	if i == len(out) {
		t.Fatalf("nothing is sent: %v", out)
	}
	d, err := dhcpv6.FromBytes(out[i].(send).message)
	if err != nil {
		t.Fatal(err)
	}
	q := d.(*dhcpv6.Message)
	hint := q.Options.OneIAPD().Options.Prefixes()[0].Prefix
	if q.MessageType != dhcpv6.MessageTypeSolicit || !q.Options.ClientID().Equal(&dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: ourMAC}) ||
		q.Options.OneIANA() == nil || hint.String() != "::/56" || q.GetOneOption(dhcpv6.OptionRapidCommit) == nil {
		t.Errorf("sent %s", q.Summary())
	}
}

func FuzzReadAdvert(f *testing.F) {
	f.Add(ordinary.bytes())
	f.Add(said{lifetime: time.Hour, networks: []announced{own(network1, forever, 1)}, mtu: 1500, dns: []resolver{{line1, 1}}}.bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := readAdvert(raw)
		if err != nil {
			return
		}
		d := discovery{}
		d.hear(noon, router1, a)
		d.lapse(noon)
		for _, n := range d.networks {
			if n.prefix.Bits() != 64 || !public(n.prefix) {
				t.Errorf("takes %s", n.prefix)
			}
		}
		if w := d.wake(); !w.IsZero() && !w.After(noon) {
			t.Errorf("wakes at %v", w)
		}
	})
}

func FuzzReadMessage(f *testing.F) {
	iaid := associationID("fibre")
	q := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeRequest}
	q.AddOption(dhcpv6.OptClientID(server2))
	q.AddOption(&dhcpv6.OptIANA{IaId: iaid})
	q.AddOption(&dhcpv6.OptIAPD{IaId: iaid})
	f.Add(honest().answer(q, dhcpv6.MessageTypeReply, false).ToBytes())
	f.Add(honest().answer(q, dhcpv6.MessageTypeReply, true).ToBytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := readMessage(raw, iaid)
		if err != nil {
			return
		}
		b := merge(nil, m, noon)
		for _, p := range b.Prefixes {
			if !public(p.Prefix) || p.Prefix.Bits() > 64 {
				t.Errorf("takes %s", p.Prefix)
			}
		}
		if !b.Renew.IsZero() && (b.Renew.Before(noon) || b.Rebind.Before(b.Renew)) {
			t.Errorf("renews at %v and %v", b.Renew, b.Rebind)
		}
	})
}
