package lab

import (
	"fmt"
	"testing"
	"time"
)

// cutLink has the switch drop everything that the two routers say to each other on their link, signs of life included; VRRP and the devices feel nothing.
func (p *duo) cutLink(t *testing.T) {
	t.Helper()
	const text = "table bridge link {\n\tchain forward {\n\t\ttype filter hook forward priority -1;\n\t\tmeta protocol ip ip protocol { tcp, udp } th dport 61112 drop\n\t\tmeta protocol ip ip protocol { tcp, udp } th sport 61112 drop\n\t}\n}\n"
	_, err := p.lan.Feed("nft -f -", text)
	must(t, err)
}

func (p *duo) mendLink(t *testing.T) {
	t.Helper()
	_, err := p.lan.Run("nft delete table bridge link")
	must(t, err)
}

// phase waits until a router is in a phase of a hand-over.
func (p *duo) phase(t *testing.T, b *Box, phase string) {
	t.Helper()
	await(t, b, fmt.Sprintf("%s is in phase %s", b.Name, phase), func(s Status) bool { return s.Pair.Phase == phase })
}

// TestLinkIsCutAtEachStep cuts the link before the house comes back, while main learns, and while flows are kept. The machines answer, so that the hand-over goes on.
func TestLinkIsCutAtEachStep(t *testing.T) {
	for _, step := range []string{"ready", "learns", "keeps"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			p := openDuo(t)
			p.leaves(t)
			traffic := p.traffic(t, modest())
			p.phase(t, p.main, "ready")
			switch step {
			case "ready":
				must(t, p.Heal("fibre"))
				p.carriedBy(t, p.main)
				p.cutLink(t)
				p.held(t, "main")
			case "learns":
				p.returns(t)
				p.cutLink(t)
			case "keeps":
				p.returns(t)
				p.handed(t, "main", traffic.Alive())
				p.cutLink(t)
			}
			for _, b := range p.Boxes {
				await(t, b, b.Name+" is not linked", func(s Status) bool { return !s.Pair.Linked })
			}
			must(t, pause(t.Context(), 3*time.Second))
			p.mendLink(t)
			p.linked(t)
			p.serves(t, "main")
			p.handed(t, "main", traffic.Alive())
			p.wantUnharmed(t, traffic)
			p.straight(t)
			forgetFlows(t, p.backup)
			p.tidy(t, p.main)
		})
	}
}

// carriedBy waits until a router finds that a line of its own works.
func (p *duo) carriedBy(t *testing.T, b *Box) {
	t.Helper()
	await(t, b, b.Name+" has a line that works", func(s Status) bool { return s.WANs[0].State == "up" })
}

// TestLANIsCutWhileFlowsAreKept parts the routers: each serves whom it reaches, and what was kept is lost. Then they are one house again.
func TestLANIsCutWhileFlowsAreKept(t *testing.T) {
	t.Parallel()
	p := openDuo(t)
	traffic := p.keeps(t, someFlows)
	mark := time.Now()
	must(t, p.CutLAN("backup"))
	p.await(t, "every client knows", func() bool { _, all := traffic.Told(mark); return all })
	told, _ := traffic.Told(mark)
	t.Logf("the last client knows after %s", round(told))
	p.tidy(t, p.main)
	p.serves(t, "main")
	must(t, p.PlugLAN("backup"))
	p.linked(t)
	p.serves(t, "main")
	traffic.Stop()
	p.phase(t, p.backup, "ready")
	p.straight(t)
}
