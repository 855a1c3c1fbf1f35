package kernel

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/twinpath/twinpath/vrrp"
)

func arpFrame(from [6]byte, sender, target string) []byte {
	f := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, from[:]...)
	f = append(f, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	f = append(append(f, from[:]...), netip.MustParseAddr(sender).AsSlice()...)
	f = append(f, make([]byte, 6)...)
	return append(f, netip.MustParseAddr(target).AsSlice()...)
}

func naFrame(from [6]byte, kind byte, target string) []byte {
	message := append([]byte{kind, 0, 0, 0, 0x20, 0, 0, 0}, netip.MustParseAddr(target).AsSlice()...)
	f := append([]byte{0x33, 0x33, 0, 0, 0, 1}, from[:]...)
	f = append(f, 0x86, 0xdd)
	return append(f, packet6(netip.MustParseAddr("fe80::9"), netip.MustParseAddr("ff02::1"), 58, string(message))...)
}

func TestClaimsOfOthers(t *testing.T) {
	e := newEnds(t)
	here := e.here.(vrrp.Claims)
	stranger := [6]byte{2, 0, 0, 0, 0, 0x66}
	guard := func(all ...string) {
		t.Helper()
		var list []netip.Addr
		for _, a := range all {
			list = append(list, netip.MustParseAddr(a))
		}
		if err := here.Guard(list); err != nil {
			t.Fatal(err)
		}
	}
	e.send(e.over, arpFrame(stranger, "192.168.1.1", "192.168.1.1")) // nobody asked yet
	guard("192.168.1.1", "192.168.1.9", "2001:db8:7::1", "fe80::51")
	forwarded := naFrame(stranger, advertisement, "fe80::51")
	forwarded[ipv6HopLimit] = 64
	e.send(e.here, arpFrame(stranger, "192.168.1.1", "192.168.1.1")) // we ourselves
	e.send(e.over,
		arpFrame(stranger, "192.168.1.66", "192.168.1.1"), // a question
		arpFrame(stranger, "0.0.0.0", "192.168.1.1"),      // a probe: our kernel answers it
		naFrame(stranger, 135, "fe80::51"), forwarded, naFrame(stranger, advertisement, "fe80::1:0:0:51"),
		frame4(groups[0], protocolVRRP, "an advert..."),
		arpFrame(stranger, "192.168.1.9", "192.168.1.50"), naFrame(stranger, advertisement, "2001:db8:7::1"),
	)
	defer time.AfterFunc(5*time.Second, func() { _ = e.here.Close() }).Stop()
	for _, address := range []string{"192.168.1.9", "2001:db8:7::1"} {
		got, err := here.Claim()
		if want := (vrrp.Claim{Address: netip.MustParseAddr(address), MAC: stranger}); err != nil || got != want {
			t.Errorf("claim is %v, %v; want %v", got, err, want)
		}
	}
	guard("192.168.1.1")
	e.send(e.over, arpFrame(stranger, "192.168.1.9", "192.168.1.9"), arpFrame(stranger, "192.168.1.1", "192.168.1.1"))
	if got, err := here.Claim(); err != nil || got.Address != netip.MustParseAddr("192.168.1.1") {
		t.Errorf("claim is %v, %v", got, err)
	}
	_ = e.here.Close()
	if _, err := here.Claim(); err == nil {
		t.Error("a claim on a closed wire")
	}
}

func TestClaimsOfCutOffFrames(t *testing.T) {
	stranger := [6]byte{2, 0, 0, 0, 0, 0x66}
	for _, f := range [][]byte{arpFrame(stranger, "192.168.1.1", "192.168.1.1"), naFrame(stranger, advertisement, "fe80::51")} {
		whole, ok := claimOf(f)
		if !ok {
			t.Errorf("%x is no claim", f)
		}
		for n := range f {
			if c, ok := claimOf(f[:n]); ok && c != whole {
				t.Errorf("%d bytes claim %v", n, c)
			}
		}
	}
}

// TestGuardsManyAddresses keeps the filter within the kernel's limit.
func TestGuardsManyAddresses(t *testing.T) {
	var all []netip.Addr
	for i := range guardable {
		a := netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i/256, i%256))
		if i%2 == 1 {
			a = netip.MustParseAddr(fmt.Sprintf("fd00::%x", i))
		}
		all = append(all, a)
	}
	if n := len(claims(all)); n > 4096 {
		t.Errorf("%d instructions", n)
	}
	vm, err := bpf.NewVM(claims(all)[4:]) // the simulation has no VLANs
	if err != nil {
		t.Fatal(err)
	}
	stranger := [6]byte{2, 0, 0, 0, 0, 0x66}
	for _, c := range []struct {
		frame []byte
		want  bool
	}{
		{arpFrame(stranger, "10.0.7.206", "10.0.0.1"), true}, {arpFrame(stranger, "10.0.7.207", "10.0.0.1"), false},
		{naFrame(stranger, advertisement, "fd00::7cf"), true}, {naFrame(stranger, advertisement, "fd00::7ce"), false},
	} {
		if n, err := vm.Run(c.frame); err != nil || n > 0 != c.want {
			t.Errorf("%x passes: %d, %v", c.frame, n, err)
		}
	}
	e := newEnds(t)
	if err := e.here.(vrrp.Claims).Guard(append(all, all...)); err != nil {
		t.Error(err)
	}
}
