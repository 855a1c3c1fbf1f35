package vrrp

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	keptReports = 256
	// quiet is how long the same alarm about the same election is not repeated.
	quiet = time.Minute
)

// reports keeps the newest reports for whoever asks, and counts.
type reports struct {
	mu     sync.Mutex
	number uint64
	kept   []Report
	said   map[topic]time.Time // the loop's own
}

type topic struct {
	place Place
	what  string
}

func newReports() *reports { return &reports{said: map[topic]time.Time{}} }

func (r *reports) add(report Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	report.Number = r.number
	r.kept = append(r.kept, report)
	if len(r.kept) > keptReports {
		r.kept = slices.Delete(r.kept, 0, len(r.kept)-keptReports)
	}
}

func (r *reports) since(number uint64) []Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.kept, func(r Report) bool { return r.Number > number })
	if i < 0 {
		return nil
	}
	return slices.Clone(r.kept[i:])
}

// may reports whether something may be said again.
func (r *reports) may(now time.Time, place Place, what string) bool {
	t := topic{place, what}
	if last, ever := r.said[t]; ever && now.Sub(last) < quiet {
		return false
	}
	if len(r.said) > 4*keptReports {
		clear(r.said)
	}
	r.said[t] = now
	return true
}

// tell reports a transition.
func (e *Engine) tell(now time.Time, in *instance, a Action) {
	in.changes++
	report := in.report(now, Transition, a.Reason)
	report.From, report.To, report.Packet = a.From, a.To, slices.Clone(e.cause)
	e.reports.add(report)
	e.fresh = true
	e.log.Info("vrrp", "name", in.wish.Name, "vrid", in.place.ID, "interface", in.place.Interface, "family", in.place.Family,
		"from", a.From, "to", a.To, "reason", a.Reason)
}

// alarm reports something that the owner should look at, once a minute at most.
func (e *Engine) alarm(now time.Time, in *instance, what, format string, args ...any) {
	e.say(now, in, Alarm, what, fmt.Sprintf(format, args...))
}

func (e *Engine) say(now time.Time, in *instance, kind ReportKind, what, reason string) {
	if !e.reports.may(now, in.place, what) {
		return
	}
	report := in.report(now, kind, reason)
	report.Packet = slices.Clone(e.cause)
	e.reports.add(report)
	e.fresh = true
	e.log.Warn("vrrp", "name", in.wish.Name, "vrid", in.place.ID, "interface", in.place.Interface, "family", in.place.Family,
		"reason", reason)
}

func (in *instance) report(now time.Time, kind ReportKind, reason string) Report {
	return Report{
		Time: now.Round(0), Kind: kind, Router: in.wish.Name, ID: in.place.ID, Family: in.place.Family,
		Interface: in.place.Interface, Priority: in.wish.Priority, Reason: reason,
	}
}
