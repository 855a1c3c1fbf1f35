package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestUpgradeIsNotNoticed starts a daemon of another version over the old one's sentinel, which hands over to a new one.
func TestUpgradeIsNotNoticed(t *testing.T) {
	t.Parallel()
	next := filepath.Join(t.TempDir(), "twinpath")
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-X main.version=next", "-o", next, "../cmd/twinpath")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the next version: %v: %s", err, out)
	}
	p := usual(t)
	old, err := p.main.Sentinels()
	must(t, err)
	s := p.steady(t)
	config, err := os.ReadFile(p.main.Config())
	must(t, err)
	must(t, p.main.Stop())
	must(t, p.main.Start(t.Context(), next, string(config)))
	p.await(t, "there is a sentinel of the new version", func() bool {
		now, err := p.main.Sentinels()
		if err != nil || len(now) != 1 || now[0] == old[0] {
			return false
		}
		name, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", now[0]))
		return err == nil && name == next
	})
	election(t, p.main, "active")
	must(t, pause(t.Context(), 4*calm))
	s.wantUnnoticed(t, "main", calm)
}
