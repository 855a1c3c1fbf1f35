package console

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
)

// Source knows where a State comes from. It is for one goroutine.
type Source struct {
	Version string
	Root    string                                          // "/", but for tests
	Status  func(context.Context) (*router.Snapshot, error) // the daemon's
	House   func() House                                    // of the configuration in use

	silent time.Time // since when the daemon does not answer
	heard  bool      // it has answered once
}

// startTime is how long a daemon may take to answer for the first time. Chosen here: a Pi 3 with a slow card needs half of it.
const startTime = time.Minute

// Look gathers the state at now.
func (s *Source) Look(ctx context.Context, now time.Time) State {
	state := State{Version: s.Version, House: s.House(), SSH: s.exists("data/system/ssh/authorized_keys")}
	state.Mark = s.word("run/twinpath/web-fingerprint")
	if state.House.Setup {
		state.Claim = s.word("run/twinpath-image/claim-code")
	}
	state.Boot, _ = slot.Running(s.Root) // a system that no boot loader of ours started has no slot to show
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if snapshot, err := s.Status(ctx); err == nil {
		state.Snapshot, s.silent, s.heard = snapshot, time.Time{}, true
	} else if s.silent.IsZero() {
		s.silent = now
	}
	if state.Snapshot == nil && (s.heard || now.Sub(s.silent) >= startTime) {
		state.Silent = s.silent
	}
	state.Notices = s.notices(now)
	return state
}

// notices are what went wrong before and beside the daemon, the worst first.
func (s *Source) notices(now time.Time) []string {
	var all []string
	if s.exists("run/twinpath-image/data-lost") {
		all = append(all, "The part of the disk that holds the settings cannot be used: what is changed now is lost at the next start.\nThe card or disk may be worn out: flash a new one.")
	}
	for _, name := range []string{"restored", "problems"} {
		if text, err := os.ReadFile(s.path("run/twinpath-image/" + name)); err == nil {
			all = append(all, string(text))
		}
	}
	if text := s.update(now); text != "" {
		all = append(all, text)
	}
	if s.uptime() > timeToSync && !s.exists("run/systemd/timesync/synchronized") {
		all = append(all, "The clock has not been set yet: times may be wrong until the Internet has been reached.")
	}
	return all
}

// timeToSync is how long the clock may take to be set. Chosen here: a line needs a minute, systemd-timesyncd some tries.
const timeToSync = 5 * time.Minute

// update says how the last update ended: a good end is news for a day, another one until the next update.
func (s *Source) update(now time.Time) string {
	book := slot.Book{Dir: s.path("data/system")}
	last, there, err := book.Last()
	if err != nil || !there || last.Outcome == slot.Succeeded && now.Sub(last.Time) > 24*time.Hour {
		return ""
	}
	return last.Sentence
}

func (s *Source) uptime() time.Duration {
	text, err := os.ReadFile(s.path("proc/uptime"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	seconds, _ := strconv.ParseFloat(first, 64)
	return time.Duration(seconds * float64(time.Second))
}

// word is what a file of one line says; nothing without it.
func (s *Source) word(name string) string {
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func (s *Source) path(name string) string { return filepath.Join(s.Root, name) }

func (s *Source) exists(name string) bool {
	_, err := os.Stat(s.path(name))
	return err == nil
}
