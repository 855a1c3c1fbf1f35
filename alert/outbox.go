package alert

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// How much waits and for how long, and how often a channel is used. Chosen here: a week is longer than any outage that anybody
// waits out, and what is more than six messages an hour is no message but noise.
const (
	mostLetters = 200
	oldest      = 7 * 24 * time.Hour
	perHour     = 6
	perDay      = 30
	// On top of both, for outages alone: restarts, guesses and what else somebody can make happen must not silence those.
	moreHour, moreDay = 3, 10
	// punctual is how old a letter may be to need no excuse.
	punctual = time.Minute
	// crowd is how many letters that are all on time go as one.
	crowd = 4
)

// Between two tries of a channel that does not take a message, and of one that refuses it.
const (
	shortest = 5 * time.Second
	longest  = 5 * time.Minute
	refused  = time.Hour
)

// Outbox keeps each letter until every channel that wants it has taken it. It is pure but for the jitter of its waits; what it has
// changed, Unsaved returns.
type Outbox struct {
	letters []*kept
	routes  []*route
	next    time.Time
	lost    int // letters dropped since the start
	unsaved map[string]*kept
	jitter  func() float64 // from 0 to 1
}

// kept is a letter that somebody has not read yet.
type kept struct {
	Letter Letter    `json:"letter"`
	For    []string  `json:"for"`              // keys of the channels that have not taken it
	At     time.Time `json:"at"`               // when it came
	From   string    `json:"from,omitempty"`   // the other router, whose letter it is
	Handed bool      `json:"handed,omitempty"` // the other router has it, and means to tell it
	stuck  bool      // the other router cannot tell it
}

// route is one channel.
type route struct {
	key, url, name string
	groups         []string

	sent    []time.Time // within a day
	newest  time.Time   // by the clock
	tried   time.Time
	next    time.Time // not before
	fails   int
	err     error
	busy    bool
	capped  bool
	dropped int // letters that it will never get, and has not been told of
}

// Parcel is what one channel gets as one message.
type Parcel struct {
	Key, URL string
	Letters  []Letter
	Late     string // why; empty: it is on time
	Dropped  int
}

func newOutbox() *Outbox { return &Outbox{unsaved: map[string]*kept{}, jitter: rand.Float64} }

// use takes the channels of a configuration. What waits for one that is gone goes to those that are new: a password that was wrong is why
// it waits, and the right one makes another channel. Where there is none it is kept, if nobody else is to get it: a configuration
// that is not confirmed goes back.
func (o *Outbox) use(now time.Time, routes []*route) {
	var fresh []*route
	for _, r := range routes {
		was := o.route(r.key)
		if was == nil {
			fresh = append(fresh, r)
			continue
		}
		name, groups := r.name, r.groups
		*r = *was
		r.name, r.groups = name, groups
	}
	o.routes = routes
	for _, k := range slices.Clone(o.letters) {
		o.pass(now, k, k.Letter.takers(fresh))
	}
}

// pass has heirs take a letter in the place of channels that are gone.
func (o *Outbox) pass(now time.Time, k *kept, heirs []string) {
	left := slices.DeleteFunc(slices.Clone(k.For), func(key string) bool { return o.route(key) == nil })
	switch {
	case len(left) == len(k.For):
		return
	case len(left) == 0 && now.Sub(k.At) > oldest:
		o.remove(k)
		return
	}
	for _, key := range heirs {
		if !slices.Contains(left, key) {
			left = append(left, key)
		}
	}
	if len(left) > 0 {
		k.For = left
		o.save(k)
	}
}

// orphaned reports whether all channels that a letter waits for are gone.
func (o *Outbox) orphaned(k *kept) bool {
	return len(k.For) > 0 && !slices.ContainsFunc(k.For, func(key string) bool { return o.route(key) != nil })
}

// waiting is how many letters are to be told.
func (o *Outbox) waiting() int {
	n := 0
	for _, k := range o.letters {
		if !o.orphaned(k) {
			n++
		}
	}
	return n
}

func (o *Outbox) route(key string) *route {
	at := slices.IndexFunc(o.routes, func(r *route) bool { return r.key == key })
	if at < 0 {
		return nil
	}
	return o.routes[at]
}

func (o *Outbox) find(id string) *kept {
	at := slices.IndexFunc(o.letters, func(k *kept) bool { return k.Letter.ID == id })
	if at < 0 {
		return nil
	}
	return o.letters[at]
}

// add takes a letter in. One that nobody wants is kept only if it may be for the other router's channels.
func (o *Outbox) add(now time.Time, l Letter, from string, abroad bool) {
	if k := o.find(l.ID); k != nil {
		k.Letter = l
		o.save(k)
		return
	}
	k := &kept{Letter: l, At: now, From: from, For: l.takers(o.routes)}
	if len(k.For) == 0 && !abroad {
		return
	}
	o.letters = append(o.letters, k)
	o.save(k)
	for len(o.letters) > mostLetters {
		o.drop(o.letters[0])
	}
}

// drop gives a letter up that waits: those who do not get it are told that there was one.
func (o *Outbox) drop(k *kept) {
	for _, key := range k.For {
		if r := o.route(key); r != nil {
			r.dropped++
		}
	}
	if !o.orphaned(k) {
		o.lost++
	}
	o.remove(k)
}

func (o *Outbox) remove(k *kept) {
	o.letters = slices.DeleteFunc(o.letters, func(other *kept) bool { return other == k })
	o.unsaved[k.Letter.ID] = nil
}

func (o *Outbox) save(k *kept) { o.unsaved[k.Letter.ID] = k }

// settle says who still has to take a letter.
func (o *Outbox) settle(k *kept, left []string) {
	switch {
	case len(left) == 0 && len(k.For) > 0:
		o.remove(k)
	case len(left) != len(k.For):
		k.For = left
		o.save(k)
	}
}

// withdraw takes a letter back from those who have not got it, and returns it; nil when all have.
func (o *Outbox) withdraw(id string) *kept {
	k := o.find(id)
	if k != nil {
		o.remove(k)
	}
	return k
}

// correct has letters that wait say what is known of an incident now.
func (o *Outbox) correct(i router.Incident) {
	for _, k := range o.letters {
		for n, was := range k.Letter.Incidents {
			if was.ID != i.ID || was.Open() != i.Open() {
				continue
			}
			k.Letter.Incidents[n] = bare(i)
			k.Letter = k.Letter.fit()
			if !was.Start.Equal(i.Start) || was.Clock != i.Clock { // the clock was set; all else is not worth a write
				o.save(k)
			}
		}
	}
}

// restore takes over what an earlier Outbox has saved.
func (o *Outbox) restore(now time.Time, k *kept) {
	rebase(now, &k.At)
	o.letters = append(o.letters, k)
	slices.SortStableFunc(o.letters, func(a, b *kept) int { return a.At.Compare(b.At) })
}

// due returns what is to be sent now, one parcel for each channel at most; may says which letters are this router's to tell. Each parcel
// has to come back through done.
func (o *Outbox) due(now time.Time, may func(*kept) bool) []Parcel {
	o.next = time.Time{}
	for len(o.letters) > 0 && now.Sub(o.letters[0].At) > oldest {
		o.drop(o.letters[0])
	}
	var all []Parcel
	for _, r := range o.routes {
		var waiting []*kept
		for _, k := range o.letters {
			if slices.Contains(k.For, r.key) && may(k) {
				waiting = append(waiting, k)
			}
		}
		if len(waiting) > 0 && !r.busy && o.free(now, r, waiting) {
			all = append(all, r.pack(now, waiting))
		}
	}
	return all
}

// free reports whether a channel may be used now for what waits, and notes else when.
func (o *Outbox) free(now time.Time, r *route, waiting []*kept) bool {
	hour, day := perHour, perDay
	if slices.ContainsFunc(waiting, func(k *kept) bool { return k.Letter.outage() }) {
		hour, day = hour+moreHour, day+moreDay
	}
	r.sent = slices.DeleteFunc(r.sent, func(at time.Time) bool { return now.Sub(at) >= 24*time.Hour })
	at := r.next
	r.capped = false
	for _, limit := range [...]struct {
		n   int
		per time.Duration
	}{{hour, time.Hour}, {day, 24 * time.Hour}} {
		if n := len(r.sent); n >= limit.n && now.Before(r.sent[n-limit.n].Add(limit.per)) {
			at, r.capped = later(at, r.sent[n-limit.n].Add(limit.per)), true
		}
	}
	if !now.Before(at) {
		return true
	}
	if o.next.IsZero() || at.Before(o.next) {
		o.next = at
	}
	return false
}

// pack makes one parcel: of all that waits, if it has waited too long to be news, else of the first.
func (r *route) pack(now time.Time, waiting []*kept) Parcel {
	p := Parcel{Key: r.key, URL: r.url, Dropped: r.dropped}
	late := now.Sub(waiting[0].At) > punctual
	if !late && r.fails == 0 && len(waiting) < crowd {
		waiting = waiting[:1]
	}
	for _, k := range waiting[:min(len(waiting), 2*most)] {
		l := k.Letter
		l.Time = now.Add(-now.Sub(k.At)).UTC() // the clock may have been set since
		p.Letters = append(p.Letters, l)
	}
	if late {
		p.Late = r.excuse()
	}
	r.busy, r.tried = true, now
	return p
}

// excuse is why a message is late.
func (r *route) excuse() string {
	switch {
	case r.err != nil:
		return r.err.Error()
	case len(r.sent) >= perHour:
		return fmt.Sprintf("there are at most %d messages an hour and %d a day", perHour, perDay)
	}
	return "this router was off, or the other one could not tell it"
}

// done takes in what became of a parcel, and returns the letters that everybody has now.
func (o *Outbox) done(now time.Time, p Parcel, err error) (finished []*kept) {
	r := o.route(p.Key)
	if r == nil {
		return nil
	}
	r.busy, r.err = false, err
	if err != nil && !enough(r, err) {
		r.fails++
		r.next = now.Add(o.pause(r.fails, err))
		return nil
	}
	r.fails, r.next, r.newest = 0, time.Time{}, now
	r.sent = append(r.sent, now)
	r.dropped = max(0, r.dropped-p.Dropped)
	for _, l := range p.Letters {
		k := o.find(l.ID)
		if k == nil {
			continue
		}
		o.settle(k, slices.DeleteFunc(slices.Clone(k.For), func(key string) bool { return key == p.Key }))
		if o.find(l.ID) == nil {
			finished = append(finished, k)
		}
	}
	return finished
}

// enough reports whether a parcel that some of a channel's readers have is not sent to them again for the sake of the others: the
// others are refused, or could not be reached three times.
func enough(r *route, err error) bool {
	const tries = 3
	return partly(err) && (permanent(err) || r.fails+1 >= tries)
}

// pause is how long a channel is left alone after so many failures.
func (o *Outbox) pause(fails int, err error) time.Duration {
	wait := shortest << min(fails-1, 10)
	wait = min(wait, longest)
	if permanent(err) {
		wait = refused
	}
	return wait + time.Duration(float64(wait)*(o.jitter()-0.5)*0.4)
}

// wake has every channel that fails tried again soon: the lines have changed.
func (o *Outbox) wake(now time.Time) {
	for _, r := range o.routes {
		if r.fails > 0 {
			r.fails = 1
			r.next = later(now, r.tried.Add(shortest))
		}
	}
}
