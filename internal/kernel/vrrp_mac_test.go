package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/vrrp"
)

// client is a host of the house, at the far end of lan0.
func (h *holder) client(line string) (string, error) {
	n := sandbox.Namespace{Name: "far" + h.Name[1:]}
	return n.Run(line)
}

func (h *holder) clientMust(line string) string {
	h.t.Helper()
	out, err := h.client(line)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// asks forgets all neighbours, pings an address and says which MAC address answered.
func (h *holder) asks(address string) string {
	h.t.Helper()
	h.clientMust("ip neigh flush dev lan0")
	_, _ = h.client("ping -c 1 -W 1 " + address)
	w := strings.Fields(h.clientMust("ip neigh show " + address + " dev lan0"))
	if i := slices.Index(w, "lladdr"); i >= 0 {
		return w[i+1]
	}
	return ""
}

func (h *holder) setting(path string) string {
	h.t.Helper()
	return strings.TrimSpace(h.must("sysctl -n net." + path))
}

func TestVirtualMACOnlyWhileHeld(t *testing.T) {
	h := newHolder(t)
	h.must("ip addr add 192.168.1.2/24 dev lan0")
	h.clientMust("ip addr add 192.168.1.50/24 dev lan0")
	h.must("sysctl -qw net.ipv4.conf.lan0.arp_announce=1")
	own := fmt.Sprintf("%012x", h.mac("lan0"))
	plain := func(mac string) string { return strings.ReplaceAll(mac, ":", "") }
	before := h.show()
	if got := h.asks("192.168.1.1"); got != "" {
		t.Errorf("192.168.1.1 is %s before it is held", got)
	}
	h.hold(h.withMAC(51, "192.168.1.1/24"), h.withMAC(52, "192.168.1.9/24"))
	name := vrrp.DeviceName(h.lan, 51, vrrp.IPv4)
	h.carrier(name)
	h.has(name+" 192.168.1.1/32", vrrp.DeviceName(h.lan, 52, vrrp.IPv4)+" 192.168.1.9/32")
	for address, want := range map[string]string{"192.168.1.1": "00005e000133", "192.168.1.9": "00005e000134", "192.168.1.2": own} {
		if got := plain(h.asks(address)); got != want {
			t.Errorf("%s is at %s, want %s", address, got, want)
		}
	}
	// The router's own questions, on behalf of an answer from the virtual address, do not teach its own MAC address.
	h.clientMust("ip neigh flush dev lan0")
	h.clientMust("ip neigh replace 192.168.1.1 lladdr 00:00:5e:00:01:33 dev lan0 nud stale")
	h.must("ip neigh flush dev lan0")
	h.must("ping -c 1 -W 1 -I 192.168.1.1 192.168.1.50")
	if got := h.clientMust("ip neigh show 192.168.1.1 dev lan0"); !strings.Contains(got, "00:00:5e:00:01:33") {
		t.Errorf("the client now has %s", got)
	}
	for path, want := range map[string]string{
		"ipv4.conf.lan0.arp_ignore": "1", "ipv4.conf.lan0.arp_announce": "2", "ipv4.conf." + name + ".arp_ignore": "1",
		"ipv4.conf." + name + ".rp_filter": "0", "ipv6.conf." + name + ".disable_ipv6": "1",
	} {
		if got := h.setting(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	h.hold(h.withMAC(52, "192.168.1.9/24"))
	if got := h.setting("ipv4.conf.lan0.arp_ignore"); got != "1" {
		t.Errorf("arp_ignore is %s with one virtual MAC left, want 1", got)
	}
	h.hold()
	if got := h.setting("ipv4.conf.lan0.arp_ignore") + h.setting("ipv4.conf.lan0.arp_announce"); got != "01" {
		t.Errorf("arp_ignore and arp_announce are %s, want 0 and 1 as before", got)
	}
	if got := h.asks("192.168.1.1"); got != "" {
		t.Errorf("192.168.1.1 is %s after it was released", got)
	}
	if d := difference(h.show(), before); d != "" {
		t.Errorf("not as before:\n%s", d)
	}
}

// TestVirtualMACTakesNoAddress has a router in the house that advertises a prefix for addresses.
func TestVirtualMACTakesNoAddress(t *testing.T) {
	h := newHolder(t)
	h.must("sysctl -qw net.ipv6.conf.default.addr_gen_mode=0 net.ipv6.conf.default.accept_ra=2")
	h.must("ip addr add fe80::2/64 dev lan0 nodad")
	h.clientMust("ip addr add fe80::50/64 dev lan0 nodad")
	h.hold(h.withMAC(51, "fe80::51/64", "2001:db8:7::1/64"))
	name := vrrp.DeviceName(h.lan, 51, vrrp.IPv6)
	h.carrier(name)
	h.until("addresses ready", func() bool { return h.must("ip -6 -o addr show tentative") == "" })
	h.advertise()
	// Both are asked for by now; the answer shows that the advertisement has come before it.
	h.until("answer", func() bool { return h.asks("fe80::51") == "00:00:5e:00:02:33" })
	var has []string
	for _, line := range strings.Split(strings.TrimSpace(h.must("ip -6 -o addr show dev "+name)), "\n") {
		has = append(has, strings.Fields(line)[3])
	}
	slices.Sort(has)
	if want := []string{"2001:db8:7::1/64", "fe80::51/64"}; !slices.Equal(has, want) {
		t.Errorf("%s has %q, want %q", name, has, want)
	}
	if got := h.must("ip -6 -o addr show dev lan0"); !strings.Contains(got, "fd00:99:") {
		t.Errorf("nobody took an address, so that this shows nothing:\n%s", got)
	}
	if got := h.must("ip -6 -o addr show dev " + name); strings.Count(got, "deprecated") != 2 {
		t.Errorf("virtual addresses may be chosen for connections of the router's own:\n%s", got)
	}
}

// advertise sends one router advertisement with the prefix fd00:99::/64 into the house.
func (h *holder) advertise() {
	h.t.Helper()
	ra := []byte{134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 64, 0xc0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0xfd, 0, 0, 0x99}
	ra = append(ra, make([]byte, 12)...)
	from, to := netip.MustParseAddr("fe80::50"), netip.MustParseAddr("ff02::1")
	pseudo := append(append(from.AsSlice(), to.AsSlice()...), 0, 0, 0, byte(len(ra)), 0, 0, 0, 58)
	sum := onesComplement(append(pseudo, ra...))
	ra[2], ra[3] = byte(sum>>8), byte(sum)
	frame := append([]byte{0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x50, 0x86, 0xdd}, packet6(from, to, 58, string(ra))...)
	e := &ends{holder: h}
	e.send(e.open(&sandbox.Namespace{Name: "far" + h.Name[1:]}), frame)
}

func TestVirtualMACIsRestored(t *testing.T) {
	for _, hurt := range []string{"ip link del NAME", "ip link set NAME down", "ip addr del 192.168.1.1/32 dev NAME"} {
		h := newHolder(t)
		h.must("ip addr add 192.168.1.2/24 dev lan0")
		look, _ := h.watching()
		a := h.withMAC(51, "192.168.1.1/24")
		name := vrrp.DeviceName(h.lan, 51, vrrp.IPv4)
		h.hold(a)
		h.carrier(name)
		h.hold(a)
		drained(look)
		h.must(strings.ReplaceAll(hurt, "NAME", name))
		h.await(look)
		h.until("repair after "+hurt, func() bool {
			restored, err := h.try(false, a)
			if err != nil {
				t.Fatal(err)
			}
			return len(restored) == 1 && restored[0].ID == 51 && restored[0].VirtualMAC
		})
		h.carrier(name)
		h.has(name + " 192.168.1.1/32")
	}
}

// TestVirtualMACOfAnEngineThatDied leaves the parent as it was before that one came.
func TestVirtualMACOfAnEngineThatDied(t *testing.T) {
	t.Parallel() // it waits
	h := newHolder(t)
	a := h.withMAC(51, "10.7.0.1/24")
	h.hold(a, h.withMAC(52, "10.8.0.1/24"))
	start := time.Now()
	h.virtual = NewVirtual(h.virtual.log)
	h.hold(a)
	h.hold()
	h.has(vrrp.DeviceName(h.lan, 52, vrrp.IPv4) + " 10.8.0.1/24")
	h.until("end of what it left", func() bool {
		h.hold()
		return !strings.Contains(h.must("ip link"), "@lan0")
	})
	if took := time.Since(start); took > vrrp.Lifetime+vrrp.Refresh+time.Second {
		t.Errorf("it took %v", took)
	}
	if got := h.setting("ipv4.conf.lan0.arp_ignore"); got != "0" {
		t.Errorf("arp_ignore is %s, want 0 as before", got)
	}
}

func TestBoardsOfOthers(t *testing.T) {
	h := newHolder(t)
	name := vrrp.DeviceName(h.lan, 51, vrrp.IPv4)
	h.must("ip link add link lan0 name " + name + " type macvlan mode private")
	_, err := h.try(true, h.withMAC(51, "10.7.0.1/24"), h.of(52, "10.8.0.1/24"))
	if err == nil || !strings.Contains(err.Error(), "make interface "+name+" on lan0: file exists") {
		t.Errorf("got %v", err)
	}
	h.has("lan0 10.8.0.1/24")
	h.hold()
	h.must("ip link show " + name)
}

// TestStrictReversePath is a server whose kernel checks where packets come from.
func TestStrictReversePath(t *testing.T) {
	h := newHolder(t)
	h.must("sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1")
	h.must("ip addr add 192.168.1.2/24 dev lan0")
	h.clientMust("ip addr add 192.168.1.50/24 dev lan0")
	h.hold(h.withMAC(51, "192.168.1.1/24"))
	h.carrier(vrrp.DeviceName(h.lan, 51, vrrp.IPv4))
	if out, err := h.client("ping -c 1 -W 2 192.168.1.1"); err != nil {
		t.Errorf("no answer: %s", out)
	}
}

// TestVirtualMACOnABridge is a house with [lan] ports: a bridge cannot filter addresses as network cards do.
func TestVirtualMACOnABridge(t *testing.T) {
	h := newHolder(t)
	for _, line := range []string{"ip link add br0 type bridge", "ip link set lan0 master br0", "ip link set br0 up",
		"ip addr add 192.168.1.2/24 dev br0"} {
		h.must(line)
	}
	h.carrier("br0")
	h.lan = h.index("br0")
	h.clientMust("ip addr add 192.168.1.50/24 dev lan0")
	h.hold(h.withMAC(51, "192.168.1.1/24"))
	h.carrier(vrrp.DeviceName(h.lan, 51, vrrp.IPv4))
	if got := h.asks("192.168.1.1"); got != "00:00:5e:00:01:33" {
		t.Errorf("192.168.1.1 is at %q", got)
	}
	if out, err := h.client("ping -c 1 -W 2 192.168.1.1"); err != nil {
		t.Errorf("no answer: %s", out)
	}
	// Adverts come by the bridge as well, and with the virtual MAC address that we have, too.
	e := &ends{holder: h, far: &sandbox.Namespace{Name: "far" + h.Name[1:]}}
	e.over = e.open(e.far)
	err := h.Do(func() (err error) {
		e.here, err = h.virtual.Open("br0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.here.Close() })
	if got := e.heard(frame4(groups[0], protocolVRRP, "an advert...")); len(got) != 1 {
		t.Errorf("heard %q, want one advert", got)
	}
}
