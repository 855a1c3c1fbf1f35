package lab

import (
	"syscall"
	"testing"
	"time"
)

func TestDaemonKilledIsNotNoticed(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	for range 3 {
		must(t, p.main.Kill())
		must(t, p.main.Restart(t.Context()))
		election(t, p.main, "active")
	}
	s.wantUnnoticed(t, "main", calm)
}

func TestDaemonRestartIsNotNoticed(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	must(t, p.main.Stop())
	must(t, p.main.Restart(t.Context()))
	election(t, p.main, "active")
	s.wantUnnoticed(t, "main", calm)
}

// wantHandOver wants the address to move to backup with an answer all the time, and main's to go.
func (p *pair) wantHandOver(t *testing.T, s steady, within time.Duration) {
	t.Helper()
	times := p.moved(t, s.from, "backup")
	ping, query := s.probe.Stop()
	took := p.holders.Taken(s.from, "backup").Sub(s.from)
	t.Logf("taken after %s; ping %s; query %s", round(took), ping, query)
	if times.None > 20*time.Millisecond+query.Late || times.Several > 100*time.Millisecond {
		t.Errorf("the address: %s\n%s", times, p.holders.Story())
	}
	if took > within {
		t.Errorf("the hand-over took %s, want %s at most", took, within)
	}
	if ping.Gap > deaf {
		t.Errorf("the address was silent for %s", ping.Gap)
	}
}

func TestDaemonKilledForGood(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	must(t, p.main.Kill())
	p.wantHandOver(t, s, 2*time.Second+2*calm+time.Second)
	p.await(t, "the sentinel ends", func() bool { all, err := p.main.Sentinels(); return err == nil && len(all) == 0 })
	must(t, p.main.Restart(t.Context()))
	p.held(t, "main")
}

func TestTerminated(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	must(t, p.main.Stop())
	p.wantHandOver(t, s, 2*time.Second+2*calm+time.Second)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	must(t, p.main.signal(syscall.SIGINT))
	p.wantHandOver(t, s, 2*calm+time.Second)
}

func TestSentinelKilled(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	for range 3 {
		must(t, p.main.SignalSentinel(syscall.SIGKILL))
		p.await(t, "there is a new sentinel", func() bool { all, err := p.main.Sentinels(); return err == nil && len(all) == 1 })
		election(t, p.main, "active")
		must(t, pause(t.Context(), 4*calm)) // the next kill meets a sentinel at work
	}
	s.wantUnnoticed(t, "main", calm)
}

func TestSentinelFrozen(t *testing.T) {
	t.Parallel()
	p := usual(t)
	mark := time.Now()
	must(t, p.main.SignalSentinel(syscall.SIGSTOP))
	must(t, pause(t.Context(), 3*time.Second)) // long enough for the Backup, and for a daemon that looks after its sentinel
	must(t, p.main.SignalSentinel(syscall.SIGCONT))
	times := p.moved(t, mark, "main")
	if times.None > 100*time.Millisecond {
		t.Errorf("the address: %s\n%s", times, p.holders.Story())
	}
	p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
}

func TestDaemonFrozen(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	must(t, p.main.Pause())
	must(t, pause(t.Context(), 800*time.Millisecond)) // less than a hang
	must(t, p.main.Resume())
	s.wantUnnoticed(t, "main", calm)

	s = p.steady(t)
	must(t, p.main.Pause())
	p.wantHandOver(t, s, 4*time.Second)
	must(t, p.main.Resume())
	p.held(t, "main")
}

func TestAllFrozen(t *testing.T) {
	t.Parallel()
	p := usual(t)
	mark := time.Now()
	must(t, p.main.Freeze())
	p.await(t, "backup has taken over", func() bool { return !p.holders.Taken(mark, "backup").IsZero() })
	// The frozen router's addresses expire by themselves (vrrp.Lifetime and the kernel's granularity).
	p.held(t, "backup")
	if lost := p.holders.Lost(mark, "main"); lost.Sub(mark) > 6*time.Second {
		t.Errorf("the frozen router kept the address for %s", lost.Sub(mark))
	}
	awake := time.Now()
	must(t, p.main.Thaw())
	p.held(t, "main")
	p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
	if n := len(p.recorder.Adverts(awake, "")); n > 40 {
		t.Errorf("a storm of %d adverts after the thaw:\n%s", n, lastLines(p.recorder.Story(awake), 60))
	}
	if n := len(p.recorder.Announcements(awake, "main")); n > 20 {
		t.Errorf("a storm of %d announcements after the thaw", n)
	}
}

func TestAllKilled(t *testing.T) {
	t.Parallel()
	p := usual(t)
	mark := time.Now()
	must(t, p.main.KillAll())
	p.held(t, "backup")
	t.Logf("%s\n%s", p.holders.Since(mark), p.holders.Story())
	if lost := p.holders.Lost(mark, "main"); lost.Sub(mark) > 6*time.Second {
		t.Errorf("the dead router kept the address for %s", lost.Sub(mark))
	}
	must(t, p.main.Restart(t.Context()))
	p.held(t, "main")
}
