package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// victimVariable makes the test binary a victim, in the directory that it names.
const victimVariable = "TWINPATH_STORE_VICTIM"

// victim looks at what the victim before it has left, and then writes one batch after the other until somebody kills it. It says of each
// when it is on the disk: an event, an incident, usage, and their number on a shelf.
func victim(dir string) error {
	n, err := left(dir)
	if err != nil {
		return err
	}
	fmt.Printf("victim: sound, %d batches in it\n", n)
	d := New(dir, quiet)
	go func() { _ = d.Run(context.Background()) }()
	for ; ; n++ {
		e := event(n)
		e.Packet = strings.Repeat("ff", 500) // so that checkpoints are often
		d.Record(e)
		d.PutIncident(incident(n%100, time.Duration(n+1)*time.Second))
		d.AddUsage("lte", "2026-11-20", 1, 2)
		if err := d.Shelf("victim").Put("last", []byte(strconv.Itoa(n))); err != nil {
			return err
		}
		fmt.Printf("victim: kept %d.\n", n)
	}
}

// left checks what a victim has left, and returns how many batches that is. Each must be whole.
func left(dir string) (int, error) {
	f, err := openFile(dir, sqliteFile, steps[:])
	if err != nil {
		return 0, err
	}
	defer f.close()
	var found string
	if err := f.db.QueryRow("PRAGMA integrity_check").Scan(&found); err != nil || found != "ok" {
		return 0, fmt.Errorf("the check found %q (%v)", found, err)
	}
	items, err := f.shelf("victim")
	if err != nil || len(items) == 0 {
		return 0, err
	}
	last, err := strconv.Atoi(string(items[0].Value))
	if err != nil {
		return 0, err
	}
	n := last + 1
	events, err := f.events(time.Time{})
	if err != nil || len(events) != n || events[last].Sentence != event(last).Sentence {
		return 0, fmt.Errorf("%d events, want %d (%v)", len(events), n, err)
	}
	if days, err := f.usage("lte", "", "9"); err != nil || days["2026-11-20"] != (router.Traffic{Rx: uint64(n), Tx: uint64(2 * n)}) {
		return 0, fmt.Errorf("usage %v, want %d (%v)", days, n, err)
	}
	incidents, err := f.incidents(time.Time{}, noon.AddDate(1, 0, 0))
	if err != nil || len(incidents) != min(n, 100) {
		return 0, fmt.Errorf("%d incidents, want %d (%v)", len(incidents), min(n, 100), err)
	}
	if i := incidents[last%100]; i.End.Sub(i.Start) != time.Duration(n)*time.Second {
		return 0, fmt.Errorf("the incident of batch %d is %s long", last, i.End.Sub(i.Start))
	}
	return n, nil
}

// TestKilledWhileWriting kills a writer 50 times. Each time the file is whole, has everything that was said to be in it, and
// at most one batch more. The same with the power: TestStorePowerCuts in image/vmtest.
func TestKilledWhileWriting(t *testing.T) {
	const kills, most, atStart = 50, 150 * time.Millisecond, 5 // one of so many comes while the victim starts
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	dir, said, early := t.TempDir(), 0, 0
	for range kills {
		now := killed(t, dir, time.Duration(chance.Int64N(int64(most))), chance.IntN(atStart) == 0)
		if now == 0 {
			early++
		}
		said = max(said, now)
		n, err := left(dir)
		if err != nil {
			t.Fatal(err)
		}
		if n < said || n > said+1 {
			t.Fatalf("%d batches are on the disk, and %d had been said to be", n, said)
		}
		said = n // the one under way may be there
	}
	t.Logf("%d batches; %d kills came before the first one of their victim", said, early)
	if early > kills/2 {
		t.Error("most kills came too early to mean anything")
	}
}

// killed runs a victim for so long, from its start or from when it writes, and returns how many batches it has said to be there; 0: none, as yet.
func killed(t *testing.T, dir string, life time.Duration, atStart bool) (said int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() }
	if atStart {
		time.AfterFunc(life, kill)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "victim: kept %d.", &n); err == nil {
			if said == 0 && !atStart {
				time.AfterFunc(life, kill)
			}
			said = n + 1
		} else if !strings.HasPrefix(lines.Text(), "victim: ") {
			t.Fatalf("the victim says %q", lines.Text())
		}
	}
	_ = cmd.Wait() // it was killed
	return said
}
