package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDrainSaysWhenNothingIsLeft moves the house off main and follows its last connections.
func TestDrainSaysWhenNothingIsLeft(t *testing.T) {
	t.Parallel()
	p := openDuo(t)
	traffic := p.traffic(t, Load{Streams: 3, Calls: 2, Interval: 50 * time.Millisecond, Six: true})
	said := make(chan string)
	go func() {
		out, err := p.main.Call(t.Context(), "drain", "--wait=60s")
		if err != nil {
			t.Error(err)
		}
		said <- out
	}()
	p.serves(t, "backup")
	p.handed(t, "backup", traffic.Alive())
	p.wantUnharmed(t, traffic)
	forgetFlows(t, p.main) // which the kernel does by itself, but of datagrams not before two minutes
	out := <-said
	t.Log(out)
	const stay, over = " stay with it until they end.\n", "Nothing uses main any more: it may be switched off.\n"
	if !strings.HasPrefix(out, "The house has left main at ") || !strings.Contains(out, stay) || !strings.HasSuffix(out, over) {
		t.Errorf("drain says %q", out)
	}
	p.told(t, p.main, "main is drained: nothing uses it any more, it may be switched off.")
	if s, err := p.main.fullStatus(t); err != nil || !s.Vacant || s.DrainedSince == nil {
		t.Errorf("%v, vacant %v, drained since %v", err, s.Vacant, s.DrainedSince)
	}
	_, err := p.main.Call(t.Context(), "resume")
	must(t, err)
	p.serves(t, "main")
	p.straight(t)
}

// told waits until a router has said a sentence.
func (p *duo) told(t *testing.T, b *Box, sentence string) {
	t.Helper()
	p.await(t, b.Name+" says: "+sentence, func() bool {
		out, err := b.Call(t.Context(), "events")
		must(t, err)
		return strings.Contains(out, sentence)
	})
}

// TestConfigurationMovesTheHouseAround gives main's line another MAC address, which takes it seconds to be proven again: whoever comes meanwhile
// is served by the backup, and nobody waits.
func TestConfigurationMovesTheHouseAround(t *testing.T) {
	t.Parallel()
	p := openDuo(t)
	visitors := p.receiveVisitors(t, p.laptop)
	must(t, pause(t.Context(), 500*time.Millisecond))
	file := filepath.Join(t.TempDir(), "next.toml")
	next := strings.Replace(duoTOML(p.main), "interface = \"wan0\"\n", "interface = \"wan0\"\nmac = \"02:00:5e:00:77:01\"\n", 1)
	must(t, os.WriteFile(file, []byte(next), 0o600))
	began := time.Now()
	_, err := p.main.Call(t.Context(), "apply", file)
	must(t, err)
	took := time.Since(began)
	t.Logf("apply took %s", round(took))
	const bound = 5 * time.Second
	if took > bound+slackHere {
		t.Errorf("apply took %s, want %s at most", took, bound)
	}
	p.told(t, p.main, "In the new configuration line is made anew: the other router is to serve the house meanwhile.")
	p.told(t, p.main, "The new configuration works: this router may serve the house again.")
	p.serves(t, "main")
	must(t, pause(t.Context(), time.Second))
	visits := visitors.end("fibre")
	t.Log(visits)
	if visits.broken > 0 || visits.moved > 0 {
		t.Errorf("short flows: %s", visits)
	}
	p.straight(t)
}

// TestMachineThatStopsLeavesFirst stops main as systemd does when the machine restarts: its kernel objects go with the daemon, so its connections are
// told by the other router, and whoever comes meanwhile notices nothing.
func TestMachineThatStopsLeavesFirst(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\necho 812 twinpath.service stop running\n"), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	p := openDuo(t)
	doomed := p.traffic(t, Load{Streams: 5, Idle: 2, Interval: 50 * time.Millisecond, Six: true})
	visitors := p.receiveVisitors(t, p.laptop)
	must(t, pause(t.Context(), 500*time.Millisecond))
	began := time.Now()
	must(t, p.main.Stop())
	ended := time.Now()
	p.await(t, "every client knows", func() bool { _, all := doomed.Told(ended); return all })
	told, _ := doomed.Told(ended)
	taken := p.holders.Taken(began, "backup")
	t.Logf("backup has the address after %s, main has ended after %s, the last client knows %s later: %s",
		round(taken.Sub(began)), round(ended.Sub(began)), round(told), doomed.Stop())
	if took := ended.Sub(began); taken.IsZero() || taken.After(ended) || took > 5*time.Second+slackHere {
		t.Errorf("main has ended after %s, backup has the address after %s", round(took), round(taken.Sub(began)))
	}
	if told > ToldPromise+slackHere {
		t.Errorf("the last client knows %s after it, want %s at most", told, ToldPromise)
	}
	p.serves(t, "backup")
	if visits := visitors.end("lte"); visits.broken > 0 || visits.moved > 0 {
		t.Errorf("short flows: %s", visits)
	}
	p.tidy(t, p.backup)
}

// TestRestartOfTheProgramIsNotFelt does what an update of the package does, on either router, while connections are kept.
func TestRestartOfTheProgramIsNotFelt(t *testing.T) {
	t.Parallel()
	p, traffic := kept(t, someFlows)
	for _, b := range []*Box{p.backup, p.main} {
		must(t, b.Stop())
		must(t, pause(t.Context(), systemdPause))
		must(t, b.Restart(t.Context()))
		p.linked(t)
		p.handed(t, "main", traffic.Alive())
	}
	p.wantUnharmed(t, traffic)
	p.serves(t, "main")
	p.straight(t)
}
