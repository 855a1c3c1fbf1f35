package script

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinpath/twinpath/program"
)

// journal is a log that a test can wait for.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Write(line)
	select {
	case j.more <- struct{}{}:
	default:
	}
	return len(line), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// wait returns when the log has the phrase as often as wanted.
func (j *journal) wait(t *testing.T, times int, phrase string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for strings.Count(j.String(), phrase) < times {
		select {
		case <-j.more:
		case <-late:
			t.Fatalf("the log does not say %q %d times:\n%s", phrase, times, j)
		}
	}
}

func start(t *testing.T, limit time.Duration) (*Runner, *journal, func()) {
	t.Helper()
	if err := program.Safe("/bin/sh"); err != nil {
		t.Skip(err) // as in a user namespace of somebody else
	}
	j := &journal{more: make(chan struct{}, 1)}
	r := New(slog.New(slog.NewTextHandler(j, nil)))
	r.limit = limit
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, j, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func shell(words string) []string { return []string{"/bin/sh -c '" + words + "' sh"} }

func TestAProgramHearsWhatHappened(t *testing.T) {
	r, j, stop := start(t, time.Minute)
	defer stop()
	r.Change(Change{Instance: "lan", State: "active", Programs: shell(`echo "$TWINPATH_STATE for $2 as $3 with $4"; echo oops >&2`),
		Arguments: []string{"INSTANCE", "lan", "MASTER", "100"}, Environment: []string{"TWINPATH_STATE=active"}})
	j.wait(t, 1, "script done")
	for _, want := range []string{`"active for lan as MASTER with 100"`, "line=oops", "vrrp=lan", "state=active"} {
		if !strings.Contains(j.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, j)
		}
	}
}

func TestEachInstanceRunsItsOwnInOrderAndTheLatestWins(t *testing.T) {
	r, j, stop := start(t, time.Minute)
	defer stop()
	gate := filepath.Join(t.TempDir(), "gate")
	say := func(instance, state, then string) Change {
		return Change{Instance: instance, State: state, Programs: shell(fmt.Sprintf("echo begins %s; %s; echo ends %s", state, then, state))}
	}
	r.Change(say("lan", "active", "while ! test -e "+gate+"; do sleep 0.01; done"))
	j.wait(t, 1, "begins active")
	r.Change(say("lan", "fault", "true"))
	r.Change(say("lan", "backup", "true"))
	r.Change(say("dmz", "backup", "true"))
	j.wait(t, 1, "script done") // of dmz: it does not wait for lan
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j.wait(t, 3, "script done")
	text := j.String()
	if strings.Contains(text, "begins fault") || !strings.Contains(text, "script skipped") || !strings.Contains(text, "state=fault now=backup") {
		t.Errorf("the outdated state was not skipped, or not said to be:\n%s", text)
	}
	var lan []string
	for line := range strings.Lines(text) {
		if _, said, ok := strings.Cut(line, `line="`); ok && strings.Contains(line, "vrrp=lan") {
			lan = append(lan, strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(said), `"`)))
		}
	}
	if got := strings.Join(lan, ", "); got != "begins active, ends active, begins backup, ends backup" {
		t.Errorf("lan ran: %s", got)
	}
}

func TestAProgramWhoseTimeIsUpIsEnded(t *testing.T) {
	r, j, stop := start(t, 100*time.Millisecond)
	defer stop()
	r.Change(Change{Instance: "lan", State: "active", Programs: []string{
		shell(`trap "" TERM; echo deaf; sleep 60 & wait; sleep 60`)[0], shell("echo next")[0]}})
	j.wait(t, 1, "script ended: its time was up")
	j.wait(t, 1, "line=next")
}

func TestFailuresAreSaid(t *testing.T) {
	r, j, stop := start(t, time.Minute)
	defer stop()
	unsafe := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(unsafe, []byte("#!/bin/sh\necho ran\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	r.Change(Change{Instance: "lan", State: "active", Programs: []string{"/bin/false", unsafe, "", "/bin/sh 'x"}})
	j.wait(t, 2, "script failed")
	j.wait(t, 2, "script not run")
	if strings.Contains(j.String(), "line=ran") {
		t.Errorf("a file that anybody can replace was run:\n%s", j)
	}
}

func TestAStopEndsWhatRuns(t *testing.T) {
	r, j, stop := start(t, time.Minute)
	r.Change(Change{Instance: "lan", State: "active", Programs: shell("echo begun; sleep 60")})
	j.wait(t, 1, "line=begun")
	began := time.Now()
	stop()
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the stop took %s", took)
	}
}
