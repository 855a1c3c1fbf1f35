package alert

import (
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Machine makes letters of incidents. It is pure: time is an argument, and a time with a monotonic clock makes every wait immune to a
// clock that is set.
//
// An incident that goes on for the wait is told once, with what came of it, and once more when it is over. Whoever explains others mutes
// them: no Internet at all the single lines; a line that is down the metered one that carries the house meanwhile, and the virtual address
// that has moved; an Unrest everything of its line.
type Machine struct {
	rules
	router  string
	born    time.Time
	next    time.Time
	threads []*thread          // by when they were heard of first
	held    []held             // moments
	unrests map[string]*unrest // by key

	reminded time.Time // when the last reminder was made
	lineTold time.Time // when the last letter about lines, or about the two routers, was made here or there
	endTold  time.Time // the same, of ends of lines here
	abroad   time.Time // when the other router last told that a line of its own is unstable; zero: it is not
	past     []string  // IDs of the newest moments, told or not
	twins    []twin    // what both routers see, and the other one has told

	drained, rehearsal bool
	used               map[string]string // of a metered line's data, in words

	withdrawn []string
	fresh     bool // something has changed that has to survive a restart
}

// thread is one incident and what was told of it.
type thread struct {
	Incident router.Incident `json:"incident"`
	Heard    time.Time       `json:"heard"`             // since when it goes on
	Free     time.Time       `json:"free,omitzero"`     // since when nothing mutes it
	Over     time.Time       `json:"over,omitzero"`     // since when it does not go on
	Told     bool            `json:"told,omitempty"`    // its beginning
	Owed     bool            `json:"owed,omitempty"`    // its end has to be told
	Closed   bool            `json:"closed,omitempty"`  // nothing more has to be
	Turn     int             `json:"turn,omitempty"`    // how often it went on after its end
	Letter   string          `json:"letter,omitempty"`  // that told its beginning
	Leads    bool            `json:"leads,omitempty"`   // that letter
	Note     string          `json:"note,omitempty"`    // for its letter
	Absent   bool            `json:"absent,omitempty"`  // not heard of since this Machine was made
	Planned  bool            `json:"planned,omitempty"` // the owner wants it so: it is not told, but may be a reminder
}

func (t *thread) open() bool                { return t.Over.IsZero() }
func (t *thread) past() bool                { return !t.open() && !t.Owed } // nothing is to be told of it any more
func (t *thread) is(c ...router.Cause) bool { return slices.Contains(c, t.Incident.Cause) }

// held is a moment that waits for its company.
type held struct {
	Incident router.Incident `json:"incident"`
	At       time.Time       `json:"at"`
}

// NewMachine returns one that knows of nothing.
func NewMachine(now time.Time) *Machine {
	return &Machine{rules: rulesOf(router.Alert{Wait: time.Minute}), born: now, unrests: map[string]*unrest{}}
}

// Use takes the waits of a configuration.
func (m *Machine) Use(cfg router.Config) {
	m.rules, m.router = rulesOf(cfg.Alert), cfg.Name
	if cfg.Pair.Peer.IsValid() {
		const silent = 25 * time.Second // until it is known that the other router is gone, which explains a move (package pair)
		m.hold = max(m.hold, silent)
	}
}

// See takes in what the owner has planned, and how much of metered data is used.
func (m *Machine) See(s *router.Snapshot) {
	m.drained, m.rehearsal, m.used = s.Drained, false, map[string]string{}
	for _, w := range s.WANs {
		m.drained = m.drained || w.Drained
		m.rehearsal = m.rehearsal || w.Drill != nil && w.Drill.Full && w.Drill.End.IsZero()
		if w.Budget != nil {
			m.used[w.Name] = usage(*w.Budget)
		}
	}
}

// Take takes in an incident, each time something of it changes. Call Tick afterwards.
func (m *Machine) Take(now time.Time, i router.Incident) {
	i = bare(i)
	if i.Moment || i.Cause == router.CauseRestart { // which is over when it can be told
		m.moment(now, i)
		return
	}
	t := m.thread(i.ID)
	if t == nil {
		m.open(now, i)
		return
	}
	drops := max(1, i.Drops) - max(1, t.Incident.Drops)
	t.Incident, t.Absent = i, false
	switch {
	case i.Open() && !t.open():
		drops = max(1, drops)
		m.fresh = m.fresh || t.Told
		t.Heard, t.Free, t.Over = now, time.Time{}, time.Time{}
		t.Told, t.Owed, t.Closed, t.Letter, t.Leads = false, false, false, "", false
		t.Turn++
	case !i.Open() && t.open():
		m.over(now, t)
	}
	m.count(now, i, drops)
}

// open begins the thread of an incident that was not known.
func (m *Machine) open(now time.Time, i router.Incident) {
	t := &thread{Incident: i, Heard: now, Planned: isLine(i.Cause) && i.Blame == router.BlameOwner}
	m.threads = append(m.threads, t)
	m.count(now, i, max(1, i.Drops))
	if i.Open() {
		return
	}
	// It began and ended while nobody could say so.
	t.Told = time.Duration(i.Lasted) >= m.wait && !t.Planned && !m.muted(t)
	t.Owed = t.Told
	m.over(now, t)
}

// over notes an end. If nobody has got to read of the beginning yet, the end says it all.
func (m *Machine) over(now time.Time, t *thread) {
	t.Over, t.Closed = now, !t.Owed
	m.fresh = m.fresh || t.Owed
	if t.Leads {
		m.withdrawn = append(m.withdrawn, t.Letter)
	}
	if u := m.unrests[t.Incident.WAN]; u != nil && isLine(t.Incident.Cause) {
		u.Quiet = now
	}
}

func (m *Machine) thread(id string) *thread {
	at := slices.IndexFunc(m.threads, func(t *thread) bool { return t.Incident.ID == id })
	if at < 0 {
		return nil
	}
	return m.threads[at]
}

// any reports whether an incident of one of these causes goes on that the owner has not planned.
func (m *Machine) any(causes ...router.Cause) bool {
	return slices.ContainsFunc(m.threads, func(t *thread) bool { return t.open() && !t.Absent && !t.Planned && t.is(causes...) })
}

// Tick returns the letters that are due, and which earlier ones say nothing any more that these, or those to come, do not say better.
func (m *Machine) Tick(now time.Time) (letters []Letter, withdrawn []string) {
	m.next = time.Time{}
	for _, rule := range [...]func(time.Time) []Letter{m.stirs, m.ends, m.begins, m.moments, m.reminders} {
		letters = append(letters, rule(now)...)
	}
	m.forget(now)
	withdrawn, m.withdrawn = m.withdrawn, nil
	m.fresh = m.fresh || len(letters)+len(withdrawn) > 0
	for i := range letters {
		letters[i].Router, letters[i].Time = m.router, now.UTC()
		letters[i] = letters[i].fit()
	}
	return letters, withdrawn
}

// Next is when Tick has something to do even if nothing happens; zero: never.
func (m *Machine) Next() time.Time { return m.next }

// due reports whether a time has come, and else sees to it that Next is not after it.
func (m *Machine) due(now, t time.Time) bool {
	if !now.Before(t) {
		return true
	}
	if m.next.IsZero() || t.Before(m.next) {
		m.next = t
	}
	return false
}

// settled is from when on the house should be as it should be.
func (m *Machine) settled() time.Time { return m.born.Add(m.settle) }

// forget drops what is over, and what nobody has spoken of since the restart: its end will never be known.
func (m *Machine) forget(now time.Time) {
	const bound, lost = 200, time.Hour
	m.threads = slices.DeleteFunc(m.threads, func(t *thread) bool {
		return t.Closed && now.Sub(t.Over) >= remembered || t.Absent && now.Sub(m.born) >= lost
	})
	if over := len(m.threads) - bound; over > 0 {
		m.threads = slices.Delete(m.threads, 0, over)
	}
	m.twins = slices.DeleteFunc(m.twins, func(t twin) bool { return now.Sub(t.At) >= remembered })
	for key, u := range m.unrests {
		if !u.On && now.Sub(u.Quiet) >= flapWindow {
			delete(m.unrests, key)
		}
	}
}

// letter is one about these threads, the first of which leads.
func (m *Machine) letter(stage Stage, threads []*thread) Letter {
	slices.SortStableFunc(threads, func(a, b *thread) int { return rank(a.Incident.Cause) - rank(b.Incident.Cause) })
	lead := threads[0]
	l := Letter{ID: fmt.Sprintf("%s/%s/%d", lead.Incident.ID, stage, lead.Turn), Stage: stage, Note: lead.Note}
	for _, t := range threads[:min(len(threads), most)] {
		l.Incidents = append(l.Incidents, t.Incident)
	}
	return l
}
