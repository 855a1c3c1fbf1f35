package lab

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Tests of "Changes without a gap" and "Staying where it is" of docs/vrrp.md.

// second is an address that a running pair gets.
const second = "192.168.1.4/24"

func TestRecipeAddingAnAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		first, second func(*pair) (*Box, int)
	}{
		{"the Active first", theMain, theBackup},
		{"the Backup first", theBackup, theMain},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := usual(t)
			w, err := p.Watch(netip.MustParsePrefix(second).Addr())
			must(t, err)
			s := p.steady(t)
			for _, next := range []func(*pair) (*Box, int){c.first, c.second} {
				b, priority := next(p)
				reconfigure(t, b, shared(priority).and(second))
				await(t, b, "it has both", func(s Status) bool { return len(s.VRRP) == 1 && len(s.VRRP[0].Addresses) == 2 })
				must(t, pause(t.Context(), 3*calm))
			}
			told(t, p.backup, second[:len(second)-3]) // the alarm about lists that differ: it is the one who hears adverts
			if held := w.Now(); len(held) != 1 || held[0] != "main" {
				t.Errorf("the new address is on %v", held)
			}
			s.wantUnnoticed(t, "main", calm)
		})
	}
}

func theMain(p *pair) (*Box, int)   { return p.main, high }
func theBackup(p *pair) (*Box, int) { return p.backup, low }

func TestRecipeAddingAndRemovingARouter(t *testing.T) {
	t.Parallel()
	p := raised(t, pairHome())
	p.chatter(t)
	ourDaemon.start(t, p.main, shared(high))
	p.held(t, "main")
	p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
	s := p.steady(t)
	ourDaemon.start(t, p.backup, shared(low))
	election(t, p.backup, "backup")
	must(t, pause(t.Context(), 6*calm))
	s.wantUnnoticed(t, "main", calm)

	// Its priority last.
	s = p.steady(t)
	reconfigure(t, p.backup, shared(120))
	p.wantHandOver(t, s, 2*time.Second)

	// And away again: drained, looked at, stopped.
	mark := time.Now()
	if out, done := call(t, p.backup, "drain"); !done {
		t.Fatalf("drain: %s", out)
	}
	p.held(t, "main")
	if e := election(t, p.backup, "backup"); e.Priority != 1 {
		t.Errorf("drained: priority %d, want 1", e.Priority)
	}
	if times := p.holders.Since(mark); times.None > 20*time.Millisecond || times.Several > 150*time.Millisecond {
		t.Errorf("drained: %s\n%s", times, p.holders.Story())
	}
	p.await(t, "main alone speaks", func() bool { return p.speaksAlone("main", calm) })
	s = p.steady(t)
	must(t, p.backup.Stop())
	must(t, pause(t.Context(), 3*time.Second)) // its sentinel's patience
	s.wantUnnoticed(t, "main", calm)
}

func TestRecipeChangingAKey(t *testing.T) {
	t.Parallel()
	old, next := strings.Repeat("0b", 32), strings.Repeat("c4", 32)
	keys := func(priority int, text string) Virtual {
		v := shared(priority)
		v.Extra = "auth = { kind = \"hmac\", " + text + " }\n"
		return v
	}
	single := func(key string) string { return fmt.Sprintf("key = %q", key) }
	both := func(active int) string {
		return fmt.Sprintf("keys = { 1 = %q, 2 = %q }, active = %d", old, next, active)
	}
	p := brothers(t, pairHome(), keys(high, single(old)), keys(low, single(old)))
	s := p.steady(t)
	for _, text := range []string{both(1), both(2), fmt.Sprintf("keys = { 2 = %q }, active = 2", next)} {
		for _, next := range []func(*pair) (*Box, int){theBackup, theMain} {
			b, priority := next(p)
			reconfigure(t, b, keys(priority, text))
			must(t, pause(t.Context(), 3*calm))
		}
	}
	body, err := p.backup.Get(t.Context(), "/api/v1/status")
	must(t, err)
	if strings.Contains(string(body), `"rejected"`) {
		t.Errorf("adverts were rejected: %s", body)
	}
	s.wantUnnoticed(t, "main", calm)
}

// TestRecipeFirstContact: a router with preempt = false that became Active only because it could not hear yields.
func TestRecipeFirstContact(t *testing.T) {
	t.Parallel()
	home := pairHome()
	home.Routers[1].Upstairs = true
	p := raised(t, home)
	p.chatter(t)
	ourDaemon.start(t, p.backup, shared(low))
	p.held(t, "backup")
	must(t, p.CutTrunk())
	main := shared(high)
	main.NoPreempt = true
	ourDaemon.start(t, p.main, main)
	p.await(t, "main could not hear", func() bool { return len(p.holders.Now()) == 2 })
	must(t, p.PlugTrunk())
	mark := time.Now()
	p.held(t, "backup")
	if took := time.Since(mark); took > 2*calm {
		t.Errorf("it yielded after %s, want an advert's time", took)
	}
	mark = time.Now()
	must(t, pause(t.Context(), 6*calm))
	if times := p.holders.Since(mark); times.Changes > 0 {
		t.Errorf("it does not stay: %s\n%s", times, p.holders.Story())
	}
}

// TestRecipeImport is the move from keepalived: its file is imported on the Backup, then on the other machine, and the two
// work together in between.
func TestRecipeImport(t *testing.T) {
	t.Parallel()
	p := build(t, houseHome())
	p.chatter(t)
	conf, err := os.ReadFile("../migration/testdata/home.conf")
	must(t, err)
	theirs := []string{string(conf), substitute(t, string(conf), "priority 100", "priority 50", "state MASTER", "state BACKUP")}
	for i, b := range p.Boxes {
		must(t, b.Raise())
		must(t, b.SetUp(ByHand{ISP: b.wans[0], Masquerade: true}))
		must(t, b.ServeEcho())
		must(t, b.StartKeepalived(t.Context(), theirs[i]))
	}
	p.held(t, "main")
	p.saying(t, 100)

	mark := time.Now()
	imported(t, p.backup)
	await(t, p.backup, "it is Backup, and its checks pass", func(s Status) bool {
		return len(s.VRRP) == 1 && s.VRRP[0].State == "backup" && s.VRRP[0].Priority == 50
	})
	must(t, pause(t.Context(), hours))
	if times := p.holders.Since(mark); times.Changes > 0 {
		t.Errorf("the Backup was moved: %s\n%s", times, p.holders.Story())
	}

	mark = time.Now()
	imported(t, p.main)
	if p.holders.Taken(mark, "backup").IsZero() {
		t.Errorf("the Backup did not take over from keepalived:\n%s", p.holders.Story())
	}
	p.held(t, "main")
	p.saying(t, 100)
	p.carried(t, "fibre")
	t.Logf("%s\n%s", p.holders.Since(mark), p.holders.Story())
}

// imported replaces a box's keepalived by Twinpath with what import makes of its file.
func imported(t *testing.T, b *Box) {
	t.Helper()
	must(t, b.Stop())
	file, err := exec.Command(built(t), "import", "--host", b.Name, b.dir+"/keepalived.conf").Output()
	must(t, err)
	begin(t, b, string(file))
}
