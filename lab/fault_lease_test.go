package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// renumberedLease waits until fibre has an address of the new network and carries.
func renumberedLease(t *testing.T, b *Box, network string) {
	t.Helper()
	await(t, b, "fibre has a new address", func(s Status) bool {
		return s.Active() == "fibre" && s.line("fibre").State == "up" && strings.HasPrefix(s.line("fibre").Address, network)
	})
}

// gone wants nothing of an old network in the kernel.
func gone(t *testing.T, b *Box, network string) {
	t.Helper()
	eventually(t, "nothing of "+network+" is left", func() bool { return !strings.Contains(footprint(t, b), network) })
}

// TestRenumbered is a maintenance night: the link goes, and the network behind it is another one. The server refuses
// the old address (DHCPNAK).
func TestRenumbered(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	start := time.Now()
	must(t, h.Cut("main", "fibre"))
	await(t, b, "the house is on lte", carriedBy("lte"))
	must(t, h.Renumber(t.Context(), "fibre", "198.18.7.0/24"))
	must(t, h.Plug("main", "fibre"))
	renumberedLease(t, b, "198.18.7.")
	awaitLine(t, h, d, "fibre")
	gone(t, b, "198.51.100.")
	awaitEvent(t, b, start, "the DHCP server 198.18.7.1 refused our address")
	t.Log(awaitEvent(t, b, start, "fibre has a new address: 198.18.7.").Sentence)
}

// TestRefusedAfterRestart: the saved lease is asked for again and refused.
func TestRefusedAfterRestart(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	must(t, b.Stop())
	must(t, h.Renumber(t.Context(), "fibre", "198.18.7.0/24"))
	must(t, b.Restart(t.Context()))
	renumberedLease(t, b, "198.18.7.")
	awaitLine(t, h, d, "fibre")
	gone(t, b, "198.51.100.")
	if log := h.Lines[0].dhcp.output(); !strings.Contains(log, "DHCPNAK") {
		t.Errorf("the server refused nothing:\n%s", log)
	}
}

// The shortest times that Twinpath accepts of a server (wan: a quarter of a minute until the renewal).
const (
	soonRenew  = 15
	soonRebind = 17
	shortLease = 120
)

// shorten gives a provider's customers leases that want renewing soon.
func shorten(t *testing.T, l *Line) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dhcp.kill()
	var err error
	l.dhcp, err = l.dnsmasq(t.Context(), "dhcp", "--port=0", "--interface=access", "--except-interface=lo", "--bind-dynamic",
		"--dhcp-authoritative", "--no-ping", "--dhcp-leasefile="+l.dir+"/"+l.Name+".short",
		fmt.Sprintf("--dhcp-range=%s,%s,%ds", hosts(l.network, 100), hosts(l.network, 199), shortLease),
		fmt.Sprintf("--dhcp-option=option:T1,%d", soonRenew), fmt.Sprintf("--dhcp-option=option:T2,%d", soonRebind),
		"--dhcp-option=option:router,"+l.gateway().String(), "--dhcp-option=option:dns-server,"+l.gateway().String())
	must(t, err)
}

// TestIdleBackupRenews: the renewal of a line that carries nothing leaves by its own device, and a lease whose
// server has gone is kept.
func TestIdleBackupRenews(t *testing.T) {
	h, b := unstarted(t, Default())
	fibre, lte := h.Lines[0], h.Lines[1]
	shorten(t, lte)
	start := time.Now()
	must(t, b.Start(t.Context(), built(t), quick()))
	address := await(t, b, "both lines are up", on("fibre")).line("lte").Address
	acks := func() int { return strings.Count(lte.dhcp.output(), "DHCPACK(access) "+address) }
	if acks() != 1 {
		t.Fatalf("%d leases of %s at first:\n%s", acks(), address, lte.dhcp.output())
	}
	renewed := func() bool { return acks() == 2 }
	for end := start.Add((soonRenew + 5) * time.Second); !renewed() && time.Now().Before(end); time.Sleep(look) {
	}
	if !renewed() {
		t.Fatalf("not renewed within %d s:\n%s", soonRenew+5, lte.dhcp.output())
	}
	if strings.Count(lte.dhcp.output(), "DHCPDISCOVER") != 1 {
		t.Errorf("the renewal began anew:\n%s", lte.dhcp.output())
	}
	foreign, err := fibre.Foreign()
	must(t, err)
	if foreign > 0 {
		t.Errorf("%d packets with a foreign source left by fibre", foreign)
	}
	if s, err := b.Status(t.Context()); err != nil || s.line("lte").Address != address || !s.All("up") {
		t.Errorf("after the renewal: %v, %v", s, err)
	}
}

// TestServerGone: without a server the lease holds until its end, and the line goes on carrying.
func TestServerGone(t *testing.T) {
	h, b := unstarted(t, Default())
	fibre := h.Lines[0]
	shorten(t, fibre)
	must(t, b.Start(t.Context(), built(t), quick()))
	address := await(t, b, "both lines are up", on("fibre")).line("fibre").Address
	start := time.Now()
	must(t, h.StopDHCP("fibre"))
	p, err := h.Devices[0].StartUDP(UDPInterval)
	must(t, err)
	sleepUntil(start.Add((soonRebind + 2) * time.Second)) // past the renewal and the rebinding: nothing announces that nothing happened
	s := await(t, b, "fibre still carries", on("fibre"))
	if r := p.Stop(); r.Lost > 0 || len(r.Via) != 1 {
		t.Errorf("while the server was gone: %s", r)
	}
	if s.line("fibre").Address != address {
		t.Errorf("the address is %s, was %s", s.line("fibre").Address, address)
	}
}
