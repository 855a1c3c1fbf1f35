package drill

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
)

// trial is one rehearsal under way.
type trial struct {
	*Driller
	order
	run     context.Context // of the daemon
	choice  Choice
	cfg     router.Config
	proofs  []Proof
	compare Proof // of the line that carries the house now
	broken  string
	nothing string // why nothing is proven
	felt    []string
}

// perform does a rehearsal from its beginning to the end that ctx or its order may bring early.
func (d *Driller) perform(ctx context.Context, o order) {
	run := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(o.ctx, cancel)
	defer stop()
	s, _ := d.ports.Source.Snapshot()
	t := &trial{Driller: d, order: o, run: run, cfg: d.config()}
	d.put(t.view) // a crash leaves it without an end
	t.show()
	choice, err := Choose(s, t.view.WAN)
	if t.choice = choice; err != nil {
		t.broken = err.Error() // it was taken out of the file meanwhile
	} else {
		t.try(ctx, s)
	}
	t.finish(ctx)
}

// try proves whoever is to take over, and moves the house if that is wished.
func (t *trial) try(ctx context.Context, s *router.Snapshot) {
	switch {
	case t.choice.Peer != nil:
		t.tryPeer(t.choice.Peer)
		return
	case len(t.choice.Heirs) == 0:
		t.broken = t.choice.Why
		return
	}
	now := t.carrying(s)
	for _, name := range t.choice.Heirs {
		p := t.ports.Prove(ctx, t.task(*find(s, name), now), t.said(name))
		t.proofs = append(t.proofs, p)
		if p.Broken != "" && t.broken == "" {
			t.broken = name + " could not carry the house: " + p.Broken
		}
	}
	if ctx.Err() != nil {
		return
	}
	if t.compareWith(ctx, now); ctx.Err() != nil {
		return
	}
	t.expect(s, now)
	if t.view.Full && t.broken == "" {
		t.rehearse(ctx)
	}
}

// compareWith fetches the same over the line that carries the house. When that fails, too, it is nobody's fault here.
func (t *trial) compareWith(ctx context.Context, now *router.WANSnapshot) {
	far := slices.ContainsFunc(t.proofs, func(p Proof) bool { return p.Far })
	if now == nil || now.Metered || t.broken != "" && !far {
		return
	}
	brief := t.task(*now, nil)
	brief.Brief = true
	t.compare = t.ports.Prove(ctx, brief, func(router.DrillStep) {})
	if far && t.compare.Broken != "" {
		t.nothing = fmt.Sprintf("Nothing is proven, for it is no better over %s, which works: %s.", now.Name, t.compare.Broken)
	}
}

// carrying is the line that carries the house now, when it is another one than those that are proven.
func (t *trial) carrying(s *router.Snapshot) *router.WANSnapshot {
	name := t.view.WAN
	if t.choice.Idle {
		i := slices.IndexFunc(s.WANs, func(w router.WANSnapshot) bool { return w.Active })
		if i < 0 {
			return nil
		}
		name = s.WANs[i].Name
	}
	return find(s, name)
}

func (t *trial) task(w router.WANSnapshot, other *router.WANSnapshot) Task {
	task := Task{Line: t.line(w), Fetch: t.cfg.Drill.Fetch, Name: t.cfg.Drill.Name}
	if other != nil {
		task.Other = t.line(*other)
	}
	return task
}

// line is a way over one line. Where its lease names no servers, the house asks those of the file through it.
func (t *trial) line(w router.WANSnapshot) Line {
	line := t.ports.Line(w)
	line.Fixed = slices.ContainsFunc(t.cfg.WANs, func(c router.WANConfig) bool { return c.Name == w.Name && c.MTU != 0 })
	if len(line.DNS) == 0 {
		for _, a := range t.cfg.LAN.DNS.Upstream {
			line.DNS = append(line.DNS, netip.AddrPortFrom(a, 53))
		}
	}
	return line
}

// said shows each step as it is done, with the line's name where there are several.
func (t *trial) said(name string) func(router.DrillStep) {
	return func(s router.DrillStep) {
		if len(t.choice.Heirs) > 1 {
			s.Detail = name + ": " + s.Detail
		}
		t.step(s)
	}
}

func (t *trial) step(s router.DrillStep) {
	t.view.Steps = append(slices.Clip(t.view.Steps), s)
	t.show()
}

// show lets everybody see how far it is.
func (t *trial) show() {
	view := t.view
	t.mu.Lock()
	t.running = &view
	t.mu.Unlock()
	t.ports.Tell(router.DrillSeen{View: view})
}

// tryPeer proves what can be proven from here of the other router.
func (t *trial) tryPeer(p *router.PairView) {
	name := p.Peer
	if p.Router != "" {
		name = p.Router
	}
	online := p.Verdict == router.VerdictOK || p.Verdict == router.VerdictBackup || p.Verdict == router.VerdictDegraded
	for _, s := range []struct {
		what      string
		ok        bool
		good, bad string
	}{
		{"peer", p.Connected, name + " answers", name + " does not answer"},
		{"adverts", p.HearsUs, "it hears this router", "it does not hear this router"},
		{"internet", online, "it is online", "it has no Internet itself"},
	} {
		step := router.DrillStep{What: s.what, OK: s.ok, Detail: s.good}
		if !s.ok {
			step.Detail, t.broken = s.bad, "the other router could not take over: "+s.bad
		}
		t.step(step)
		if t.broken != "" {
			return
		}
	}
	t.felt = append(t.felt, "That it would win the election and carry the house shows only a real move: \"twinpath drain\", and then \"twinpath resume\".")
}

// finish says what came of it and keeps it.
func (t *trial) finish(ctx context.Context) {
	v := &t.view
	v.End, v.Felt = t.ports.Now().UTC(), t.felt
	v.Stopped = ctx.Err() != nil && len(t.felt) == 0 || t.nothing != ""
	v.OK = t.broken == "" && !v.Stopped
	v.Sentence = t.sentence()
	switch {
	case t.nothing != "":
		v.Sentence = t.nothing
	case v.Stopped:
		v.Sentence = fmt.Sprintf("The rehearsal of %s was stopped before it had proven anything.", v.WAN)
	}
	was := failing(t.kept, v.WAN)
	t.keep(*v)
	t.mu.Lock()
	t.running = nil
	t.end()
	t.mu.Unlock()
	e := router.Event{Time: v.End, Kind: router.EventDrill, WAN: v.WAN, Sentence: v.Sentence}
	switch {
	case v.Stopped:
	case !v.OK && !was:
		e.Cause, e.To = router.CauseDrill, "begins"
	case v.OK && was:
		e.Cause, e.To = router.CauseDrill, "ends"
	}
	t.ports.Record(e)
	t.ports.Tell(router.DrillSeen{View: newest(t.kept, v.WAN)})
	t.ports.Log.Info("rehearsal", "wan", v.WAN, "through", v.Through, "ok", v.OK, "reason", v.Sentence)
}

// sentence is the result.
func (t *trial) sentence() string {
	v := t.view
	switch {
	case t.choice.Idle && t.broken == "":
		return fmt.Sprintf("%s works and could carry the house.", v.WAN)
	case t.choice.Idle:
		return fmt.Sprintf("%s.", t.broken)
	case t.broken == "" && v.Full:
		return fmt.Sprintf("%s has carried the house while %s counted as failed.", v.Through, v.WAN)
	case t.broken == "" && t.choice.Peer != nil:
		return fmt.Sprintf("If %s fails, the other router could take over, as far as can be told from here.", v.WAN)
	case t.broken == "":
		return fmt.Sprintf("If %s fails, %s can carry the house.", v.WAN, v.Through)
	case len(t.choice.Heirs) == 0 && t.choice.Peer == nil:
		return fmt.Sprintf("If %s fails, nothing can carry the house: %s.", v.WAN, strings.TrimSuffix(t.broken, "."))
	}
	return fmt.Sprintf("If %s fails, %s.", v.WAN, strings.TrimSuffix(t.broken, "."))
}
