package lab

import (
	"strings"
	"testing"
	"time"
)

// TestPairOfTwoSecrets has routers that do not know each other's secret: both say so, and the house moves as one of any two routers does, without
// waiting for a hand-over that cannot be.
func TestPairOfTwoSecrets(t *testing.T) {
	t.Parallel()
	p := &duo{pair: build(t, duoHome())}
	must(t, p.backup.Start(t.Context(), built(t), duoTOML(p.backup)))
	must(t, p.main.Start(t.Context(), built(t), strings.Replace(duoTOML(p.main), duoSecret, "the secret of another house", 1)))
	p.serves(t, "main")
	for _, b := range p.Boxes {
		await(t, b, b.Name+" says why there is no link", func(s Status) bool {
			return !s.Pair.Linked && strings.Contains(s.Pair.LinkReason, "another [pair] secret")
		})
	}
	p.leaves(t)
	p.returns(t)
	p.serves(t, "main")
	for _, b := range p.Boxes {
		if left := leftovers(t, b); left != "" {
			t.Errorf("%s sends connections to a router that it does not know: %s", b.Name, left)
		}
	}
}

// TestDaemonsDieWhileMainLearns kills either daemon just after main has taken the house back. What is in the kernel goes on.
func TestDaemonsDieWhileMainLearns(t *testing.T) {
	for _, name := range []string{"main", "backup"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openDuo(t)
			p.leaves(t)
			traffic := p.traffic(t, modest())
			p.phase(t, p.main, "ready")
			p.returns(t)
			b, err := p.Box(name)
			must(t, err)
			must(t, b.Kill())
			must(t, pause(t.Context(), systemdPause))
			must(t, b.Restart(t.Context()))
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

// TestLinkStaysCut has the link be cut for good while connections are kept: main cannot know any more which of them the other router has, gives
// them up in time and tells their devices.
func TestLinkStaysCut(t *testing.T) {
	t.Parallel()
	const bound = 10*time.Second + 3*time.Second // that a daemon may take to restart, and in which a dead connection is noticed
	p := openDuo(t)
	traffic := p.keeps(t, someFlows)
	mark := time.Now()
	p.cutLink(t)
	p.await(t, "every client knows", func() bool { _, all := traffic.Told(mark); return all })
	if told, _ := traffic.Told(mark); told > bound+slackHere {
		t.Errorf("the last client knows %s after the cut, want %s at most", told, bound)
	}
	p.tidy(t, p.main)
	p.serves(t, "main")
	traffic.Stop()
	p.mendLink(t)
	p.linked(t)
	p.phase(t, p.backup, "ready")
	p.straight(t)
}

// TestPairIsTakenOut takes [pair] out of main's file while connections of the backup are kept, and puts it back: nothing of the hand-over stays,
// devices are not left hanging, and the two are a pair again.
func TestPairIsTakenOut(t *testing.T) {
	t.Parallel()
	p := openDuo(t)
	traffic := p.keeps(t, someFlows)
	with := duoTOML(p.main)
	without, _, found := strings.Cut(with, "\n[pair]\n")
	if !found {
		t.Fatal("there is no [pair] to be taken out")
	}
	apply := func(text string) {
		t.Helper()
		if out, done := call(t, p.main, "apply", file(t, text)); !done {
			t.Fatal(out)
		}
	}
	mark := time.Now()
	apply(without)
	p.tidy(t, p.main)
	p.await(t, "every client that speaks knows", func() bool { return traffic.Alive() <= someFlows.Idle*3/2 })
	t.Logf("they know after %s", round(time.Since(mark)))
	p.serves(t, "main")
	traffic.Stop()
	apply(with)
	p.linked(t)
	p.phase(t, p.backup, "ready")
	p.straight(t)
}
