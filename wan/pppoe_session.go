package wan

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// Chosen by us, but for the first two, which are the specification's of this house: a wrong password is not going to become right,
// and who tries it too often is locked out; any other reason may be over in a second, for a whole town at once.
const (
	refusedFirst   = time.Minute
	refusedLongest = 30 * time.Minute
	dialFirst      = time.Second
	dialLongest    = time.Minute
	findLongest    = 10 * time.Second
	// dialling is how long pppd may take to get an address; it gives up by itself after less.
	dialling = 45 * time.Second
	// proven is how long a session has to last for the next one to be dialled at once.
	proven = time.Minute
	// look is how often pppd's words are read while it dials.
	look = 100 * time.Millisecond
	// retold is how often a dead line is said to be so, at the least: whoever watches it speaks each 10 s, and the router looks at each
	// line twice a minute.
	retold = 40 * time.Second
	// forgetful is how long it is remembered that a server's packets of 1508 bytes vanish.
	forgetful = 24 * time.Hour
)

const never = time.Duration(-1)

// live is one session from the search for a server to its end, or the rest of one that runs already. It returns when to try again.
func (p *PPPoE) live(ctx context.Context, s session) time.Duration {
	if s == nil {
		c, size, ok, pause := p.find(ctx)
		if !ok {
			return pause
		}
		var err error
		if s, err = p.begin(c, size); err != nil {
			return p.fail(said{trouble: startTrouble(err), remark: startRemark(err)})
		}
		if !p.told.Failed { // why the last try came to nothing is more to know than that there is another one
			p.tell(nil, "dialling "+serverName(c.Name))
		}
		if pause, up := p.dial(ctx, s); !up {
			return pause
		}
		if size > narrow && p.MTU == 0 {
			if pause, good := p.verify(ctx, s, size); !good {
				return pause
			}
		}
	}
	return p.hold(ctx, s)
}

func serverName(name string) string {
	if name == "" {
		return "the PPPoE server"
	}
	return "the PPPoE server " + name
}

// during does something that takes a while, and ends it when the line is given up meanwhile: then it returns who waits for that.
func (p *PPPoE) during(ctx context.Context, work func(context.Context)) (released chan<- error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		work(ctx)
	}()
	select {
	case <-over:
	case released = <-p.wishes.release:
		cancel()
		<-over
	}
	return released
}

// find asks who answers on the link, before pppd is even started, and has the link carry what was agreed on.
func (p *PPPoE) find(ctx context.Context) (c Concentrator, size int, ok bool, pause time.Duration) {
	if p.told.Reason == "" {
		p.tell(nil, "asking for a PPPoE server")
	}
	var err error
	if released := p.during(ctx, func(ctx context.Context) {
		if c, ok, err = p.Access.Find(ctx, p.Account.Service); ok {
			size = p.size(ctx, c)
		}
	}); released != nil {
		p.released(released)
		return c, 0, false, never
	}
	if ctx.Err() != nil {
		return c, 0, false, 0
	}
	if err != nil {
		p.Log.Debug("no search for a PPPoE server", "wan", p.Name, "err", err)
	}
	if !ok {
		p.lament(noServer, "")
		p.tries.finds++
		return c, 0, false, spaced(dialFirst, p.tries.finds, findLongest)
	}
	return c, size, true, 0
}

// size is the largest packet to ask for: 1500 bytes where the server offers it, the link can, and it was not found to vanish.
func (p *PPPoE) size(ctx context.Context, c Concentrator) int {
	most := p.widest()
	if most <= narrow {
		return most
	}
	if p.stiff || p.MTU == 0 && (c.Payload < wide || p.memory.vanishes(c.Name, time.Now())) {
		return narrow
	}
	if err := p.Access.Wide(ctx, most+encloseSix); err != nil {
		p.Log.Info("the link carries no larger packets", "wan", p.Name, "device", p.Device, "err", err)
		p.stiff = ctx.Err() == nil
		return narrow
	}
	return most
}

func (p *PPPoE) begin(c Concentrator, size int) (session, error) {
	p.memory.Device, p.memory.Server, p.memory.Size = p.Device, c.Name, size
	p.memory.Salt = newSalt()
	p.memory.Account = p.digest(p.memory.Salt)
	return p.programs.begin(p.options(size), p.memory)
}

// dial waits until the session has an address.
func (p *PPPoE) dial(ctx context.Context, s session) (pause time.Duration, up bool) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	late := time.NewTimer(dialling)
	defer late.Stop()
	for {
		select {
		case <-tick.C:
			if readWords(s.words()).up {
				return 0, true
			}
		case <-s.ended():
			return p.fail(p.close(s)), false
		case <-late.C:
			return p.fail(p.close(s)), false
		case done := <-p.wishes.release:
			return p.give(s, done), false
		case <-ctx.Done():
			p.close(s) // half a session is of no use to the next daemon
			return 0, false
		case <-p.wishes.dead:
		}
	}
}

// verify sends packets as large as was agreed on. A line whose equipment swallows them without a word is dialled again, for
// smaller ones.
func (p *PPPoE) verify(ctx context.Context, s session, size int) (pause time.Duration, good bool) {
	words := readWords(s.words())
	targets := append([]netip.Addr{words.remote}, slices.DeleteFunc(words.dns, func(a netip.Addr) bool { return a == words.remote })...)
	released := p.during(ctx, func(ctx context.Context) {
		good = slices.ContainsFunc(targets, func(a netip.Addr) bool { return p.Access.Passes(ctx, SessionDevice(p.Name), a, size) })
	})
	switch {
	case released != nil:
		return p.give(s, released), false
	case good || ctx.Err() != nil:
		return 0, true
	}
	select {
	case <-s.ended():
		return p.fail(p.close(s)), false
	default:
	}
	p.Log.Info("packets of 1500 bytes vanish: asking for smaller ones", "wan", p.Name, "server", p.memory.Server)
	p.memory.Narrow, p.memory.Until = p.memory.Server, time.Now().Add(forgetful)
	p.close(s)
	return 0, false
}

// hold reports the lease and waits for the end of the session.
func (p *PPPoE) hold(ctx context.Context, s session) time.Duration {
	words := readWords(s.words())
	began := time.Now()
	p.dead.redo = time.Time{} // what was said of the session before
	select {
	case <-p.wishes.dead:
	default:
	}
	p.tries.finds, p.tries.refusals = 0, 0
	p.tell(p.lease(words), "connected to "+serverName(p.memory.Server))
	for {
		select {
		case <-ctx.Done():
			return 0 // it goes on, for the next daemon
		case <-s.ended():
			if time.Since(began) >= proven {
				p.tries.dials = 0
			}
			return p.fail(p.close(s))
		case done := <-p.wishes.release:
			return p.give(s, done)
		case <-p.wishes.linkUp:
		case <-p.wishes.dead:
			if !p.mourn(time.Now()) {
				continue
			}
			p.close(s)
			p.tell(nil, "dialling again: nothing answered through the session")
			return 0
		}
	}
}

// mourn spaces out what is done about a session through which nothing answers, and reports whether it is to be dialled anew: only
// while that is still being said, for to end a session that works again would be an outage of its own.
func (p *PPPoE) mourn(now time.Time) bool {
	d := &p.dead
	if now.Sub(d.seen) > episode+redoFirst<<min(d.done, 3) {
		d.done, d.redo = 0, time.Time{}
	}
	if now.Sub(d.seen) > retold {
		d.redo = time.Time{} // it was well meanwhile
	}
	d.seen = now
	if d.redo.IsZero() {
		d.redo = now.Add(redoFirst << min(d.done, 3))
	}
	if now.Before(d.redo) {
		return false
	}
	d.done++
	return true
}

func (p *PPPoE) lease(words said) *Lease {
	device := SessionDevice(p.Name)
	mtu := p.Access.Size(device)
	if mtu == 0 {
		mtu = p.memory.Size
	}
	return &Lease{Address: netip.PrefixFrom(words.local, 32), Device: device, DNS: words.dns, MTU: mtu}
}

// close ends a session with all that belongs to it, and returns what became of it.
func (p *PPPoE) close(s session) said {
	s.end()
	words := readWords(s.words())
	p.clear(words)
	if words.trouble == noTrouble {
		words.trouble, words.remark = broken, s.why()
	}
	p.programs.forget(p.memory)
	return words
}

func (p *PPPoE) give(s session, done chan<- error) time.Duration {
	p.close(s)
	p.released(done)
	return never
}

// fail reports why there is no session, and returns when to try again.
func (p *PPPoE) fail(s said) (pause time.Duration) {
	p.lament(s.trouble, s.remark)
	switch s.trouble {
	case refused, noKernel, noProgram:
		p.tries.refusals++
		pause = spaced(refusedFirst, p.tries.refusals, refusedLongest)
	default:
		p.tries.dials++
		pause = spaced(dialFirst, p.tries.dials, dialLongest)
	}
	p.Log.Info("no session", "wan", p.Name, "reason", p.told.Reason, "again", pause)
	return pause
}

// lament reports a trouble.
func (p *PPPoE) lament(t trouble, remark string) {
	p.report(Update{
		WAN: p.Name, Reason: t.clause(p.Device, p.memory.Server, remark), Failed: true, Ours: t == refused || t == noKernel || t == noProgram,
	})
}

// spaced doubles a pause with each try.
func spaced(first time.Duration, tries int, longest time.Duration) time.Duration {
	return min(first<<min(tries-1, 16), longest)
}
