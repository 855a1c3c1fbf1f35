package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twinpath/twinpath/durable"
	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
)

// life is what a run of the daemon leaves to the next one, in the state directory: how it ended, and which version it was. A disk that
// hangs holds its methods up, and nobody else.
type life struct {
	file string
	log  *slog.Logger

	mu  sync.Mutex
	run run
}

// run is one run of the daemon.
type run struct {
	Version string    `json:"version"`
	Boot    string    `json:"boot"` // of the machine (random(4), boot_id)
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`  // in good order; zero: it goes on, or did not
	Update  time.Time `json:"update,omitzero"` // of the newest result of an update that was told
}

// How the run before ended: the From of the event that this one has started.
const (
	endedWell   = "ended"
	endedKilled = "killed"
	endedNever  = "" // there was none
)

func newLife(state string, log *slog.Logger) *life {
	return &life{file: filepath.Join(state, "run.json"), log: log}
}

// begin writes down that a run has begun, and returns what there is to say of that.
func (l *life) begin(now time.Time, version, boot string) []router.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, there := l.before()
	l.run = run{Version: version, Boot: boot, Started: now, Update: before.Update}
	l.save()
	start := router.Event{Time: now, Kind: router.EventRouter, To: "started", Sentence: "Twinpath " + version + " has started."}
	switch {
	case !there:
		start.From = endedNever
	case !before.Ended.IsZero():
		start.From = endedWell
	case before.Boot == boot:
		start.From, start.Sentence = endedKilled, start.Sentence+" The one before ended without warning."
	default:
		start.From, start.Sentence = endedKilled, start.Sentence+" The router lost its power, or was restarted by force."
	}
	if !there || before.Version == version {
		return []router.Event{start}
	}
	return []router.Event{start, happened(now, router.CauseUpdate, "This router works by version "+version+" of Twinpath now; before, by "+before.Version+".")}
}

// end writes down that the run ends in good order.
func (l *life) end(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run.Ended = now
	l.save()
}

// updated returns what there is to say of the image's last update, once: a new version says so by itself.
func (l *life) updated(now time.Time, r slot.Result) []router.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !r.Time.After(l.run.Update) {
		return nil
	}
	l.run.Update = r.Time
	l.save()
	if r.Outcome != slot.Failed && r.Outcome != slot.FellBack {
		return nil
	}
	return []router.Event{happened(now, router.CauseUpdate, r.Sentence)}
}

func (l *life) before() (r run, there bool) {
	text, err := os.ReadFile(l.file)
	return r, err == nil && json.Unmarshal(text, &r) == nil
}

// save is best effort: a disk that is full is said elsewhere.
func (l *life) save() {
	text, err := json.Marshal(l.run)
	if err == nil {
		err = durable.Replace(l.file, text, 0o600)
	}
	if err != nil {
		l.log.Warn("not written down for the next start", "reason", err)
	}
}

// bootID tells this start of the machine from every other.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
