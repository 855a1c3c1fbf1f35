package setup

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
)

// box is a machine whose cables the test plugs. It implements Ports.
type box struct {
	t     *testing.T
	dir   string
	start time.Time

	mu      sync.Mutex
	links   []router.Link
	behind  map[string]wan.Upstream // who answers on a port
	changed func()
	daemon  bool // it answers
	pending *router.PendingView
	ready   time.Duration
	reloads int
}

func (b *box) Links() ([]router.Link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]router.Link{}, b.links...), nil
}

func (b *box) Raise(router.Link) error { return nil }

func (b *box) Look(ctx context.Context, port string) (wan.Upstream, error) {
	select {
	case <-ctx.Done():
	case <-time.After(7 * time.Second):
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.behind[port], ctx.Err()
}

func (b *box) Watch(ctx context.Context, changed func()) error {
	b.mu.Lock()
	b.changed = changed
	b.mu.Unlock()
	changed()
	<-ctx.Done()
	return nil
}

// plug changes what a port's cable leads to; without a cable when in is false.
func (b *box) plug(n int, in bool, to wan.Upstream) {
	b.mu.Lock()
	b.links[n].Carrier, b.behind[b.links[n].Name] = in, to
	b.mu.Unlock()
	b.changed()
}

func (b *box) boot() string { return filepath.Join(b.dir, "twinpath.toml") }

// Open implements wan.Sockets: no network is there.
func (b *box) Open(string) (wan.Line, error) { return nil, errors.New("no network") }

func (b *box) Conflict(context.Context, string, netip.Addr) (string, error) { return "", nil }

// play runs a setup mode in a bubble, then the story, and expects it to end with the context.
func play(t *testing.T, ports int, story func(b *box)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &box{t: t, dir: dir, start: time.Now(), behind: map[string]wan.Upstream{}, daemon: true}
		for n := range ports {
			b.links = append(b.links, empty(n).Link)
		}
		s := &Setup{
			Boot: b.boot(), File: filepath.Join(dir, "run", "setup.toml"), Ports: b, Sockets: b, Log: slog.New(slog.DiscardHandler),
			Claim:  filepath.Join(dir, "run", "claim-code"),
			Status: b.status,
			Reload: func(context.Context) error { b.mu.Lock(); defer b.mu.Unlock(); b.reloads++; return nil },
			Ready:  func() { b.ready = time.Since(b.start) },
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		synctest.Wait()
		story(b)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("setup mode ended with %v", err)
		}
	})
}

func (b *box) status(context.Context) (*router.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.daemon {
		return nil, errors.New("nobody answers")
	}
	return &router.Snapshot{Pending: b.pending}, nil
}

// says expects phrases in the configuration after a while; one that begins with "!" must not be there.
func (b *box) says(after time.Duration, phrases ...string) {
	b.t.Helper()
	time.Sleep(after)
	synctest.Wait()
	text, err := os.ReadFile(filepath.Join(b.dir, "run", "setup.toml"))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range phrases {
		phrase, not := strings.CutPrefix(p, "!")
		if strings.Contains(string(text), phrase) == not {
			b.t.Errorf("after %s, %s:\n%s", time.Since(b.start), p, text)
		}
	}
}

func TestNoPortsYet(t *testing.T) {
	play(t, 0, func(b *box) {
		time.Sleep(3 * time.Second)
		b.mu.Lock()
		b.links = append(b.links, port(0, silent).Link)
		b.mu.Unlock()
		b.changed()
		b.says(8*time.Second, `ports = ["eth0"]`)
		if b.ready != 10*time.Second {
			t.Errorf("ready after %s, want when the port was looked along", b.ready)
		}
	})
}

func TestNothingPluggedIn(t *testing.T) {
	play(t, 2, func(b *box) {
		b.says(carrierWait, "# eth0", "# eth1", "![lan]", "![[wan]]")
		if b.ready != carrierWait {
			t.Errorf("ready after %s, want %s", b.ready, carrierWait)
		}
		b.plug(1, true, silent)
		b.says(5*time.Second, "finding out")
		b.says(3*time.Second, `ports = ["eth1"]`)
		b.plug(0, true, fibre)
		b.says(8*time.Second, `ports = ["eth1"]`, `interface = "eth0"`)
	})
}

// After a power cut everything starts at once, and a modem takes longer than we do.
func TestModemThatTakesItsTime(t *testing.T) {
	play(t, 2, func(b *box) {
		b.plug(0, true, silent)
		b.plug(1, true, silent)
		b.says(8*time.Second, `ports = ["eth0", "eth1"]`)
		b.mu.Lock()
		b.behind["eth0"] = fibre
		b.mu.Unlock()
		b.says(lookAgain+8*time.Second, `ports = ["eth1"]`, `interface = "eth0"`)
	})
}

func TestCableThatIsMoved(t *testing.T) {
	play(t, 2, func(b *box) {
		b.plug(0, true, silent)
		b.says(10*time.Second, `ports = ["eth0"]`)
		b.plug(0, false, silent)
		b.says(time.Second, "![lan]")
		b.plug(0, true, fibre) // the other end is in the ISP's box now
		b.says(5*time.Second, "![lan]")
		b.says(3*time.Second, "![lan]", `interface = "eth0"`)
		b.plug(0, false, silent)
		b.says(time.Minute, `interface = "eth0"`)
		b.plug(0, true, silent)
		b.says(time.Minute, "![lan]", `interface = "eth0"`)
	})
}

func TestDaemonIsToldWhenItAnswers(t *testing.T) {
	play(t, 1, func(b *box) {
		b.mu.Lock()
		b.daemon = false
		b.mu.Unlock()
		b.says(30*time.Second, "# eth0")
		if b.reloads != 0 {
			t.Errorf("reloaded %d times, though no daemon answers", b.reloads)
		}
		b.mu.Lock()
		b.daemon = true
		b.mu.Unlock()
		b.says(time.Minute)
		if b.reloads != 1 {
			t.Errorf("reloaded %d times for one configuration", b.reloads)
		}
	})
}

// The owner's first configuration is not taken away while it waits for its confirmation. When it is gone, ours is told again.
func TestAConfigurationThatWaitsIsLeftAlone(t *testing.T) {
	play(t, 1, func(b *box) {
		b.says(20*time.Second, "# eth0")
		b.mu.Lock()
		b.pending = &router.PendingView{}
		b.mu.Unlock()
		b.plug(0, true, silent)
		b.says(time.Minute, `ports = ["eth0"]`)
		if b.reloads != 1 {
			t.Errorf("reloaded %d times, once of them over the owner's head", b.reloads)
		}
		b.mu.Lock()
		b.pending = nil
		b.mu.Unlock()
		b.says(2 * beat)
		if b.reloads != 2 {
			t.Errorf("reloaded %d times, want ours told again", b.reloads)
		}
	})
}

func TestEndsWithAConfiguration(t *testing.T) {
	play(t, 1, func(b *box) {
		b.plug(0, true, silent)
		b.says(10*time.Second, `ports = ["eth0"]`)
		if err := os.WriteFile(b.boot(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(beat)
		synctest.Wait()
		if left, _ := filepath.Glob(filepath.Join(b.dir, "run", "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if b.reloads != 2 {
			t.Errorf("reloaded %d times, want once for each configuration", b.reloads)
		}
	})
}
