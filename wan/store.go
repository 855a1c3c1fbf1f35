package wan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Store keeps a WAN's lease between two runs of the daemon.
type Store interface {
	Load() (Saved, bool)
	Save(Saved) error
	Forget()
}

// Saved is a lease and when it was taken, by the wall clock and by one that nobody sets.
type Saved struct {
	Lease   Lease         `json:"lease"`
	Taken   time.Time     `json:"taken"`
	Granted time.Duration `json:"granted"` // nanoseconds; 0: does not expire
	Uptime  Uptime        `json:"uptime,omitzero"`
}

// Uptime is the time since the machine was started. Its clock is comparable within one Boot only.
type Uptime struct {
	Boot  string        `json:"boot"`
	Since time.Duration `json:"since"`
}

// ReadUptime returns the machine's uptime, the zero value where the kernel does not tell.
func ReadUptime() Uptime {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Uptime{}
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return Uptime{}
	}
	return Uptime{strings.TrimSpace(string(boot)), time.Duration(now.Nano())}
}

func keep(lease Lease, taken time.Time, up Uptime) Saved {
	s := Saved{Lease: lease, Taken: taken, Uptime: up}
	if !lease.Expire.IsZero() {
		s.Granted = lease.Expire.Sub(taken)
	}
	return s
}

// restore counts the lease's times from now on. Sound means that they can be trusted: it is false when
// the lease has ended, when the clock was set back, and when the times contradict what was granted.
func (s Saved) restore(now time.Time, up Uptime) (lease Lease, sound bool) {
	lease = s.Lease
	age := now.Sub(s.Taken)
	if up.Boot != "" && up.Boot == s.Uptime.Boot {
		age = up.Since - s.Uptime.Since
	}
	for _, t := range []*time.Time{&lease.Renew, &lease.Rebind, &lease.Expire} {
		if !t.IsZero() {
			*t = now.Add(t.Sub(s.Taken) - age)
		}
	}
	if s.Granted == 0 {
		return lease, age >= 0 && lease.Expire.IsZero()
	}
	granted := s.Lease.Expire.Sub(s.Taken)
	return lease, age >= 0 && age < s.Granted && granted.Round(time.Second) == s.Granted.Round(time.Second)
}

// good tells whether a lease read from disk could have come from read.
func (s Saved) good() bool {
	a, l := s.Lease.Address, s.Lease
	return a.IsValid() && a.Addr().Is4() && usable(a.Addr()) && !edge(a) &&
		l.Gateway.Is4() && usable(l.Gateway) && l.Server.Is4() && usable(l.Server)
}

// FileStore is a Store in one file. A file that cannot be read counts as none.
type FileStore struct{ Path string }

// Load returns the saved lease, false when there is no good one.
func (f FileStore) Load() (Saved, bool) {
	raw, err := os.ReadFile(f.Path)
	if err != nil {
		return Saved{}, false
	}
	var s Saved
	if json.Unmarshal(raw, &s) != nil || !s.good() {
		return Saved{}, false
	}
	return s, true
}

// Save replaces the file as a whole: after a power cut it is the old one or the new one.
func (f FileStore) Save(s Saved) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = replace(f.Path, append(raw, '\n'))
	}
	if err != nil {
		return fmt.Errorf("save lease in %s: %w", f.Path, err)
	}
	return nil
}

// Forget removes the file. One that cannot be removed is emptied, which Load takes for none.
func (f FileStore) Forget() {
	if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = os.Truncate(f.Path, 0)
	}
}

func replace(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // nothing is left of it after the rename
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	return err
}
