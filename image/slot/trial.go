package slot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

var errNeverWell = errors.New("it had no time")

// Judge decides whether a started system stays: it commits a new one that is healthy, leaves one that is not, and gives
// the boot loader its three boots back. All fields are filled in.
type Judge struct {
	Boot    Boot
	Version string // of the running system
	Loader  *Loader
	Book    *Book
	// Ailment says what is wrong with the running system; nil: it is healthy. With online the house must be, too.
	Ailment func(ctx context.Context, online bool) error
	Restart func(ctx context.Context) error // it does not return before the machine goes down, or that was refused
	Now     func() time.Time
	Log     *slog.Logger
}

// Run ends when the running system is committed and known to be healthy, or when ctx does.
func (j *Judge) Run(ctx context.Context) error {
	j.sweep()
	env, err := j.Loader.Load()
	if err != nil {
		j.Log.Warn("the boot loader's environment will be written anew", "reason", err)
	}
	if j.Boot.Mode == Trial && (err != nil || env.Slot != j.Boot.Slot) {
		err = j.try(ctx)
	} else {
		j.lookBack(env)
		err = j.vouch(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// sweep removes what an interrupted update had received.
func (j *Judge) sweep() {
	claim, err := j.Book.Claim()
	if errors.Is(err, ErrBusy) {
		return // it is still being received
	}
	if err == nil {
		err = errors.Join(os.RemoveAll(j.Book.Incoming()), claim.Close())
	}
	if err != nil {
		j.Log.Warn("what is left of an update stays", "reason", err)
	}
}

// try commits this new system once it is healthy, or restarts the machine, which starts the old one.
func (j *Judge) try(ctx context.Context) error {
	p := j.pending()
	p.Started = true
	j.said(j.Book.expect(p))
	j.Log.Info("this system is new and on trial", "version", j.Version, "slot", j.Boot.Slot, "time", j.Boot.Trial, "online", p.Online)
	err := await(ctx, func(ctx context.Context) error { return j.Ailment(ctx, p.Online) }, j.Boot.Trial)
	if err == nil {
		err = j.commit()
	}
	if err == nil {
		j.conclude(Result{Outcome: Succeeded, Version: j.Version, Sentence: fmt.Sprintf("The update to %s is healthy and stays.", j.Version)})
		return nil
	}
	if ctx.Err() != nil {
		return err // the machine goes down anyway, and starts the old system
	}
	p.Reason = err.Error()
	j.said(j.Book.expect(p))
	j.Log.Error("the new system does not become healthy: going back", "version", j.Version, "reason", err)
	return j.Restart(ctx)
}

// pending is the update that brought this system; without one it is judged as if the house had been offline.
func (j *Judge) pending() Pending {
	p, there, err := j.Book.Pending()
	j.said(err)
	if !there || err != nil || p.To != j.Boot.Slot {
		return Pending{From: j.Boot.Slot.Other(), To: j.Boot.Slot, Version: j.Version, Time: j.Now()}
	}
	return p
}

func (j *Judge) commit() error {
	return j.Loader.Change(j.Boot.Slot, func(e *Env) { e.Slot, e.Try, e.Left = j.Boot.Slot, None, Boots })
}

// lookBack says what became of an update that did not lead here, or not in one go.
func (j *Judge) lookBack(env Env) {
	p, there, err := j.Book.Pending()
	j.said(err)
	switch {
	case there && env.Try != None: // it still waits for its restart
	case there && p.To == j.Boot.Slot && j.Boot.Mode != Fallback:
		j.conclude(Result{Outcome: Succeeded, Version: p.Version, Sentence: fmt.Sprintf("The update to %s is healthy and stays.", p.Version)})
	case there:
		j.conclude(Result{Outcome: Failed, Version: p.Version, Sentence: p.failure(j.Version)})
	default:
		j.lookAside()
	}
}

// failure is the sentence for an update that did not stay.
func (p Pending) failure(running string) string {
	switch {
	case !p.Started:
		return fmt.Sprintf("The update to %s did not start, or the power failed before it could: %s runs as before.", p.Version, running)
	case p.Reason == "":
		return fmt.Sprintf("The update to %s ended without a word, by a crash or a power cut, before it was known to be healthy: %s runs as before.", p.Version, running)
	}
	return fmt.Sprintf("The update to %s did not become healthy (%s): %s runs as before.", p.Version, p.Reason, running)
}

// lookAside says once that an update was cut off while it was written, or that the committed slot did not start.
func (j *Judge) lookAside() {
	other := j.Boot.Slot.Other()
	system, known := j.Book.Systems()[other]
	switch {
	case known && system.Head == "":
		j.conclude(Result{Outcome: Interrupted, Version: system.Version,
			Sentence: fmt.Sprintf("The update to %s was interrupted: %s runs as before, and the update can simply be done again.", system.Version, j.Version)})
		j.said(j.Book.note(other, nil))
	case j.Boot.Mode == Fallback:
		j.conclude(Result{Outcome: FellBack, Version: j.Version,
			Sentence: fmt.Sprintf("The system in slot %s did not start or did not become healthy: %s in slot %s runs instead.", other, j.Version, j.Boot.Slot)})
	}
}

// vouch gives the boot loader its boots back when this system is healthy, however long that takes.
func (j *Judge) vouch(ctx context.Context) error {
	err := await(ctx, func(ctx context.Context) error { return j.Ailment(ctx, false) }, 0)
	if err != nil {
		return err
	}
	if err := j.Loader.Change(j.Boot.Slot, func(e *Env) { e.Left = Boots }); err != nil {
		return err
	}
	j.Log.Info("this system is healthy", "version", j.Version, "slot", j.Boot.Slot, "mode", j.Boot.Mode)
	return nil
}

func (j *Judge) conclude(r Result) {
	r.Time = j.Now()
	level := slog.LevelInfo
	if r.Outcome != Succeeded {
		level = slog.LevelWarn
	}
	j.Log.Log(context.Background(), level, "what became of the update", "outcome", r.Outcome, "sentence", r.Sentence)
	j.said(j.Book.conclude(r))
}

// said logs what could not be written down. The slots do not depend on it, so that nothing else follows from it.
func (j *Judge) said(err error) {
	if err != nil {
		j.Log.Warn("the state of the update could not be kept", "reason", err)
	}
}
