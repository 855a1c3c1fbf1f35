package door

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"time"
)

// How long things are good, chosen here: whoever looks in once a month stays logged in, for a season.
const (
	idle       = 30 * 24 * time.Hour
	absolute   = 90 * 24 * time.Hour
	remembered = 365 * 24 * time.Hour // a device
	passLife   = 2 * time.Minute
)

// most is how many sessions, and how many devices, a house has; the oldest make room.
const most = 64

// book is who is in. It holds no token, only SHA-256 sums.
type book struct {
	Sessions []session `json:"sessions"` // the newest last
	Devices  []device  `json:"devices"`  // the last that was inside, last
}

type session struct {
	Sum    string    `json:"sum"`
	Opened time.Time `json:"opened"`
	Seen   time.Time `json:"seen"`
	// Tags are of the passwords it counts for: the one it was opened with, and the one its owner set meanwhile.
	Tags []string `json:"tags"`
}

type device struct {
	Sum  string    `json:"sum"`
	Seen time.Time `json:"seen"`
	From string    `json:"from"` // the house() it was last let in from
}

func (s session) until() time.Time {
	until := s.Opened.Add(absolute)
	if idle := s.Seen.Add(idle); idle.Before(until) {
		return idle
	}
	return until
}

// token is 256 random bits in 43 characters that need no quoting anywhere.
func token() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func sum(token string) string {
	s := sha256.Sum256([]byte(token))
	return hex.EncodeToString(s[:])
}

// inForce tags the password in force: sessions and passes of another one do not count.
func (d *Door) inForce() string { return sum(d.Hash())[:16] }

// open lets somebody in.
func (d *Door) open(now time.Time, name, from string) Session {
	s := Session{Token: token(), Device: name}
	now = now.Round(0) // a monotonic clock does not outlive the process
	d.mu.Lock()
	if d.book.device(name) == nil {
		s.Device = token()
	}
	opened := session{Sum: sum(s.Token), Opened: now, Seen: now, Tags: []string{d.inForce()}}
	s.Until = opened.until()
	d.book.add(opened)
	d.book.welcome(device{Sum: sum(s.Device), Seen: now, From: from})
	d.mu.Unlock()
	d.save()
	return s
}

// Check returns how long a session is good, or ErrNoSession.
func (d *Door) Check(now time.Time, token string) (time.Time, error) {
	d.mu.Lock()
	s := d.book.session(token)
	if s == nil || !slices.Contains(s.Tags, d.inForce()) || !now.Before(s.until()) {
		d.mu.Unlock()
		return time.Time{}, ErrNoSession
	}
	late := now.Sub(s.Seen) > 24*time.Hour // one write a day keeps an owner in who comes back each month
	if late {
		s.Seen = now.Round(0)
	}
	until := s.until()
	d.mu.Unlock()
	if late {
		d.save()
	}
	return until, nil
}

// Leave ends a session.
func (d *Door) Leave(token string) {
	d.mu.Lock()
	known := d.book.session(token) != nil
	d.book.Sessions = slices.DeleteFunc(d.book.Sessions, func(s session) bool { return s.Sum == sum(token) })
	d.mu.Unlock()
	if known {
		d.save()
	}
}

// Carry lets a session count for the password in force, too: its owner has just set that.
func (d *Door) Carry(token string) {
	d.mu.Lock()
	s, tag := d.book.session(token), d.inForce()
	changed := s != nil && !slices.Contains(s.Tags, tag)
	if changed {
		s.Tags = append(slices.Clone(s.Tags[max(0, len(s.Tags)-1):]), tag)
	}
	d.mu.Unlock()
	if changed {
		d.save()
	}
}

// Pass returns what opens one session within two minutes, while the password is the same.
func (d *Door) Pass(now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := token()
	d.passes.add(pass{sum: sum(t), tag: d.inForce(), until: now.Add(passLife)})
	return t
}

// session finds one by its token. Sums of secrets are compared: the time that takes tells nothing of a token.
func (b *book) session(token string) *session {
	want := sum(token)
	for i := range b.Sessions {
		if b.Sessions[i].Sum == want {
			return &b.Sessions[i]
		}
	}
	return nil
}

func (b *book) device(name string) *device {
	if name == "" {
		return nil
	}
	want := sum(name)
	for i := range b.Devices {
		if b.Devices[i].Sum == want {
			return &b.Devices[i]
		}
	}
	return nil
}

// welcomed says whether somebody from there was inside before.
func (b *book) welcomed(from string) bool {
	return slices.ContainsFunc(b.Devices, func(d device) bool { return d.From == from })
}

func (b *book) add(s session) { b.Sessions = newest(append(b.Sessions, s)) }

func (b *book) welcome(one device) {
	b.Devices = slices.DeleteFunc(b.Devices, func(old device) bool { return old.Sum == one.Sum })
	b.Devices = newest(append(b.Devices, one))
}

func newest[T any](all []T) []T { return slices.Clone(all[max(0, len(all)-most):]) }

// passes are few: each stands for a configuration that was just applied.
type passes []pass

type pass struct {
	sum, tag string
	until    time.Time
}

func (p *passes) add(one pass) {
	const many = 8
	all := append(*p, one)
	*p = all[max(0, len(all)-many):]
}

func (p *passes) use(now time.Time, token, tag string) bool {
	i := slices.IndexFunc(*p, func(one pass) bool { return one.sum == sum(token) })
	if i < 0 {
		return false
	}
	one := (*p)[i]
	*p = slices.Delete(*p, i, i+1)
	return one.tag == tag && now.Before(one.until)
}
