package packet

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var secret = []byte("s3cret")

// hmacKey is the draft's: bytes 0 to 31.
func hmacKey() []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

// draftStamp is that of the draft's vectors.
var draftStamp = Stamp{Seconds: 0x68000000, Fraction: 0x8000}

func newDraftHMAC() *Authenticator {
	return NewHMAC(map[uint8][]byte{1: hmacKey()}, 1, func() Stamp { return draftStamp })
}

// golden is a packet from elsewhere, the advert that it is, and the link that takes it.
type golden struct {
	name   string
	bytes  string
	advert Advert
	link   Link
	auth   func() *Authenticator
}

func home2(priority uint8, address, destination string) Advert {
	return Advert{Version: 2, ID: 51, Priority: priority, Interval: time.Second, Addresses: []netip.Addr{addr(address)},
		Source: addr("10.0.0.1"), Destination: addr(destination), IPID: 1}
}

// goldens were captured from keepalived 2.2.7, those with HMAC are the draft's vectors with an IP header before them.
func goldens() []golden {
	link2 := func(id uint8) Link { return Link{Version: 2, ID: id, Interval: time.Second} }
	ah := func() *Authenticator { return NewAH(secret) }
	multicast, unicast := home2(150, "10.0.0.52", "224.0.0.18"), home2(150, "10.0.0.53", "10.0.0.2")
	multicast.ID, unicast.ID = 52, 53
	unicastLink := link2(53)
	unicastLink.Unicast, unicastLink.Peers = true, []netip.Addr{addr("10.0.0.1")}
	return []golden{
		{"password", `45c0002800010000ff70d0910a000001e0000012 213396010101017e0a000032 7333637265740000`,
			home2(150, "10.0.0.50", "224.0.0.18"), link2(51), func() *Authenticator { return NewPassword(secret) }},
		{"ah multicast", `45c0004000010000ff33d0b60a000001e0000012 700400000a00000100000001be48ae670e8f4a3d974e1142
			2134960102013c950a0000340000000000000000`, multicast, link2(52), ah},
		{"ah unicast", `45c0004000010000ff33a6c70a0000010a000002 700400000a00000100000001c9f75c7906c6d026d739d85d
			2135960102013c930a0000350000000000000000`, unicast, unicastLink, ah},
		{"hmac ipv4", `45c0003c00010000ff70b040c633640ae0000012 3133c80100644402c0000264 010100006800000080000000
			1b84bc4e8e43892dc6d98448f8ee2265`,
			Advert{Version: 3, ID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{addr("192.0.2.100")},
				Source: addr("198.51.100.10"), Destination: addr("224.0.0.18"), Form: Message, IPID: 1},
			Link{Version: 3, ID: 51, Interval: time.Second}, newDraftHMAC},
		{"hmac ipv6", `6c000000003470ff fe800000000000000000000000000010 fe800000000000000000000000000020
			3133c8010064a2e9fe800000000000000000000000000100 010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78`,
			Advert{Version: 3, ID: 51, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{addr("fe80::100")},
				Source: addr("fe80::10"), Destination: addr("fe80::20")},
			Link{Version: 3, ID: 51, IPv6: true, Unicast: true, Peers: []netip.Addr{addr("fe80::10")}}, newDraftHMAC},
		{"3 multicast", `45c0002400010000ff70d0470a4d0002e0000012 313d8e02001941210a4d00010a4d0009`,
			home3(61, 142, "10.77.0.2", "224.0.0.18", "10.77.0.1", "10.77.0.9"), Link{Version: 3, ID: 61}, none},
		{"3 unicast", `45c0002000010000ff70a60e0a4d00020a4d0003 313f900100321f1e0a4d0007`,
			home3(63, 144, "10.77.0.2", "10.77.0.3", "10.77.0.7"),
			Link{Version: 3, ID: 63, Unicast: true, Peers: []netip.Addr{addr("10.77.0.2")}}, none},
		{"3 ipv6 multicast", `6c0a84c3002870ff fe800000000000000000000000000002 ff020000000000000000000000000012
			313e8f020019451a fe800000000000000000000000000062 fd000077000000000000000000000001`,
			home3(62, 143, "fe80::2", "ff02::12", "fe80::62", "fd00:77::1"), Link{Version: 3, ID: 62, IPv6: true}, none},
		{"3 ipv6 unicast", `6c0d97a800187040 fe800000000000000000000000000002 fe800000000000000000000000000003
			3140910100324118 fe800000000000000000000000000064`,
			home3(64, 145, "fe80::2", "fe80::3", "fe80::64"),
			Link{Version: 3, ID: 64, IPv6: true, Unicast: true, Peers: []netip.Addr{addr("fe80::2")}}, none},
	}
}

// home3 is an advert of keepalived's as it is in version 3; its interval is 0.25 s or, in unicast, 0.5 s.
func home3(id, priority uint8, source, destination string, addresses ...string) Advert {
	a := Advert{Version: 3, ID: id, Priority: priority, Interval: 250 * time.Millisecond, Source: addr(source),
		Destination: addr(destination), Form: Pseudo, IPID: 1}
	if !a.Destination.IsMulticast() {
		a.Interval = 500 * time.Millisecond
	}
	for _, address := range addresses {
		a.Addresses = append(a.Addresses, addr(address))
	}
	return a
}

func none() *Authenticator { return nil }

// plain clears what the kernel chooses for keepalived over IPv6: flow label and unicast hop limit.
func plain(b []byte) []byte {
	if b = bytes.Clone(b); b[0]>>4 == 6 {
		b[1] &= 0xf0
		b[2], b[3], b[7] = 0, 0, 0
	}
	return b
}

func (g *golden) packet(t testing.TB) []byte {
	t.Helper()
	return unhex(t, strings.Join(strings.Fields(g.bytes), ""))
}

func (g *golden) judge() *Link {
	link := g.link
	link.Auth = g.auth()
	return &link
}

// frame puts an IP packet into Ethernet.
func frame(packet []byte) []byte {
	ipv6 := len(packet) > 0 && packet[0]>>4 == 6
	_, destination := Group(ipv6)
	return append(AppendEthernet(nil, [6]byte{2, 0, 0, 0, 0, 1}, destination, EtherType(ipv6)), packet...)
}

// verdict is Parse and then Judge.
func verdict(link *Link, frame []byte) Reject {
	var p Packet
	if reject := p.Parse(frame); reject != Accepted {
		return reject
	}
	return link.Judge(time.Unix(1, 0), &p)
}

func TestGolden(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			want := g.packet(t)
			auth := g.auth()
			if got := g.advert.Append(nil, auth, auth.Next()); !bytes.Equal(plain(got), plain(want)) {
				t.Errorf("our advert\n  is %x\nwant %x", got, want)
			}
			link := g.judge()
			if got := verdict(link, frame(want)); got != Accepted {
				t.Errorf("%s: verdict %v", g.name, got)
			}
			padded := append(frame(want), make([]byte, 46)...)
			if got := verdict(g.judge(), padded); got != Accepted {
				t.Errorf("padded: verdict %v", got)
			}
		})
	}
}

// TestTruncated cuts every golden packet at every length, with and without the padding of a short frame.
func TestTruncated(t *testing.T) {
	for _, g := range goldens() {
		whole := frame(g.packet(t))
		for n := range len(whole) {
			if got := verdict(g.judge(), whole[:n]); got != Short {
				t.Errorf("%s: the first %d bytes are %v", g.name, n, got)
			}
		}
	}
}

// TestShortened has IP headers that tell the truth about a packet that lacks its end.
func TestShortened(t *testing.T) {
	for _, g := range goldens() {
		whole := g.packet(t)
		for n := range len(whole) {
			cut := bytes.Clone(whole[:n])
			resize(cut)
			if got := verdict(g.judge(), frame(cut)); got == Accepted || got == BadChecksum && whole[0]>>4 == 4 {
				t.Errorf("%s: the first %d bytes are %v", g.name, n, got)
			}
		}
	}
}

// resize makes the IP header right for the packet's length.
func resize(packet []byte) {
	switch {
	case len(packet) >= ipv6Header && packet[0]>>4 == 6:
		packet[4], packet[5] = 0, byte(len(packet)-ipv6Header)
	case len(packet) >= ipv4Header && packet[0]>>4 == 4:
		packet[2], packet[3] = 0, byte(len(packet))
		rehead(packet)
	}
}

// rehead makes the IPv4 header's checksum right.
func rehead(packet []byte) {
	packet[10], packet[11] = 0, 0
	c := ^sum(0, packet[:int(packet[0]&0xf)*4])
	packet[10], packet[11] = byte(c>>8), byte(c)
}

// resum makes the checksum of a message after a plain IP header right: with a pseudo-header over IPv6, without over IPv4.
func resum(packet []byte) {
	header, initial := int(packet[0]&0xf)*4, uint32(0)
	if packet[0]>>4 == 6 {
		header = ipv6Header
		source, destination := netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
		initial = pseudoSum(source, destination, len(packet)-header, protocol)
	}
	message := packet[header:]
	message[6], message[7] = 0, 0
	c := ^sum(initial, message)
	message[6], message[7] = byte(c>>8), byte(c)
}
