package vmtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
)

// Variables of TestStorePowerCuts: how many cuts, and which ones.
const (
	storeCutsVariable = "TWINPATH_STORE_CUTS"
	storeSeedVariable = "TWINPATH_STORE_CUTS_SEED"
	usualStoreCuts    = 3
)

// The power fails while the store writes, and each time its file is whole, has every batch that was said to be on the disk, and at most
// one more. The disk forgets what it was not told to keep (vm.Cache). The guest is a kernel and the test program of package store,
// which looks at what the last cut has left and writes on (store/kill_test.go).
func TestStorePowerCuts(t *testing.T) {
	only(t, vm.AMD64)
	t.Parallel() // an emulated processor keeps one of the machine's busy
	cuts := number(storeCutsVariable, usualStoreCuts)
	seed := number(storeSeedVariable, int(time.Now().UnixNano()%1_000_000))
	t.Logf("%d cuts, %s=%d", cuts, storeSeedVariable, seed)
	v := newVictim(t, uint64(seed))
	for n := range cuts {
		if !t.Run(fmt.Sprintf("%02d", n), v.once) {
			break
		}
	}
	t.Logf("%d batches; at the cuts %d sectors that were written and not flushed were kept, %d lost; %d flushes", v.kept+1, v.settled, v.lost, v.cache.Flushes())
	if v.kept < cuts {
		t.Errorf("only %d batches were written: the cuts came too early to mean anything", v.kept+1)
	}
	if err := v.cache.Close(); err != nil {
		t.Error(err)
	}
	const mended = 1 // its journal, for one
	var status *exec.ExitError
	if out, err := exec.Command("/sbin/e2fsck", "-fp", v.disk).CombinedOutput(); err != nil && !(errors.As(err, &status) && status.ExitCode() == mended) {
		t.Errorf("e2fsck: %v: %s", err, out)
	}
}

// victim is a guest that writes.
type victim struct {
	machine       vm.Machine
	disk          string
	cache         *vm.Cache
	chance        *rand.Rand
	kept          int // the last batch that was said to be on the disk; -1: none
	settled, lost int // sectors
}

func newVictim(t *testing.T, seed uint64) *victim {
	t.Helper()
	dir, b := t.TempDir(), shipped(vm.AMD64)
	v := &victim{disk: filepath.Join(dir, "disk"), chance: rand.New(rand.NewPCG(seed, 0)), kept: -1}
	const size = 64 << 20
	if err := os.WriteFile(v.disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(v.disk, size); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("/sbin/mke2fs", "-q", "-t", "ext4", v.disk).CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v: %s", err, out)
	}
	init, err := os.ReadFile("testdata/store-init.sh")
	if err != nil {
		t.Fatal(err)
	}
	v.machine, err = vm.Lean(vm.AMD64, b.kernel(), b.initrd(), dir, init, map[string]string{"store.test": compile(t, vm.AMD64, "./store")})
	if err != nil {
		t.Fatal(err)
	}
	if v.cache, err = vm.NewCache(v.disk); err != nil {
		t.Fatal(err)
	}
	v.machine.Disks = []vm.Disk{{Cache: v.cache}}
	return v
}

// once powers the guest on, which checks what the last cut has left, and off at a random moment: while it starts, or while it writes.
func (v *victim) once(t *testing.T) {
	g, err := v.machine.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	v.found(t, g)
	life := time.Duration(v.chance.Float64() * float64(3*time.Second))
	time.Sleep(life) // nothing to wait for: the power fails when it likes
	g.Kill()
	v.said(t, g)
	settled, lost, err := v.cache.Cut(v.chance)
	if err != nil {
		t.Fatal(err)
	}
	v.settled, v.lost = v.settled+settled, v.lost+lost
	t.Logf("cut %s after it had begun, at batch %d; %d sectors that were not flushed kept, %d lost", life.Round(time.Millisecond), v.kept, settled, lost)
}

var (
	foundLine = regexp.MustCompile(`victim: sound, (\d+) batches in it`)
	keptLine  = regexp.MustCompile(`victim: kept (\d+)\.`)
)

// found waits until the guest has looked at its disk, and compares that with what it had said before the cut.
func (v *victim) found(t *testing.T, g *vm.Guest) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { _ = g.Wait(ctx); cancel() }()                              // one that is off says nothing any more
	if _, _, err := g.Console.Await(ctx, 0, "batches in it"); err != nil { // the end of the line
		t.Fatalf("%v\n%s", err, g.Console.Tail(0))
	}
	match := foundLine.FindStringSubmatch(g.Console.Tail(0))
	if match == nil {
		t.Fatalf("the guest has not found anything\n%s", g.Console.Tail(0))
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	if said := v.kept + 1; n < said || n > said+1 {
		t.Fatalf("%d batches are on the disk, and %d had been said to be\n%s", n, said, g.Console.Tail(0))
	}
	t.Logf("sound, with %d batches, %s after power-on", n, time.Since(g.Powered()).Round(10*time.Millisecond))
	v.kept = n - 1
}

// said takes in what the guest has said to be on the disk.
func (v *victim) said(t *testing.T, g *vm.Guest) {
	t.Helper()
	all := keptLine.FindAllStringSubmatch(g.Console.Tail(0), -1)
	if len(all) == 0 {
		return
	}
	n, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		t.Fatal(err)
	}
	v.kept = n
}
