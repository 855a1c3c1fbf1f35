package lab

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var (
	update  = flag.Bool("update", false, "write the tables of results to docs/")
	standIn = flag.String("ours", "twinpath", "the program in Twinpath's place in the interop tests: keepalived proves the tests themselves")
)

// speaker is a program that can be one of a pair.
type speaker struct {
	name   string
	start  func(tb testing.TB, b *Box, v Virtual)
	ready  func(tb testing.TB, b *Box) // it listens; nil: start has waited for it
	stop   func(tb testing.TB, b *Box)
	change func(tb testing.TB, b *Box, v Virtual) // a new config while it runs
	linger time.Duration                          // from SIGTERM until it says good-bye
}

var keepalived = speaker{
	name:  "keepalived",
	start: func(tb testing.TB, b *Box, v Virtual) { must(tb, b.StartKeepalived(tb.Context(), v.Keepalived())) },
	stop:  func(tb testing.TB, b *Box) { must(tb, b.Stop()) },
	change: func(tb testing.TB, b *Box, v Virtual) {
		must(tb, b.ConfigureKeepalived(v.Keepalived()))
		must(tb, b.Reload())
	},
}

var frr = speaker{
	name:  "FRR",
	start: func(tb testing.TB, b *Box, v Virtual) { must(tb, b.StartFRR(tb.Context(), v)) },
	stop:  func(tb testing.TB, b *Box) { must(tb, b.StopFRR()) },
	change: func(tb testing.TB, b *Box, v Virtual) {
		must(tb, b.FRR("interface lan0", v.frrPriority()))
	},
}

var ourDaemon = speaker{
	name:  "twinpath",
	start: func(tb testing.TB, b *Box, v Virtual) { must(tb, b.Start(tb.Context(), built(tb), named(b)+v.TOML())) },
	ready: func(tb testing.TB, b *Box) {
		await(tb, b, "it listens", func(s Status) bool {
			return len(s.VRRP) > 0 && (s.VRRP[0].State == "backup" || s.VRRP[0].State == "active")
		})
	},
	stop: func(tb testing.TB, b *Box) { must(tb, b.Stop()) },
	change: func(tb testing.TB, b *Box, v Virtual) {
		must(tb, os.WriteFile(b.Config(), []byte(named(b)+v.TOML()), 0o600))
		must(tb, b.Reload())
	},
	linger: 2 * time.Second, // a new daemon may be about to start: the sentinel waits for it
}

// frrCan reports whether FRR can change to its own user, which it insists on: not in the sandbox of an ordinary user.
func frrCan() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	words := strings.Fields(string(text))
	return err == nil && len(words) >= 3 && words[2] != "1"
}

// named is the head of a config of a box without lines: a plain VRRP daemon.
func named(b *Box) string { return "[router]\nname = \"" + b.Name + "\"\n" }

// ours is Twinpath, or what stands in for it.
func ours() speaker {
	if *standIn == "keepalived" {
		return keepalived
	}
	return ourDaemon
}
