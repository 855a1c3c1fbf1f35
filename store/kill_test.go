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
)

// victimVariable makes the test binary a victim, in the directory that it names.
const victimVariable = "TWINPATH_STORE_VICTIM"

// victim writes one batch after the other until somebody kills it, and says of each when it is on the disk: an event, an incident,
// usage, and their number on a shelf.
func victim(dir string) {
	d := New(dir, quiet)
	go func() { _ = d.Run(context.Background()) }()
	for n := last(d) + 1; ; n++ {
		e := event(n)
		e.Packet = strings.Repeat("ff", 500) // so that checkpoints are often
		d.Record(e)
		d.PutIncident(incident(n%100, time.Duration(n)*time.Second))
		d.AddUsage("lte", "2026-11-20", 1, 2)
		if err := d.Shelf("victim").Put("last", []byte(strconv.Itoa(n))); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// last is the number of the last whole batch; -1: there is none.
func last(d *DB) int {
	items, err := d.Shelf("victim").All()
	if err != nil || len(items) != 1 {
		return -1
	}
	n, err := strconv.Atoi(string(items[0].Value))
	if err != nil {
		return -1
	}
	return n
}

// sound checks what a victim has left, of which it had said that it had written this number, and returns which one is there.
func sound(t testing.TB, dir string, said int) int {
	t.Helper()
	f, err := openFile(dir, sqliteFile, steps[:])
	if err != nil {
		t.Fatal(err)
	}
	var found string
	if err := f.db.QueryRow("PRAGMA integrity_check").Scan(&found); err != nil || found != "ok" {
		t.Fatalf("the check found %q (%v)", found, err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	d := New(dir, quiet)
	defer running(t, d)()
	n := last(d)
	if n < said || n > said+1 {
		t.Fatalf("%d batches are on the disk, and %d had been said to be", n+1, said+1)
	}
	if n < 0 {
		return n
	}
	events, err := d.Since(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	first := max(n+1-fileEvents, 0)
	if len(events) < n+1-first || events[len(events)-1].Sentence != event(n).Sentence {
		t.Errorf("%d events, want %d and up to %q", len(events), n+1, event(n).Sentence)
	}
	if days, err := d.Usage("lte", "2026-11-20", "2026-11-20"); err != nil || len(days) != 1 || days[0].Rx != uint64(n+1) || days[0].Tx != uint64(2*n+2) {
		t.Errorf("usage %v (%v), want %d", days, err, n+1)
	}
	incidents, err := d.Incidents(time.Time{}, noon.AddDate(1, 0, 0))
	if err != nil || len(incidents) != min(n+1, 100) {
		t.Fatalf("%d incidents (%v), want %d", len(incidents), err, min(n+1, 100))
	}
	if i := incidents[n%100]; i.End.Sub(i.Start) != time.Duration(n)*time.Second {
		t.Errorf("the incident of batch %d is %s long", n, i.End.Sub(i.Start))
	}
	return n
}

// TestKilledWhileWriting kills a writer 50 times. Each time the file is whole, has everything that was said to be in it, and
// at most one batch more.
func TestKilledWhileWriting(t *testing.T) {
	const kills, most = 50, 150 * time.Millisecond
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	dir, said, written := t.TempDir(), -1, 0
	for range kills {
		now := killed(t, dir, time.Duration(chance.Int64N(int64(most))))
		if now >= 0 {
			written += now - said
			said = now
		}
		said = sound(t, dir, said)
	}
	t.Logf("%d batches were written", written)
	if written < kills {
		t.Errorf("only %d batches were written: the kills came too early to mean anything", written)
	}
}

// killed runs a victim for so long, and returns the last number it has said; -1: none.
func killed(t *testing.T, dir string, life time.Duration) int {
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
	time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
	said := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if said, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatalf("the victim says %q", lines.Text())
		}
	}
	_ = cmd.Wait() // it was killed
	return said
}
