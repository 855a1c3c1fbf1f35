package packet

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"
)

func TestAnnouncements(t *testing.T) {
	mac := [6]byte{0x00, 0x00, 0x5e, 0x00, 0x01, 0x33}
	mac6 := [6]byte{0x00, 0x00, 0x5e, 0x00, 0x02, 0x33}
	v4, v6 := addr("192.168.1.1"), addr("fe80::33")
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"gratuitous request", AppendARP(nil, false, mac, v4),
			"ffffffffffff 00005e000133 0806 0001 0800 06 04 0001 00005e000133 c0a80101 ffffffffffff c0a80101"},
		{"gratuitous reply", AppendARP(nil, true, mac, v4),
			"ffffffffffff 00005e000133 0806 0001 0800 06 04 0002 00005e000133 c0a80101 ffffffffffff c0a80101"},
		{"arp probe", AppendProbe(nil, mac, v4, netip.Addr{}),
			"ffffffffffff 00005e000133 0806 0001 0800 06 04 0001 00005e000133 00000000 000000000000 c0a80101"},
		{"arp request", AppendProbe(nil, mac, v4, addr("192.168.1.2")),
			"ffffffffffff 00005e000133 0806 0001 0800 06 04 0001 00005e000133 c0a80102 000000000000 c0a80101"},
		{"advertisement of a router", AppendNA(nil, mac6, v6, true), "333300000001 00005e000233 86dd 60000000 0020 3a ff" +
			"fe800000000000000000000000000033 ff020000000000000000000000000001" +
			"8800 ???? a0000000 fe800000000000000000000000000033 0201 00005e000233"},
		{"advertisement of a host", AppendNA(nil, mac6, v6, false), "333300000001 00005e000233 86dd 60000000 0020 3a ff" +
			"fe800000000000000000000000000033 ff020000000000000000000000000001" +
			"8800 ???? 20000000 fe800000000000000000000000000033 0201 00005e000233"},
		{"probe from nobody", AppendProbe(nil, mac6, addr("fd00::1:2345:6789"), netip.Addr{}), "3333ff456789 00005e000233 86dd" +
			"60000000 0018 3a ff 00000000000000000000000000000000 ff0200000000000000000001ff456789" +
			"8700 ???? 00000000 fd000000000000000000000123456789"},
		{"solicitation", AppendProbe(nil, mac6, v6, addr("fe80::2")), "3333ff000033 00005e000233 86dd" +
			"60000000 0020 3a ff fe800000000000000000000000000002 ff0200000000000000000001ff000033" +
			"8700 ???? 00000000 fe800000000000000000000000000033 0101 00005e000233"},
	} {
		compareAnnouncement(t, c.name, c.got, c.want)
	}
}

// compareAnnouncement compares all bytes but an ICMPv6 checksum, which it computes.
func compareAnnouncement(t *testing.T, name string, got []byte, want string) {
	t.Helper()
	text := hex.EncodeToString(got)
	const checksum = ethernetHeader + ipv6Header + 2
	if got[12] == 0x86 {
		text = text[:2*checksum] + "????" + text[2*checksum+4:]
		message := got[ethernetHeader+ipv6Header:]
		source, destination := netip.AddrFrom16([16]byte(got[22:])), netip.AddrFrom16([16]byte(got[38:]))
		if sum(pseudoSum(source, destination, len(message), icmpv6), message) != 0xffff {
			t.Errorf("%s: wrong checksum: %x", name, got)
		}
	}
	if want = string(bytes.ReplaceAll([]byte(want), []byte(" "), nil)); text != want {
		t.Errorf("%s\n  is %s\nwant %s", name, text, want)
	}
}

func TestVirtualMAC(t *testing.T) {
	if got := VirtualMAC(0x33, false); got != [6]byte{0, 0, 0x5e, 0, 1, 0x33} {
		t.Errorf("IPv4: %x", got)
	}
	if got := VirtualMAC(0x33, true); got != [6]byte{0, 0, 0x5e, 0, 2, 0x33} {
		t.Errorf("IPv6: %x", got)
	}
}

func TestGroup(t *testing.T) {
	for _, c := range []struct {
		ipv6    bool
		address string
		mac     [6]byte
	}{{false, "224.0.0.18", [6]byte{1, 0, 0x5e, 0, 0, 18}}, {true, "ff02::12", [6]byte{0x33, 0x33, 0, 0, 0, 0x12}}} {
		if address, mac := Group(c.ipv6); address != addr(c.address) || mac != c.mac {
			t.Errorf("%v, %x", address, mac)
		}
	}
}
