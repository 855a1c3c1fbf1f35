package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

func TestHoldAddsAndRemoves(t *testing.T) {
	h := newHolder(t)
	h.must("ip addr add 192.168.1.2/24 dev lan0")
	before := h.show()
	a, b, c := h.of(51, "192.168.1.1/24"), h.of(51, "fe80::51/64", "2001:db8:7::1/64"), h.of(52, "10.7.0.1/24", "10.7.0.2/24")
	if restored := h.hold(a, b, c); restored != nil {
		t.Errorf("the first call restored %v", restored)
	}
	h.has("lan0 192.168.1.1/32", "lan0 fe80::51/64", "lan0 2001:db8:7::1/64", "lan0 10.7.0.1/24", "lan0 10.7.0.2/24")
	for _, want := range []string{"10.7.0.0/24 dev lan0 proto kernel scope link src 10.7.0.1", "2001:db8:7::/64 dev lan0 proto kernel"} {
		if got := h.show(); !strings.Contains(got, want) {
			t.Errorf("no route %q in\n%s", want, got)
		}
	}
	if n := strings.Count(h.must("ip -4 route"), "192.168.1.0/24"); n != 1 {
		t.Errorf("%d connected routes of the house, want 1", n)
	}
	// The elder of two in one network goes, the younger stays.
	h.hold(a, h.of(52, "10.7.0.2/24"))
	h.has("lan0 192.168.1.1/32", "lan0 10.7.0.2/24")
	h.hold()
	h.has()
	// The kernel lets the connected routes of IPv6 addresses with a lifetime expire.
	h.must("ip -6 route flush dev lan0 proto kernel")
	if d := difference(h.show(), before); d != "" {
		t.Errorf("not as before:\n%s", d)
	}
}

func TestHoldFollowsTheOwnersAddress(t *testing.T) {
	h := newHolder(t)
	a := h.of(51, "192.168.1.1/24")
	h.hold(a)
	h.has("lan0 192.168.1.1/24")
	h.must("ip addr add 192.168.1.2/24 dev lan0")
	if restored := h.hold(a); restored != nil {
		t.Errorf("restored %v", restored)
	}
	h.has("lan0 192.168.1.1/32")
	if got := h.must("ip addr show lan0"); !strings.Contains(got, "192.168.1.2/24") || strings.Contains(got, "secondary") {
		t.Errorf("the owner's address is not on its own feet:\n%s", got)
	}
	if got := h.must("ip route"); !strings.Contains(got, "192.168.1.0/24 dev lan0 proto kernel scope link src 192.168.1.2") {
		t.Errorf("no connected route of the owner's:\n%s", got)
	}
	h.must("ip addr del 192.168.1.2/24 dev lan0")
	h.has("lan0 192.168.1.1/32")
	h.hold(a)
	h.has("lan0 192.168.1.1/24")
	h.hold()
	h.has()
}

func TestHoldUsesWhatSomeoneElsePutThere(t *testing.T) {
	h := newHolder(t)
	a := h.of(51, "192.168.1.1/24")
	h.must("ip addr add 192.168.1.1/24 dev lan0")
	h.hold(a)
	h.has()
	h.hold()
	if got := h.must("ip addr show lan0"); !strings.Contains(got, "192.168.1.1/24") || strings.Contains(got, "sec preferred") {
		t.Errorf("a stranger's address was touched:\n%s", got)
	}
	h.hold(a)
	h.must("ip addr del 192.168.1.1/24 dev lan0")
	h.hold(a)
	h.has("lan0 192.168.1.1/24")
}

func TestHoldRestores(t *testing.T) {
	for _, watched := range []bool{false, true} {
		h := newHolder(t)
		var look <-chan struct{}
		if watched {
			look, _ = h.watching()
		}
		a, b := h.of(51, "10.7.0.1/24", "10.8.0.1/24"), h.of(51, "2001:db8:7::1/64")
		h.hold(a, b)
		if watched {
			h.hold(a, b)
			drained(look)
		}
		h.must("ip addr del 10.8.0.1/24 dev lan0")
		if watched {
			h.await(look)
		}
		restored, err := h.try(false, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if want := []vrrp.Holding{h.of(51, "10.8.0.1/24")}; fmt.Sprint(restored) != fmt.Sprint(want) {
			t.Errorf("watched %v: restored %v, want %v", watched, restored, want)
		}
		h.has("lan0 10.7.0.1/24", "lan0 10.8.0.1/24", "lan0 2001:db8:7::1/64")
		if restored := h.hold(a, b); restored != nil {
			t.Errorf("watched %v: restored %v once more", watched, restored)
		}
	}
}

func TestHoldDoesWhatCanBeDone(t *testing.T) {
	h := newHolder(t)
	gone := h.of(52, "10.9.0.1/24")
	gone.Index = 9999
	_, err := h.try(true, gone, h.of(51, "10.7.0.1/24"))
	if err == nil || !strings.Contains(err.Error(), "add address 10.9.0.1/24 dev if9999: no such device") {
		t.Errorf("got %v", err)
	}
	h.has("lan0 10.7.0.1/24")
	h.must("sysctl -qw net.ipv6.conf.lan0.disable_ipv6=1")
	_, err = h.try(true, h.of(51, "2001:db8:7::1/64"))
	if err == nil || !strings.Contains(err.Error(), "IPv6 is disabled on this device") {
		t.Errorf("got %v", err)
	}
}

// TestHoldExpires is the dead man's hand: nobody renews, and the kernel takes the addresses away.
func TestHoldExpires(t *testing.T) {
	t.Parallel() // it waits
	h := newHolder(t)
	_, calls := h.watching()
	all := []vrrp.Holding{h.of(51, "10.7.0.1/24"), h.of(51, "2001:db8:7::1/64"), h.withMAC(52, "10.8.0.1/24")}
	h.hold(all...)
	before := calls.Load()
	start := time.Now()
	h.until("end of the addresses", func() bool { return len(h.virtuals()) == 0 })
	if took := time.Since(start); took < vrrp.Lifetime-vrrp.Refresh || took > vrrp.Lifetime+time.Second {
		t.Errorf("the addresses were gone after %v, want about %v", took, vrrp.Lifetime)
	}
	h.until("news of it", func() bool { return calls.Load() > before })
	if restored := h.hold(all...); restored != nil {
		t.Errorf("what expired was restored from somebody: %v", restored)
	}
	if len(h.virtuals()) != 3 {
		t.Errorf("back are %q, want three", h.virtuals())
	}
}

func TestRefreshIsNoNews(t *testing.T) {
	h := newHolder(t)
	a, b := h.of(51, "10.7.0.1/24"), h.of(51, "fe80::51/64", "2001:db8:7::1/64")
	h.hold(a, b)
	h.must("ip -6 addr show tentative")
	h.until("addresses ready", func() bool { return h.must("ip -6 -o addr show tentative") == "" })
	_, calls := h.watching()
	_, others := h.box.watching()
	h.hold(a, b)
	mine, theirs := calls.Load(), others.Load()
	for range 20 {
		h.hold(a, b)
	}
	// A change that both have to tell ends the wait.
	h.must("ip addr add 192.0.2.1/32 dev wan1")
	h.until("news", func() bool { return calls.Load() > mine && others.Load() > theirs })
	if n, m := calls.Load()-mine, others.Load()-theirs; n != 1 || m > 2 { // the address and its local route
		t.Errorf("20 refreshes and one new address told the engine %d times and the router %d times, want once or twice", n, m)
	}
	// Our own removals are no news to the engine either.
	h.hold(a)
	h.hold()
	h.must("ip addr add 192.0.2.2/32 dev wan1")
	h.until("news", func() bool { return calls.Load() > mine+1 })
	if n := calls.Load() - mine; n != 2 {
		t.Errorf("the engine was told %d times, want twice", n)
	}
}

// TestRenewedWithoutFilter is for kernels that refuse a filter on news.
func TestRenewedWithoutFilter(t *testing.T) {
	address := func(protocol byte) []byte {
		body := append([]byte{unix.AF_INET, 24, 0, 0, 7, 0, 0, 0}, 8, 0, unix.IFA_LOCAL, 0, 10, 7, 0, 1)
		return append(body, 5, 0, ifaProto, 0, protocol, 0, 0, 0)
	}
	route := func(protocol byte, expires uint32) []byte {
		body := make([]byte, unix.SizeofRtMsg, 64)
		body[0], body[5] = unix.AF_INET6, protocol
		body = append(body, 36, 0, unix.RTA_CACHEINFO, 0)
		return append(body, binary.NativeEndian.AppendUint32(make([]byte, 8, 32), expires)...)
	}
	pad := func(b []byte) []byte { return append(b, make([]byte, 20)...) }
	for _, c := range []struct {
		what string
		kind netlink.HeaderType
		body []byte
		want bool
	}{
		{"a virtual address", unix.RTM_NEWADDR, address(virtualProtocol), true},
		{"its end", unix.RTM_DELADDR, address(virtualProtocol), false},
		{"the plan's address", unix.RTM_NEWADDR, address(router.Protocol), false},
		{"nothing", unix.RTM_NEWADDR, nil, false},
		{"a connected route that expires", unix.RTM_NEWROUTE, pad(route(unix.RTPROT_KERNEL, 300)), true},
		{"one that stays", unix.RTM_NEWROUTE, pad(route(unix.RTPROT_KERNEL, 0)), false},
		{"a learned route", unix.RTM_NEWROUTE, pad(route(unix.RTPROT_RA, 300)), false},
		{"half a route", unix.RTM_NEWROUTE, route(unix.RTPROT_KERNEL, 300)[:10], false},
	} {
		if got := renewed(netlink.Message{Header: netlink.Header{Type: c.kind}, Data: c.body}); got != c.want {
			t.Errorf("%s: renewed is %v, want %v", c.what, got, c.want)
		}
	}
	var n news
	if n.note(netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWADDR}, Data: address(virtualProtocol)}) || n.stale {
		t.Error("a virtual address is news")
	}
}

func TestApplyLeavesVirtualAddressesAlone(t *testing.T) {
	h := newHolder(t)
	p := plan([]line{fibre, cable}, 1)
	h.apply(p)
	all := []vrrp.Holding{h.of(51, "192.168.1.1/24"), h.of(51, "fe80::51/64"), h.withMAC(52, "192.168.1.9/24")}
	h.hold(all...)
	h.settled(p)
	if len(h.virtuals()) != 3 {
		t.Errorf("left are %q, want three", h.virtuals())
	}
	links, err := h.links()
	if err != nil || slices.ContainsFunc(links, func(l router.Link) bool { return strings.HasPrefix(l.Name, "vr") }) {
		t.Errorf("links are %v, %v; want none of the engine's", links, err)
	}
	if err := h.Do(h.kernel.Cleanup); err != nil {
		t.Fatal(err)
	}
	h.has()
	if got := h.must("ip link"); strings.Contains(got, "macvlan") || strings.Contains(got, "vr") {
		t.Errorf("left after cleanup:\n%s", got)
	}
	if got := h.must("sysctl -n net.ipv4.conf.lan0.arp_ignore"); got != "0\n" {
		t.Errorf("arp_ignore stays %q", got)
	}
}

// TestApplyTakesOver is an owner who makes the virtual address the router's own while it is held.
func TestApplyTakesOver(t *testing.T) {
	h := newHolder(t)
	a := h.of(51, "192.168.1.2/24")
	h.hold(a)
	p := plan(nil)
	h.apply(p)
	h.settled(p)
	h.hold(a)
	h.hold()
	h.settled(p)
	h.has()
}

func TestDevices(t *testing.T) {
	h := newHolder(t)
	h.must("ip link set lan0 address 02:00:00:00:00:77")
	h.must("ip addr add 192.168.1.2/24 dev lan0")
	h.must("ip addr add 192.168.1.3/24 dev lan0")
	h.must("ip addr add fe80::2/64 dev lan0 nodad")
	h.must("ip addr add 2001:db8::2/64 dev lan0 nodad preferred_lft 0")
	h.until("addresses ready", func() bool { return h.must("ip -6 -o addr show tentative") == "" })
	h.hold(h.of(51, "192.168.1.1/24"), h.withMAC(52, "192.168.1.9/24"))
	var all []vrrp.Device
	err := h.Do(func() (err error) {
		all, err = h.virtual.Devices()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range all {
		names = append(names, d.Name)
		if d.Name == "wan0" && d.Up {
			t.Error("wan0 is up")
		}
		if d.Name != "lan0" {
			continue
		}
		want := vrrp.Device{Index: h.lan, Name: "lan0", MAC: [6]byte{2, 0, 0, 0, 0, 0x77}, Up: true, Addresses: []netip.Addr{
			netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("192.168.1.3"), netip.MustParseAddr("fe80::2")}}
		if fmt.Sprint(d) != fmt.Sprint(want) {
			t.Errorf("lan0 is %v, want %v", d, want)
		}
	}
	if want := []string{"lo", "lan0", "wan0", "wan1"}; !slices.Equal(names, want) {
		t.Errorf("devices are %q, want %q", names, want)
	}
}

func TestLeft(t *testing.T) {
	h := newHolder(t)
	all := []vrrp.Holding{h.of(51, "10.7.0.1/24", "10.8.0.1/24"), h.withMAC(52, "10.9.0.1/24"), h.withMAC(52, "fe80::52/64")}
	h.hold(all...)
	h.virtual = NewVirtual(h.virtual.log) // the engine has died, and a new one begins
	var left []vrrp.Holding
	err := h.Do(func() (err error) {
		left, err = h.virtual.Left()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(all)
	want[0].ID = 0
	slices.SortFunc(left, func(a, b vrrp.Holding) int { return int(a.ID)*10 + int(a.Family) - int(b.ID)*10 - int(b.Family) })
	if fmt.Sprint(left) != fmt.Sprint(want) {
		t.Errorf("left are\n%v, want\n%v", left, want)
	}
	// It takes some of them over, without a gap, and leaves the rest to expire.
	if restored := h.hold(all[0], all[1]); restored != nil {
		t.Errorf("restored %v", restored)
	}
	if len(h.virtuals()) != 4 {
		t.Errorf("there are %q, want all four", h.virtuals())
	}
	h.hold()
	h.has(vrrp.DeviceName(h.lan, 52, vrrp.IPv6) + " fe80::52/64")
}

func TestBatchVerdicts(t *testing.T) {
	message := func(sequence, code uint32) []byte {
		m := make([]byte, 20)
		binary.NativeEndian.PutUint32(m, 20)
		binary.NativeEndian.PutUint16(m[4:], 2)
		binary.NativeEndian.PutUint32(m[8:], sequence)
		binary.NativeEndian.PutUint32(m[16:], code)
		return m
	}
	refused := int32(-17)
	both := append(message(2, uint32(refused)), message(3, 0)...)
	verdicts := make([]error, 3)
	if last := read(both, verdicts); last != 3 || verdicts[0] != nil || verdicts[1] == nil || verdicts[2] != nil {
		t.Errorf("last is %d, verdicts are %v", last, verdicts)
	}
	for n := range both { // cut off anywhere
		read(both[:n], verdicts)
	}
	if last := read(message(9, 0), verdicts); last != 0 {
		t.Errorf("an answer to nobody is taken for one to %d", last)
	}
}
