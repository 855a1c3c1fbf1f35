package incident

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// settled is how long after our start what an earlier run left open is waited for to show itself again.
	settled = 30 * time.Second
	// What lasts for less than this is no incident: a peer that restarts misses three answers, the clock of a board without a
	// battery is set by the network a moment after its start, and checks have to pass first.
	peerLate, clockLate, faultLate = 15 * time.Second, time.Minute, 5 * time.Second
	// relief is the time in which another router takes the house over from one without a line.
	relief = 3 * time.Second
)

// finding is what a look says of one subject.
type finding struct {
	subject subject
	cause   router.Cause
	is      bool          // the trouble goes on
	unknown bool          // that cannot be said yet
	excused bool          // nothing begins, since the owner wants it so
	late    time.Duration // for how long it has to be so before it is an incident
	began   time.Time     // as it says itself; zero: now

	wan, vrrp, state, reason string
	blame                    router.Blame
	alone                    bool
	wans                     []router.WANSnapshot // whose witness counts
}

// leveled reports whether looks say that it goes on. Of the rest events say when it begins and ends.
func leveled(c router.Cause) bool {
	switch c {
	case router.CauseWAN, router.CauseUnsure, router.CauseMetered, router.CauseOffline, router.CausePeer, router.CauseDisk,
		router.CauseClock, router.CauseVRRP:
		return true
	}
	return false
}

// settle makes what a look says of a subject the state of the book.
func (b *Book) settle(now time.Time, f finding) {
	e := b.find(f.subject)
	switch {
	case f.unknown, e != nil && e.restored && !f.is && now.Sub(b.born) < settled && f.wan == "":
		return
	case !f.is:
		delete(b.noticed, f.subject)
		if e != nil {
			e.gone = f.excused
			b.end(now, e)
		}
	case e != nil && e.restored:
		e.restored, e.since, e.clock = false, now, e.clock && !b.look.unset
		e.explain(now, f)
	case e != nil:
		e.explain(now, f)
	case !f.excused && b.proven(now, f):
		b.enter(now, f)
	}
}

// proven reports whether it has lasted long enough to be an incident.
func (b *Book) proven(now time.Time, f finding) bool {
	since, before := b.noticed[f.subject]
	if !before {
		since = when(now, f.began)
		b.noticed[f.subject] = since
	}
	return now.Sub(since) >= f.late
}

// enter opens an incident with all that can be known of its beginning.
func (b *Book) enter(now time.Time, f finding) {
	e := b.begin(now, b.noticed[f.subject], f.subject, f.cause)
	delete(b.noticed, f.subject)
	e.WAN, e.VRRP = f.wan, f.vrrp
	e.explain(now, f)
	if b.Load != nil && f.wan != "" && e.drops == 1 {
		e.Load = b.Load(f.wan)
	}
	for _, w := range f.wans {
		if w.Name != f.wan && e.drops == 1 {
			e.Others = append(e.Others, router.Witness{WAN: w.Name, State: w.State, RTT: w.RTT, Loss: w.Loss})
		}
	}
	for _, event := range b.events {
		if e.concerns(event) && !when(now, event.Time).Before(e.since) {
			e.step(when(now, event.Time), event.Sentence)
		}
	}
}

// concerns reports whether an event is a step of an incident.
func (e *entry) concerns(event router.Event) bool {
	switch {
	case event.Cause != "" && event.Cause != e.Cause:
		return false
	case e.subject.cause == router.CausePeer:
		return event.Kind == router.EventPair
	case e.VRRP != "":
		return event.VRRP == e.VRRP
	case e.subject.cause == router.CauseDisk, e.subject.cause == router.CauseClock:
		return event.Cause == e.Cause
	case e.WAN == "" || event.WAN == e.WAN && event.Kind == router.EventWAN:
		return event.Kind == router.EventWAN || event.Kind == router.EventSwitch
	case e.WAN != "":
		return event.Kind == router.EventSwitch || event.Kind == router.EventWAN && event.From != event.To
	}
	return false
}

// lines are what a look says of each line.
func (b *Book) lines(now time.Time, s *router.Snapshot) []finding {
	var all []finding
	for _, w := range s.WANs {
		all = append(all, b.line(now, s, w), unsure(w), metered(s, w))
	}
	return all
}

// house is what a look says of everything else.
func (b *Book) house(now time.Time, s *router.Snapshot) []finding {
	var all []finding
	if len(s.WANs) > 0 {
		all = append(all, b.offline(now, s))
	}
	if s.Pair != nil {
		all = append(all, peer(s))
	}
	all = append(all,
		finding{subject: subject{router.CauseDisk, ""}, cause: router.CauseDisk, is: s.Disk != "", reason: s.Disk},
		finding{subject: subject{router.CauseClock, ""}, cause: router.CauseClock, is: s.ClockUnset, late: clockLate})
	return append(all, faults(s)...)
}

// line is one line's own trouble.
func (b *Book) line(now time.Time, s *router.Snapshot, w router.WANSnapshot) finding {
	f := finding{
		subject: subject{router.CauseWAN, w.Name}, cause: router.CauseWAN, unknown: w.State == "unknown", excused: w.Drained,
		wan: w.Name, state: w.State, reason: w.Reason, blame: w.Blame, wans: s.WANs, began: now.Add(-s.Time.Sub(w.Since)),
	}
	if !w.Silent.IsZero() {
		f.began = w.Silent
	}
	dead := w.State == "down" || w.State == "captive"
	f.is = (dead || w.State == "degraded" && w.HeldUntil == nil && (b.used(s, w) || b.find(f.subject) != nil)) && !w.Drained
	switch {
	case w.State == "captive" || w.Blame == router.BlamePortal:
		f.cause = router.CausePortal
	case !b.used(s, w):
		f.cause = router.CauseIdle
	}
	f.alone = !slices.ContainsFunc(s.WANs, func(o router.WANSnapshot) bool { return o.Name != w.Name && !o.Active && usable(o) })
	if w.State == "down" && w.Reason == router.ComingBack {
		f.reason, f.blame = "", router.BlameNobody
	}
	return f
}

// used reports whether a line is one that the house uses: it has just carried it, or would if it could.
func (b *Book) used(s *router.Snapshot, w router.WANSnapshot) bool {
	if slices.ContainsFunc(b.look.carrying, func(c router.WANSnapshot) bool { return c.Name == w.Name }) {
		return true
	}
	return !slices.ContainsFunc(s.WANs, func(o router.WANSnapshot) bool { return o.Cost < w.Cost && !o.Drained })
}

// unsure is a line that works and is held back, since it keeps failing. While it fails again it is not steady either.
func unsure(w router.WANSnapshot) finding {
	f := finding{
		subject: subject{router.CauseUnsure, w.Name}, cause: router.CauseUnsure, wan: w.Name,
		is: w.HeldUntil != nil, unknown: w.HeldUntil == nil && w.State != "up" && w.State != "degraded", excused: w.Drained,
	}
	if w.HeldUntil != nil {
		f.reason = w.HeldUntil.Local().Format("15:04")
	}
	return f
}

// metered is a metered line that carries the house in place of another. Where it is the best line, its owner wants it so.
func metered(s *router.Snapshot, w router.WANSnapshot) finding {
	f := finding{
		subject: subject{router.CauseMetered, w.Name}, cause: router.CauseMetered, wan: w.Name, excused: rehearsing(s),
		unknown: s.Verdict == router.VerdictUnknown || w.State == "unknown",
	}
	drained := true
	for _, o := range s.WANs {
		if !o.Metered && o.Cost <= w.Cost {
			f.is = w.Metered && w.Active && usable(w)
			f.unknown = f.unknown || o.State == "unknown" // as after every start: the first line to answer carries for a moment
			drained = drained && o.Drained
		}
	}
	if drained {
		f.blame = router.BlameOwner
	}
	return f
}

// rehearsing reports whether a line counts as failed for a rehearsal.
func rehearsing(s *router.Snapshot) bool {
	return slices.ContainsFunc(s.WANs, func(w router.WANSnapshot) bool {
		return w.RehearsedUntil != nil || w.Drill != nil && w.Drill.Full && w.Drill.End.IsZero()
	})
}

// offline is that no line works, and no other router serves the house instead.
func (b *Book) offline(now time.Time, s *router.Snapshot) finding {
	f := finding{
		subject: subject{router.CauseOffline, ""}, cause: router.CauseOffline, is: s.Verdict == router.VerdictOffline && !relieved(s),
		unknown: s.Verdict == router.VerdictUnknown, began: now.Add(-s.Time.Sub(s.Since)), wans: s.WANs,
	}
	if len(s.VRRP) > 0 {
		f.late = relief
	}
	f.blame = slices.MinFunc(s.WANs, func(a, c router.WANSnapshot) int { return a.Cost - c.Cost }).Blame
	var last time.Time // when the last line began to fail
	for i, w := range s.WANs {
		if i > 0 {
			f.reason += "; "
		}
		f.reason += w.Name + ": " + w.Reason
		if e := b.find(subject{router.CauseWAN, w.Name}); e != nil && e.since.After(last) {
			last = e.since
		}
	}
	if when(now, last) != now {
		f.began = last
	}
	return f
}

func peer(s *router.Snapshot) finding {
	split := s.Pair.Second != nil && s.Pair.Second.Split // that says it all
	f := finding{subject: subject{router.CausePeer, ""}, cause: router.CausePeer, is: !s.Pair.Connected && !split, late: peerLate}
	if s.Pair.Seen != nil {
		f.began = *s.Pair.Seen
	}
	f.reason = s.Pair.Peer
	return f
}

// faults are the virtual routers that cannot be served.
func faults(s *router.Snapshot) []finding {
	var all []finding
	for _, v := range s.VRRP {
		f := finding{
			subject: subject{router.CauseVRRP, v.Name}, cause: router.CauseVRRP, vrrp: v.Name, state: v.State, late: faultLate,
			is: v.State == "fault", unknown: v.State == "unknown", reason: v.Reason, began: v.Since,
		}
		at := slices.IndexFunc(all, func(o finding) bool { return o.subject == f.subject })
		switch {
		case at < 0:
			all = append(all, f)
		case f.is && !all[at].is:
			all[at] = f
		}
	}
	return all
}

// usable reports whether a line takes traffic.
func usable(w router.WANSnapshot) bool { return w.State == "up" || w.State == "degraded" }

// relieved reports whether another router serves the house: what that one's lines are like it says itself.
func relieved(s *router.Snapshot) bool {
	return len(s.VRRP) > 0 && !slices.ContainsFunc(s.VRRP, func(v router.VRRPSnapshot) bool { return v.State != "backup" || v.ActiveRouter == "" })
}

// carrying are the lines that really carry the house.
func carrying(s *router.Snapshot) []router.WANSnapshot {
	return slices.DeleteFunc(slices.Clone(s.WANs), func(w router.WANSnapshot) bool {
		return !w.Active || w.State == "down" || w.State == "captive"
	})
}
