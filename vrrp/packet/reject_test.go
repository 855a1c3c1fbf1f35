package packet

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

// plain3 is a version 3 advert and the link that takes it.
func plain3(ipv6 bool) (Advert, Link) {
	a := Advert{Version: 3, ID: 7, Priority: 100, Interval: time.Second, IPID: 9}
	a.Destination, _ = Group(ipv6)
	a.Source, a.Addresses = addr("10.0.0.2"), []netip.Addr{addr("10.0.0.1")}
	if ipv6 {
		a.Source, a.Addresses = addr("fe80::2"), []netip.Addr{addr("fe80::1"), addr("fd00::1")}
	}
	return a, Link{Version: 3, ID: 7, IPv6: ipv6, Interval: time.Second}
}

// rejection is what is changed about a good advert, its link or its bytes, and the verdict then.
type rejection struct {
	want   Reject
	name   string
	ipv6   bool
	advert func(*Advert)
	link   func(*Link)
	packet func([]byte) []byte
}

func rejections() []rejection {
	peers := func(l *Link, peer string) { l.Unicast, l.Peers = true, []netip.Addr{addr(peer)} }
	poke := func(at int, value byte, mend ...func([]byte)) func([]byte) []byte {
		return func(b []byte) []byte {
			b[at] = value
			for _, m := range mend {
				m(b)
			}
			return b
		}
	}
	grow := func(n int) func([]byte) []byte {
		return func(b []byte) []byte {
			b = append(b, make([]byte, n)...)
			resize(b)
			return b
		}
	}
	version2 := func(a *Advert) { a.Version = 2 }
	two := func(l *Link) { l.Version = 2 }
	return []rejection{
		{want: Accepted, name: "as it is"},
		{want: Accepted, name: "as it is", ipv6: true},
		{want: Accepted, name: "priority 0", advert: func(a *Advert) { a.Priority = 0 }},
		{want: Accepted, name: "checksum of the message", advert: func(a *Advert) { a.Form = Message }},
		{want: Accepted, name: "reserved bits", packet: poke(24, 0xf0, resum)},
		{want: Accepted, name: "another interval", advert: func(a *Advert) { a.Interval = 50 * time.Millisecond }},
		{want: Accepted, name: "other addresses", advert: func(a *Advert) { a.Addresses = []netip.Addr{addr("1.2.3.4"), addr("1.2.3.5")} }},
		{want: Accepted, name: "IP option", packet: option},
		{want: Accepted, name: "version 2", advert: version2, link: two},
		{want: Accepted, name: "unicast", advert: func(a *Advert) { a.Destination = addr("10.0.0.9") }, link: func(l *Link) { peers(l, "10.0.0.2") }},
		{want: Accepted, name: "unicast of keepalived's", ipv6: true, advert: func(a *Advert) { a.Destination = addr("fe80::9") },
			link: func(l *Link) { peers(l, "fe80::2") }, packet: poke(7, 64)},
		{want: Protocol, name: "OSPF", packet: poke(9, 89, rehead)},
		{want: Protocol, name: "ICMPv6", ipv6: true, packet: poke(6, 58)},
		{want: Protocol, name: "somebody's IPsec", packet: poke(9, 51, rehead)},
		{want: Short, name: "too few addresses", packet: poke(23, 2, resum)},
		{want: Short, name: "a length beyond the frame", packet: poke(3, 60, rehead)},
		{want: Long, name: "a word too much", packet: grow(4)},
		{want: Long, name: "an unknown trailer", packet: grow(hmacTrailer)},
		{want: IPHeader, name: "header checksum", packet: poke(11, 0xaa)},
		{want: IPHeader, name: "header length", packet: poke(0, 0x44)},
		{want: IPHeader, name: "IPv5", packet: poke(0, 0x55)},
		{want: IPHeader, name: "IPv5", ipv6: true, packet: poke(0, 0x50)},
		{want: IPHeader, name: "total below the header", packet: poke(3, 19, rehead)},
		{want: Fragment, name: "the first fragment", packet: poke(6, 0x20, rehead)},
		{want: Fragment, name: "a later fragment", packet: poke(7, 1, rehead)},
		{want: Fragment, name: "a fragment", ipv6: true, packet: poke(6, 44)},
		{want: CARP, name: "CARP", packet: carp},
		{want: Version, name: "version 2", advert: version2},
		{want: Version, name: "version 3", link: two},
		{want: Version, name: "version 4", packet: poke(20, 0x41, resum)},
		{want: Version, name: "version 2 over IPv6", ipv6: true, packet: poke(40, 0x21, resum), link: two},
		{want: Type, name: "type 2", packet: poke(20, 0x32, resum)},
		{want: BadChecksum, name: "checksum", packet: poke(26, 0x11)},
		{want: BadChecksum, name: "checksum", ipv6: true, packet: poke(46, 0x11)},
		{want: BadChecksum, name: "checksum of version 2", advert: version2, link: two, packet: poke(26, 0x11)},
		{want: Family, name: "IPv6 expected", link: func(l *Link) { l.IPv6 = true }},
		{want: Family, name: "IPv4 expected", ipv6: true, link: func(l *Link) { l.IPv6 = false }},
		{want: VRID, name: "VRID", link: func(l *Link) { l.ID = 8 }},
		{want: HopLimit, name: "254", packet: poke(8, 254, rehead)},
		{want: HopLimit, name: "254", ipv6: true, packet: poke(7, 254)},
		{want: HopLimit, name: "unicast IPv4", advert: func(a *Advert) { a.Destination = addr("10.0.0.9") },
			link: func(l *Link) { peers(l, "10.0.0.2") }, packet: poke(8, 64, rehead)},
		{want: SelfSource, name: "ourselves", link: func(l *Link) { l.Own = []netip.Addr{addr("10.0.0.2")} }},
		{want: MulticastUnexpected, name: "multicast", link: func(l *Link) { peers(l, "10.0.0.2") }},
		{want: UnicastUnexpected, name: "unicast", advert: func(a *Advert) { a.Destination = addr("10.0.0.9") }},
		{want: OtherGroup, name: "all hosts", advert: func(a *Advert) { a.Destination = addr("224.0.0.1") }},
		{want: NotAPeer, name: "stranger", advert: func(a *Advert) { a.Destination = addr("10.0.0.9") }, link: func(l *Link) { peers(l, "10.0.0.3") }},
		{want: Count, name: "no address", advert: func(a *Advert) { a.Addresses = nil }},
		{want: Count, name: "no address", ipv6: true, advert: func(a *Advert) { a.Addresses = nil }},
		{want: Accepted, name: "global first", ipv6: true, advert: func(a *Advert) { a.Addresses = a.Addresses[1:] }},
		{want: IntervalZero, name: "interval 0", packet: func(b []byte) []byte { b[24], b[25] = 0xf0, 0; resum(b); return b }},
		{want: IntervalZero, name: "interval 0 of version 2", advert: version2, link: two, packet: poke(25, 0, resum)},
		{want: IntervalMismatch, name: "2 s", advert: func(a *Advert) { a.Version, a.Interval = 2, 2*time.Second }, link: two},
		{want: AuthType, name: "password, and none here", advert: version2, link: two, packet: poke(24, 1, resum)},
		{want: AuthType, name: "none, and a password here", advert: version2, link: func(l *Link) { two(l); l.Auth = NewPassword(secret) }},
		{want: AuthType, name: "none, and AH here", advert: version2, link: func(l *Link) { two(l); l.Auth = NewAH(secret) }},
		{want: AuthType, name: "AH without its header", advert: version2, link: func(l *Link) { two(l); l.Auth = NewAH(secret) }, packet: poke(24, 2, resum)},
		{want: AuthType, name: "none, and HMAC here", link: func(l *Link) { l.Auth = newDraftHMAC() }},
	}
}

func TestRejects(t *testing.T) {
	reached := map[Reject]bool{AuthBad: true, AuthReplay: true, KeyUnknown: true, AHHeader: true} // in auth_test.go
	for _, c := range rejections() {
		reached[c.want] = true
		t.Run(c.want.String()+"/"+c.name, func(t *testing.T) {
			advert, link := plain3(c.ipv6)
			if c.advert != nil {
				c.advert(&advert)
			}
			if c.link != nil {
				c.link(&link)
			}
			b := advert.Append(nil, nil, Sequence{})
			if c.packet != nil {
				b = c.packet(b)
			}
			if got := verdict(&link, frame(b)); got != c.want {
				t.Errorf("%v, want %v: %x", got, c.want, b)
			}
		})
	}
	if len(reached) != Rejects {
		t.Errorf("%d of %d verdicts are reached", len(reached), Rejects)
	}
}

// TestFrames has what is no packet at all.
func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  Reject
	}{
		{"nothing", nil, Short},
		{"half an Ethernet header", make([]byte, 13), Short},
		{"ARP", AppendARP(nil, false, [6]byte{}, addr("10.0.0.1")), Protocol},
		{"no header behind IPv4", AppendEthernet(nil, [6]byte{}, [6]byte{}, EtherType(false)), Short},
		{"no header behind IPv6", AppendEthernet(nil, [6]byte{}, [6]byte{}, EtherType(true)), Short},
	} {
		if got := new(Packet).Parse(c.frame); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// option puts a router alert into the IPv4 header.
func option(b []byte) []byte {
	b = append(b[:ipv4Header:ipv4Header], append([]byte{148, 4, 0, 0}, b[ipv4Header:]...)...)
	b[0] = 0x46
	resize(b)
	return b
}

// carp makes it CARP of VHID 7 with its 36 bytes.
func carp(b []byte) []byte {
	b = append(b[:ipv4Header], make([]byte, carpLength)...)
	copy(b[ipv4Header:], []byte{0x21, 7, 0, 7, 0, 1})
	resize(b)
	return b
}

func TestCARPIsNotFiveAddresses(t *testing.T) {
	advert, link := plain3(false)
	advert.Version, link.Version = 2, 2
	for len(advert.Addresses) < 5 {
		advert.Addresses = append(advert.Addresses, advert.Addresses[0])
	}
	b := advert.Append(nil, nil, Sequence{})
	if got := len(b) - ipv4Header; got != carpLength {
		t.Fatalf("%d bytes", got)
	}
	if got := verdict(&link, frame(b)); got != Accepted {
		t.Errorf("verdict %v", got)
	}
	var p Packet
	if got := p.Parse(frame(carp(b))); got != CARP || p.ID != 7 || p.Source != advert.Source {
		t.Errorf("verdict %v, VHID %d, source %v", got, p.ID, p.Source)
	}
}

// TestRejectedKeepsItsSender has what counting a rejected packet needs.
func TestRejectedKeepsItsSender(t *testing.T) {
	advert, _ := plain3(true)
	b := advert.Append(nil, nil, Sequence{})
	b[46]++
	var p Packet
	if got := p.Parse(frame(b)); got != BadChecksum {
		t.Fatalf("verdict %v", got)
	}
	if p.Source != advert.Source || p.ID != 7 || p.Priority != 100 || len(p.Addresses(nil)) != 2 {
		t.Errorf("%+v", p)
	}
	p.Parse(frame(b[:60]))
	if got := p.Addresses(nil); len(got) != 0 {
		t.Errorf("addresses of a packet cut off: %v", got)
	}
}

func TestRejectNames(t *testing.T) {
	seen := map[string]Reject{}
	for i := range Rejects {
		r := Reject(i)
		for _, s := range []string{r.String(), r.Sentence()} {
			if other, twice := seen[s]; twice || s == "" {
				t.Errorf("%d and %d are both %q", other, r, s)
			}
			seen[s] = r
		}
	}
	if got, clause := Reject(Rejects).String(), Reject(Rejects).Sentence(); got != "reject-26" || clause != "it is rejected for an unknown reason" {
		t.Errorf("beyond the last: %q, %q", got, clause)
	}
	want := map[Reject]uint64{BadChecksum: 3, AuthReplay: 1}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `{"auth-replay":1,"bad-checksum":3}` {
		t.Fatalf("%s, %v", text, err)
	}
	var got map[Reject]uint64
	if err := json.Unmarshal(text, &got); err != nil || got[BadChecksum] != 3 || got[AuthReplay] != 1 {
		t.Errorf("%v, %v", got, err)
	}
	err = json.Unmarshal([]byte(`{"full-moon":1}`), &got)
	if err == nil || err.Error() != `read reject reason "full-moon": there is no such reason` {
		t.Errorf("error %v", err)
	}
	if _, err := Reject(200).MarshalText(); err == nil || err.Error() != "name reject reason 200: there is no such reason" {
		t.Errorf("error %v", err)
	}
}
