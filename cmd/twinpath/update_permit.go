package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twinpath/twinpath/image/bundle"
	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
)

var errDataLost = errors.New("the disk that holds the settings could not be read at the last start, so that an update has no safe way back\nhint: restart; if that does not help, flash the image anew")

// idle refuses while the slots are not in a state to be changed.
func (u *updater) idle() error {
	if u.lost {
		return errDataLost
	}
	env, err := u.loader.Load()
	if errors.Is(err, slot.ErrEnvDamaged) {
		return nil // it will be written anew
	}
	if err == nil && u.boot.Mode == slot.Trial && env.Slot != u.boot.Slot {
		return slot.ErrOnTrial
	}
	return err
}

// permit asks the daemon whether the house can do without this router for a minute, and what the new system must reach.
func (u *updater) permit(ctx context.Context) (slot.Pending, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	p := slot.Pending{Was: u.about.Version, Time: time.Now()}
	s, err := u.status(ctx)
	if err != nil {
		if u.force {
			return p, nil
		}
		return p, fmt.Errorf("%w\nhint: whether the house is well served is not known; --force updates all the same", err)
	}
	p.Verdict, p.Online = string(s.Verdict), online(s)
	if s.Pending != nil {
		return p, errors.New("a configuration waits for its confirmation, and a restart would drop it\nhint: say \"twinpath confirm\", or wait until it has gone back")
	}
	if why := precarious(s); why != "" && !u.force {
		return p, fmt.Errorf("%s\nhint: wait until that is over; --force updates all the same", why)
	}
	return p, nil
}

// precarious says why this is a bad time: with one line gone the update may take the other one with it, and nobody could
// tell whether the new system brings the house online.
func precarious(s *router.Snapshot) string {
	switch {
	case s.Verdict == router.VerdictBackup:
		return "the house is on its backup line: " + s.Sentence
	case s.Verdict == router.VerdictOffline:
		return "the house is offline: " + s.Sentence
	case s.Verdict == router.VerdictUnknown && len(s.WANs) > 0:
		return "how the house is served is not known yet: " + s.Sentence
	}
	return ""
}

// online reports whether the house had an Internet that a new system must get back to.
func online(s *router.Snapshot) bool {
	return s.Verdict != router.VerdictOffline && s.Verdict != router.VerdictUnknown
}

// admit refuses an update that is not for this machine, does not fit, or is older than what runs.
func (u *updater) admit(m bundle.Manifest) error {
	if err := m.For(u.about.Arch, u.about.Board); err != nil {
		return err
	}
	if room := u.disk.Of(u.boot.Slot.Other()).Size; m.Size > room {
		return slot.TooLargeError{Size: m.Size, Room: room}
	}
	if m.Created.Before(u.about.Created) && !u.force {
		return fmt.Errorf("the update, %s of %s, is older than the running %s of %s\nhint: --force goes back to it", m.Version, m.Created.Format(time.DateOnly),
			u.about.Version, u.about.Created.Format(time.DateOnly))
	}
	return nil
}
