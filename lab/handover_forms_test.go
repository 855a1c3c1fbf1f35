package lab

import (
	"strings"
	"testing"
)

// TestFailbackInOtherForms has the house come back where its address has a MAC address of its own, and where the other router serves a second address of the
// house all the time.
func TestFailbackInOtherForms(t *testing.T) {
	for form, config := range map[string]func(b *Box, toml string) string{
		"virtual MAC": func(_ *Box, toml string) string {
			return strings.Replace(toml, "[[vrrp]]\n", "[[vrrp]]\nvirtual_mac = true\n", 1)
		},
		"two addresses": func(b *Box, toml string) string {
			priority := map[string]string{"main": "90", "backup": "110"}[b.Name]
			return toml + "\n[[vrrp]]\nname = \"second\"\nid = 52\ninterface = \"lan0\"\npriority = " + priority + "\ntrack = []\naddresses = [\"192.168.1.254/24\"]\n"
		},
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			p := openDuoAs(t, config)
			p.leaves(t)
			traffic := p.traffic(t, modest())
			p.returns(t)
			p.serves(t, "main")
			p.handed(t, "main", traffic.Alive())
			p.wantUnharmed(t, traffic)
			p.straight(t)
			forgetFlows(t, p.backup)
			p.tidy(t, p.main)
		})
	}
}

// openDuoAs is openDuo with another configuration.
func openDuoAs(t *testing.T, config func(b *Box, toml string) string) *duo {
	t.Helper()
	p := &duo{pair: build(t, duoHome())}
	var err error
	p.witness, err = p.Witness(p.main, p.backup)
	must(t, err)
	for _, b := range []*Box{p.backup, p.main} {
		must(t, b.Start(t.Context(), built(t), config(b, duoTOML(b))))
	}
	p.serves(t, "main")
	p.linked(t)
	return p
}
