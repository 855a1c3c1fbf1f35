package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// Limits of a safe start, chosen here.
const (
	// proof is how long a machine that has just come up waits for proof that it can receive, before it counts silence as
	// the absence of others: a switch port may block for 30 s, and a power cut may have silenced everybody for good.
	proof = 10 * time.Second
	// elicit is how often it asks for a sign of life meanwhile.
	elicit = 250 * time.Millisecond
	// reopen is how long after one that failed the next attempt to open an interface comes.
	reopen = time.Second
	// grace is how long an election goes on without an address of its own: some programs take it away to put it back.
	grace = 5 * time.Second
)

// instance is one election with everything around its Machine: interface, addresses, authentication, counters.
type instance struct {
	place    Place
	key      Key
	wish     Wish
	prefixes []netip.Prefix // of this family, as configured
	list     []netip.Addr   // the same as advertised: link-local first

	group   *Group
	wire    *wire
	index   int
	mac     [6]byte
	link    packet.Link
	auth    *packet.Authenticator
	source  netip.Addr
	missing time.Time // since when the source is not on the interface any more; zero: it is there
	up      time.Time // since when the interface has had its link; zero: it has none
	heardAt time.Time // when it was last asked for a sign of life
	retry   time.Time // when to try to open the interface again; zero: it is open
	proven  bool      // a frame from somebody else was received since the link came up
	was     bool      // it has been ready before
	at      time.Time // when something is due, by the last round of the loop
	running bool      // not blocked
	blocked Event     // the last Block, while it is
	resume  bool
	leaving bool // no longer wanted
	form    packet.ChecksumForm
	ipid    uint16
	packet  []byte // the last advert's bytes, used again
	frame   []byte

	announcing
	counters
}

type counters struct {
	sent, received, restored uint64
	changes                  int
	rejected                 map[packet.Reject]uint64
}

// obstacle says why an election cannot run now; ok when it can.
func (e *Engine) obstacle(now time.Time, in *instance) (Event, bool) {
	d, there := e.seen[in.place.Interface]
	name := in.place.Interface
	wait := func(format string, args ...any) (Event, bool) {
		state := Waiting
		if in.was {
			state = Fault
		}
		return Event{Kind: Block, State: state, Binding: true, Reason: fmt.Sprintf(format, args...)}, false
	}
	switch {
	case in.leaving:
		return Event{Kind: Stop, Keep: in.keep(e.keep), Reason: "it is no longer configured"}, false
	case !there:
		in.up = time.Time{}
		return wait("there is no interface %s", name)
	case !d.Up:
		in.up = time.Time{}
		return wait("%s has no link", name)
	case in.wish.Fault != "":
		return Event{Kind: Block, State: Fault, Keep: in.keep(e.keep), Reason: in.wish.Fault}, false
	}
	e.settle(now, in, d)
	if in.up.IsZero() {
		in.up, in.proven = now, false
	}
	if !in.locate(now, d) {
		return Event{Kind: Block, State: Waiting, Reason: fmt.Sprintf("%s has no %s address of its own", name, in.place.Family.proper())}, false
	}
	in.retry = time.Time{}
	if err := e.attach(now, in, d); err != nil {
		in.retry = now.Add(reopen)
		return wait("%s cannot be opened: %s", name, err)
	}
	if !in.running && !in.proven && !in.resume && now.Sub(in.up) < proof {
		return wait("no frame received yet on %s", name)
	}
	return Event{}, true
}

// settle follows the interface to another index or hardware address.
func (e *Engine) settle(now time.Time, in *instance, d Device) {
	switch {
	case in.index == d.Index && in.mac == d.MAC:
	case in.group.View(in.key).Holding && in.index != d.Index:
		in.pending, e.moved = true, true
	default:
		e.announceAgain(now, in)
	}
	in.index, in.mac = d.Index, d.MAC
}

func (f Family) proper() string {
	if f == IPv6 {
		return "IPv6 link-local"
	}
	return "IPv4"
}

// keep is how long addresses wait for a successor after priority 0, if nothing else was said: a down-interval of the
// slowest Backup and a second.
func (in *instance) keep(wanted time.Duration) time.Duration {
	if wanted != 0 {
		return wanted
	}
	return 4*in.wish.Interval + time.Second
}

// locate finds the address that adverts come from: the interface's first one, for IPv6 the first link-local.
func (in *instance) locate(now time.Time, d Device) bool {
	good := func(a netip.Addr) bool {
		if in.place.Family == IPv6 {
			return a.Is6() && a.IsLinkLocalUnicast()
		}
		return a.Is4()
	}
	candidates := slices.DeleteFunc(slices.Clone(d.Addresses), func(a netip.Addr) bool {
		return !good(a) || slices.Contains(in.list, a) && in.wish.Base != Owner
	})
	switch {
	case slices.Contains(candidates, in.source):
		in.missing = time.Time{}
	case len(candidates) > 0:
		in.source, in.missing = candidates[0], time.Time{}
	case in.running && in.missing.IsZero():
		in.missing = now
	case !in.running:
		in.source, in.missing = netip.Addr{}, time.Time{}
		return false
	case due(in.missing.Add(grace), now):
		return false // with its last word still to say, from that address
	}
	in.link.Own = d.Addresses
	return true
}

// attach puts the election on its interface's wire.
func (e *Engine) attach(now time.Time, in *instance, d Device) error {
	w, err := e.open(now, d)
	if err != nil {
		return err
	}
	in.wire = w
	w.members[memberKey{in.place.ID, in.place.Family}] = in
	return nil
}

// ready lets the election run or holds it back, by what is known of its interface.
func (e *Engine) ready(now time.Time, in *instance) {
	event, ok := e.obstacle(now, in)
	if !ok {
		if in.running || in.blocked != event {
			in.running, in.blocked, e.fresh = false, event, true
			e.act(now, in.group.Step(now, in.key, event))
		}
		in.resume = false
		return
	}
	settings := in.settings()
	if !in.running {
		in.running, in.was, in.blocked = true, true, Event{}
		e.act(now, in.group.Step(now, in.key, Event{Kind: Configure, Settings: settings}))
		e.act(now, in.group.Step(now, in.key, Event{Kind: Start, Resume: in.resume}))
		in.resume = false
		return
	}
	if settings != in.group.View(in.key).Settings {
		e.act(now, in.group.Step(now, in.key, Event{Kind: Configure, Settings: settings}))
	}
}

func (in *instance) settings() Settings {
	return Settings{
		Version: in.wish.Version, Priority: uint8(in.wish.Priority), Interval: in.wish.Interval, Preempt: in.wish.Preempt,
		FastPreempt: in.wish.FastPreempt, PreemptDelay: in.wish.PreemptDelay, Grace: in.wish.Grace,
		Source: in.source, Gone: in.wish.Gone.of(in.place.Family),
	}
}

// attend does what is due for one election besides its Machine's timers.
func (e *Engine) attend(now time.Time, in *instance) {
	if in.wire != nil && in.wire.alive != nil {
		select {
		case <-in.wire.alive:
			in.wire.alive = nil
		default:
		}
	}
	if !in.running && !in.up.IsZero() && in.wire != nil && !in.proven {
		in.proven = in.wire.alive == nil
		if in.proven || now.Sub(in.heardAt) >= elicit { // the one who was just heard may be waiting for the same
			in.heardAt = now
			e.probe(in)
		}
		if in.proven || now.Sub(in.up) >= proof {
			e.ready(now, in)
		}
	}
	if due(in.retry, now) || in.running && !in.missing.IsZero() && due(in.missing.Add(grace), now) {
		in.retry = time.Time{}
		e.ready(now, in)
	}
	if !in.next.IsZero() && !in.next.After(now) {
		e.announce(now, in)
	}
}

// due is when attend has something to do.
func (in *instance) due() time.Time {
	next := earlier(in.next, in.retry)
	if !in.running && !in.up.IsZero() && in.wire != nil && !in.proven {
		next = earlier(next, in.heardAt.Add(elicit))
	}
	if in.running && !in.missing.IsZero() {
		next = earlier(next, in.missing.Add(grace))
	}
	return next
}
