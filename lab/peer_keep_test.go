package lab

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// What goes by the other router's line stays there when new connections no longer do, as with any line; and a house that moves there and back breaks
// nothing, as without a peer.
func TestPeerKeepsConnections(t *testing.T) {
	t.Parallel()
	p := openSharers(t, func(b *Box) string {
		return sharedTOML(b) + "\n[[policy]]\nsource = [\"192.168.1.230/32\"]\nwan = [\"neighbour\"]\nelse = \"any\"\n"
	})
	p.carry(t, "both lines carry", "line", "neighbour")
	guest := netip.MustParseAddr("192.168.1.230")
	must(t, ip(p.laptop.space, "addr replace 192.168.1.230/24 dev eth0"))
	p.leavesBy(t, "a policy names the other router", guest, "lte")
	all := crowd(t, p.laptop)
	first := ways(t, p.House, p.laptop, all)
	there := streamFrom(t, p.laptop, by(t, first, "lte"))
	must(t, pause(t.Context(), 300*time.Millisecond))
	if out, done := call(t, p.main, "drain", "neighbour"); !done {
		t.Fatal(out)
	}
	p.carry(t, "the other router is drained", "line")
	if now := ways(t, p.House, p.laptop, all); count(now, "fibre") != len(all) {
		t.Errorf("while the other router is drained fibre has %d of %d devices", count(now, "fibre"), len(all))
	}
	must(t, pause(t.Context(), time.Second))
	if r := there.Result(); !r.survived() {
		t.Errorf("what was on the other router's line: %s", r)
	}
	if out, done := call(t, p.main, "resume", "neighbour"); !done {
		t.Fatal(out)
	}
	p.carry(t, "both carry again", "line", "neighbour")

	// There and back.
	must(t, p.Blackhole("fibre", Beyond))
	p.held(t, "backup")
	p.leavesBy(t, "the house has moved", guest, "lte")
	call, stream := p.begun(t), streamFrom(t, p.laptop, all[0])
	must(t, pause(t.Context(), 500*time.Millisecond))
	must(t, p.Heal("fibre"))
	p.held(t, "main")
	p.carry(t, "main has both lines again", "line", "neighbour")
	must(t, pause(t.Context(), 2*time.Second)) // longer than the kernel learns
	for what, r := range map[string]StreamResult{"what began before everything": there.Stop(), "what began on the backup": stream.Stop()} {
		if !r.survived() {
			t.Errorf("%s: %s", what, r)
		}
	}
	if r := call.Stop(); r.Lost > 0 {
		t.Errorf("a call that began on the backup: %s", r)
	}
	p.straight(t)
}

// begun is a call that is on its way.
func (p *sharers) begun(t *testing.T) *UDPProbe {
	t.Helper()
	call, err := p.laptop.StartUDP(10 * time.Millisecond)
	must(t, err)
	return call
}

// leavesBy waits until a new connection of one of the device's addresses leaves by a line.
func (p *sharers) leavesBy(t *testing.T, when string, source netip.Addr, line string) {
	t.Helper()
	p.await(t, when, func() bool {
		seen, err := seenFrom(t.Context(), p.laptop, source)
		return err == nil && p.LineOf(seen) == line
	})
}

// Each router would rather use the other one's line: what the house sends still crosses once, and names are asked of the servers of the line behind it.
func TestPeersThatPreferEachOther(t *testing.T) {
	t.Parallel()
	p := openSharers(t, func(b *Box) string {
		return served(strings.Replace(sharedTOML(b), "weight = 3\n", "cost = 20\n", 1))
	})
	p.carry(t, "the other router carries", "neighbour")
	await(t, p.backup, "and the backup would use main", func(s Status) bool { return s.Active() == "neighbour" })
	p.leavesBy(t, "the house is on the backup's line", netip.MustParseAddr("192.168.1.100"), "lte")
	stream := streamFrom(t, p.laptop, netip.MustParseAddr("192.168.1.100"))
	queries := asked(t, p.House, "lte")
	laptop := newTenant(t, p.laptop, "laptop")
	laptop.resolver = virtual.Addr()
	p.await(t, "names are answered", func() bool { _, err := laptop.resolve(publicName); return err == nil })
	if queries() == 0 {
		t.Error("the line's own name servers were not asked")
	}
	if r := stream.Stop(); !r.survived() {
		t.Errorf("by the other router's line: %s", r)
	}
	p.straight(t)
}

// A device that has an address of the other router's prefix reaches the Internet with it through this one, where it would be refused otherwise.
func TestPeerTakesTheOthersIPv6(t *testing.T) {
	t.Parallel()
	p := openSharers(t, sharedTOML)
	var source netip.Addr
	p.await(t, "the backup has a prefix", func() bool {
		out, _ := p.backup.Run("ip -6 -o addr show dev lan0 scope global")
		_, rest, found := strings.Cut(out, "inet6 ")
		text, _, _ := strings.Cut(rest, " ")
		network, err := netip.ParsePrefix(text)
		if found && err == nil {
			last := network.Masked().Addr().As16()
			last[15] = 0x77
			source = netip.AddrFrom16(last)
		}
		return found && err == nil
	})
	awaitOpen(t, p.House, p.laptop, "fibre")
	must(t, ip(p.laptop.space, "addr replace "+source.String()+"/64 dev eth0 nodad preferred_lft 0"))
	p.await(t, "it is answered by the backup's line", func() bool {
		_, err := p.laptop.Run("ping -c1 -W1 -I " + source.String() + " 2606:4700:4700::1111")
		return err == nil
	})
	c := p.straight(t)
	if c.There == 0 {
		t.Error("nothing has crossed the LAN: the device asked the backup itself")
	}
	must(t, p.Cut("backup", "lte"))
	p.await(t, "it is told at once that this address leads nowhere", func() bool {
		out, err := p.laptop.Run("ping -c1 -W1 -I " + source.String() + " 2606:4700:4700::1111")
		return err != nil && strings.Contains(out+err.Error(), "Destination unreachable")
	})
	awaitOpen(t, p.House, p.laptop, "fibre")
	p.straight(t)
}
