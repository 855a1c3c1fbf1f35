// Package door decides who may change something: it takes a password or a pass, gives out sessions, and makes whoever
// guesses wait without making the owner wait.
//
// Door is all of it; backoff.go says who has to wait, turns.go who is next, sessions.go who is in, file.go keeps that over a
// restart. Time is an argument, and the slow part, to compare a password with its bcrypt hash, a function.
package door

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// The answers to a Knock that opens nothing, beside Wait.
var (
	ErrWrong      = errors.New("that is not the password")
	ErrUsed       = errors.New("this link was used already, or is older than two minutes\nhint: log in with the password")
	ErrNoPassword = errors.New("no password is set, so that nobody can log in\n" +
		"hint: set [web] password in the configuration; \"twinpath password\" makes its line")
	ErrNoSession = errors.New("nobody is logged in with this session any more\nhint: log in again")
)

// Wait is the answer to a Knock that came too soon.
type Wait struct {
	After time.Duration
	Busy  bool // others are trying, not this one
}

func (w Wait) Error() string {
	why := "too many wrong passwords"
	if w.Busy {
		why = "too many are trying to log in"
	}
	return fmt.Sprintf("%s: try again in %s", why, max(w.After.Round(time.Second), time.Second))
}

// Knock asks for a session.
type Knock struct {
	Password string
	Pass     string     // instead of a password: what Door.Pass returned
	Device   string     // what an earlier Session named this browser
	Source   netip.Addr // where it comes from
}

// Session is the leave to change something, for whoever has its Token.
type Session struct {
	Token  string
	Device string // a browser that shows it at its next Knock is not held up by others
	Until  time.Time
}

// Door is safe for concurrent use. Hash and Verify are needed.
type Door struct {
	File string        // keeps the sessions; empty: they end with the process
	Hash func() string // the password's bcrypt hash in force; empty: none is set
	// Verify says whether a password is the hash's. It may take long, and is called at most twice at a time.
	Verify func(ctx context.Context, hash, password string) (bool, error)
	// Guessed hears of each wrong password of somebody whose free tries are used up. It must not block; nil: nobody does.
	Guessed func(source netip.Addr)
	Log     *slog.Logger // nil: silent

	mu     sync.Mutex
	book   book
	passes passes
	proven proven
	tries  backoff

	known    turns // devices that were inside before: they never queue behind
	unknown  turns // everybody else
	writing  sync.Mutex
	complain bool // that the file cannot be written was said
}

// Enter opens a session, or answers with ErrWrong, ErrUsed, ErrNoPassword or a Wait.
func (d *Door) Enter(ctx context.Context, now time.Time, k Knock) (Session, error) {
	if k.Pass != "" {
		d.mu.Lock()
		good := d.passes.use(now, k.Pass, d.inForce())
		d.mu.Unlock()
		if !good {
			return Session{}, ErrUsed
		}
		return d.open(now, k.Device, house(k.Source)), nil
	}
	d.mu.Lock()
	device := d.book.device(k.Device)
	d.mu.Unlock()
	from, queue := house(k.Source), &d.unknown
	if device != nil {
		from, queue = "device "+device.Sum, &d.known
	}
	if err := d.prove(ctx, now, from, queue, k.Password); err != nil {
		d.complainOf(k.Source, from, err)
		return Session{}, err
	}
	return d.open(now, k.Device, house(k.Source)), nil
}

// complainOf tells of a wrong password when it was no slip of a thumb.
func (d *Door) complainOf(source netip.Addr, from string, err error) {
	if d.Guessed == nil || !errors.Is(err, ErrWrong) {
		return
	}
	d.mu.Lock()
	guesses := d.tries.keepsTrying(from)
	d.mu.Unlock()
	if guesses {
		d.Guessed(source.Unmap().WithZone(""))
	}
}

// Prove asks a session for the password once more, with the same limits as Enter.
func (d *Door) Prove(ctx context.Context, now time.Time, token, password string) error {
	if _, err := d.Check(now, token); err != nil {
		return err
	}
	return d.prove(ctx, now, "session "+sum(token), &d.known, password)
}

// prove compares a password with the one in force, unless whoever it is from has to wait.
func (d *Door) prove(ctx context.Context, now time.Time, from string, queue *turns, password string) error {
	hash := d.Hash()
	if hash == "" {
		return ErrNoPassword
	}
	d.mu.Lock()
	wrong, err := d.tries.charge(now, from)
	right, sure := d.proven.judge(hash, password)
	if d.book.welcomed(from) {
		wrong -= freeTries // before any stranger
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	if !sure {
		if right, err = d.verify(ctx, queue, wrong, hash, password); err != nil {
			if ctx.Err() == nil { // who goes away before the answer has still taken somebody's turn
				d.mu.Lock()
				defer d.mu.Unlock()
				d.tries.refund(from)
			}
			return err
		}
	}
	if !right {
		return ErrWrong
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries.forgive(from)
	d.proven.keep(hash, password)
	return nil
}

// verify waits for its turn.
func (d *Door) verify(ctx context.Context, queue *turns, wrong int, hash, password string) (bool, error) {
	if len(password) > longest {
		return false, nil // bcrypt takes no more, so it is nobody's
	}
	if err := queue.take(ctx, wrong); err != nil {
		return false, err
	}
	defer queue.leave()
	right, err := d.Verify(ctx, hash, password)
	if err != nil {
		return false, fmt.Errorf("check the password: %w", err)
	}
	return right, nil
}

// longest is the most bytes that bcrypt looks at.
const longest = 72

// shortest is the fewest characters of a password. From BSI TR-03148: at least eight.
const shortest = 8

// Suitable says what is wrong with a new password, or nil.
func Suitable(password string) error {
	if n := len(password); n > longest {
		return fmt.Errorf("a password of %d bytes is too long\nhint: at most %d bytes, which are as many letters of English", n, longest)
	}
	if n := len([]rune(password)); n < shortest {
		return fmt.Errorf("a password of %d characters is too short\nhint: at least %d characters; three words in a row are easy to remember", n, shortest)
	}
	return nil
}

func (d *Door) log() *slog.Logger {
	if d.Log != nil {
		return d.Log
	}
	return slog.New(slog.DiscardHandler)
}
