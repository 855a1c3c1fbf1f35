package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// silence is for how long the other router may fail to take letters until they are told here.
const silence = 30 * time.Second

// truce is how long after the two have last found each other over their lines only they go on as then: the LAN is well again a moment before
// one of them gives way.
const truce = 15 * time.Second

// Between two bundles for the other router.
const (
	soonest = 5 * time.Second
	latest  = time.Minute
)

// bundleSize is how many bytes of letters go at once: the other router takes 64 KiB, sealed.
const bundleSize = 40 << 10

// Bundle is what one router of a pair hands to the other.
type Bundle struct {
	Router  string   `json:"router"`
	Letters []Letter `json:"letters,omitempty"` // to be told there
	Told    []string `json:"told,omitempty"`    // earlier ones that have been told here after all, or are out of date
}

// Receipt is what became of the letters of a Bundle so far. Those that it does not name are going to be told.
type Receipt struct {
	Told  []string `json:"told,omitempty"`
	Stuck []string `json:"stuck,omitempty"` // no line works there, or no channel is configured
}

// exchange decides which of the two routers of a pair tells: the one that serves the house, for as long as it can. It is the other one that
// keeps a letter until it hears that it was told. Without a pair everything is told here.
type exchange struct {
	on     bool // there is a pair, and a way to it
	router string
	own    string // our address, which decides without VRRP
	peer   string

	serving bool      // this router is the one that serves the house
	met     bool      // the two find each other over their lines only, and the other one has somebody to tell
	parted  time.Time // when that ended
	later   bool      // of two that both serve the house it is the other one that tells what both see
	lost    time.Time // since when the other router does not take bundles; zero: it does, as far as is known
	fails   int
	busy    bool
	retry   time.Time
	next    time.Time

	tell     []string // what the other router may still mean to tell, and need not
	received []string // its letters that have been told here, the newest last
	fresh    bool
}

func (x *exchange) use(cfg router.Config, reachable bool) {
	x.on = reachable && cfg.Pair.Peer.IsValid() && cfg.Pair.Secret != ""
	x.router, x.own, x.peer = cfg.Name, cfg.LAN.Address.Addr().String(), cfg.Pair.Peer.String()
	x.later = x.on && cfg.Pair.Peer.Less(cfg.LAN.Address.Addr())
	x.serving = !x.on || !cfg.LAN.Address.IsValid() || cfg.LAN.Address.Addr().Less(cfg.Pair.Peer)
}

// see looks who serves the house, and whether the other router is there at all.
func (x *exchange) see(now time.Time, s *router.Snapshot) {
	if !x.on {
		return
	}
	if len(s.VRRP) > 0 {
		x.serving = serves(s.VRRP)
	}
	met := s.Pair != nil && s.Pair.Second != nil && s.Pair.Second.Answers && s.Pair.Second.Tells
	if x.met && !met {
		x.parted = now
	}
	x.met = met
	switch {
	case s.Pair == nil:
	case s.Pair.Connected && x.fails == 0:
		x.lost = time.Time{}
	case !s.Pair.Connected && x.lost.IsZero():
		x.lost = now.Add(-silence) // whoever has watched it has waited already
	}
}

// serves reports whether this router is Active in the election that both routers of a pair take to be the house's: that of the lowest number.
func serves(all []router.VRRPSnapshot) bool {
	return slices.MinFunc(all, func(a, b router.VRRPSnapshot) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Family, b.Family))
	}).State == "active"
}

// tells reports whether it is this router that tells.
func (x *exchange) tells() bool { return !x.on || x.serving }

// abroad reports whether a letter that no channel here wants may be for those of the other router.
func (x *exchange) abroad(channels int) bool { return x.on && (!x.serving || channels == 0) }

// gone reports whether the other router has been silent for too long.
func (x *exchange) gone(now time.Time) bool { return !x.lost.IsZero() && now.Sub(x.lost) >= silence }

// ours reports whether a letter is to be told here now; able says that a line works.
func (x *exchange) ours(now time.Time, k *kept, able bool) bool {
	switch {
	case !x.on || k.From != "":
		return true
	case x.yields(now, k.Letter):
		return false
	case k.stuck || x.gone(now):
		return able || x.serving
	case k.Handed:
		return false
	}
	return x.serving
}

// yields reports whether a letter is left to the other router, which sees the same, can tell it over its line, and cannot be asked to.
func (x *exchange) yields(now time.Time, l Letter) bool {
	lead := l.lead()
	return x.later && (x.met || !x.parted.IsZero() && now.Sub(x.parted) < truce) && lead != nil && shared(*lead)
}

// offers reports whether the other router is to be asked to tell a letter, or whether it has.
func (x *exchange) offers(now time.Time, k *kept, able bool) bool {
	switch {
	case k.From != "":
		return false
	case k.stuck && able && len(k.For) > 0:
		return false
	case k.Handed || !x.serving || len(k.For) == 0:
		return true
	}
	return !able && now.Sub(k.At) >= silence
}

// bundle is what is to be handed over now; nil when there is nothing, or it is not yet time.
func (x *exchange) bundle(now time.Time, o *Outbox, able bool) *Bundle {
	x.next = time.Time{}
	if !x.on || x.busy {
		return nil
	}
	b := Bundle{Router: x.router, Letters: x.fill(now, o, able), Told: x.tell}
	switch {
	case len(b.Letters)+len(b.Told) == 0:
	case now.Before(x.retry):
		x.look(now, x.retry)
	default:
		x.busy = true
		return &b
	}
	if !x.parted.IsZero() && len(o.letters) > 0 {
		x.look(now, x.parted.Add(truce))
	}
	if !x.lost.IsZero() && len(o.letters) > 0 {
		x.look(now, x.lost.Add(silence)) // from then on they are told here
	}
	return nil
}

// fill returns the letters that the other router is asked to tell.
func (x *exchange) fill(now time.Time, o *Outbox, able bool) []Letter {
	var letters []Letter
	size := 0
	for _, k := range o.letters {
		if !x.offers(now, k, able) {
			if k.From == "" && !able {
				x.look(now, k.At.Add(silence))
			}
			continue
		}
		text, err := json.Marshal(k.Letter)
		if size += len(text); err != nil || size > bundleSize {
			break
		}
		l := k.Letter
		l.Incidents = slices.Clone(l.Incidents) // the outbox goes on correcting its own
		letters = append(letters, l)
	}
	return letters
}

// look has the loop look again at a time to come.
func (x *exchange) look(now, at time.Time) {
	if now.Before(at) && (x.next.IsZero() || at.Before(x.next)) {
		x.next = at
	}
}

// handed takes in what the other router says to a bundle.
func (x *exchange) handed(now time.Time, b Bundle, r Receipt, err error, o *Outbox) {
	x.busy = false
	if err != nil {
		if x.fails++; x.lost.IsZero() {
			x.lost = now
		}
		x.retry = now.Add(min(latest, soonest<<min(x.fails-1, 5)))
		return
	}
	x.fails, x.lost, x.retry = 0, time.Time{}, now.Add(soonest)
	if len(b.Told) > 0 {
		x.tell, x.fresh = slices.DeleteFunc(x.tell, func(id string) bool { return slices.Contains(b.Told, id) }), true
	}
	for _, l := range b.Letters {
		k := o.find(l.ID)
		if k == nil {
			continue
		}
		k.stuck = slices.Contains(r.Stuck, l.ID)
		switch {
		case slices.Contains(r.Told, l.ID):
			o.remove(k)
		case !k.Handed:
			k.Handed = true
			o.save(k)
		case now.Sub(k.At) > latest:
			x.retry = now.Add(latest) // it is held there, for longer than a send takes
		}
	}
}

// withdraw sees to it that the other router does not tell what has been taken back here.
func (x *exchange) withdraw(k *kept) {
	if k != nil && k.Handed {
		x.untell(k.Letter.ID)
	}
}

func (x *exchange) untell(id string) {
	const bound = 100
	x.tell, x.fresh = append(x.tell[max(0, len(x.tell)-bound):], id), true
}

// delivered notes what was told here: of the other router's letters for its next question, of our own ones if it has them, too.
func (x *exchange) delivered(k *kept) {
	switch {
	case k.From != "":
		x.receive(k.Letter.ID)
	case k.Handed:
		x.untell(k.Letter.ID)
	}
}

func (x *exchange) receive(id string) {
	const bound = 300
	x.received, x.fresh = append(x.received[max(0, len(x.received)-bound):], id), true
}

// bundled is a bundle that waits for its receipt.
type bundled struct {
	bundle  Bundle
	receipt chan Receipt
}

// Receive takes letters of the other router's Desk, and returns the Receipt, both as JSON. That it was the other router is for the
// caller to know.
func (d *Desk) Receive(bundle []byte) ([]byte, error) {
	const patience = 5 * time.Second
	b := bundled{receipt: make(chan Receipt, 1)}
	if err := json.Unmarshal(bundle, &b.bundle); err != nil {
		return nil, fmt.Errorf("read letters of the other router: %w", err)
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case d.bundles <- b:
	case <-timeout.C:
		return nil, errors.New("this router is busy with its own messages")
	}
	select {
	case r := <-b.receipt:
		return json.Marshal(r)
	case <-timeout.C:
		return nil, errors.New("this router is busy with its own messages")
	}
}

// receive takes letters in, on the loop.
func (d *Desk) receive(now time.Time, b Bundle) Receipt {
	var r Receipt
	for _, id := range b.Told {
		if k := d.outbox.find(id); k != nil && k.From != "" {
			d.outbox.remove(k)
			d.exchange.receive(id)
		}
	}
	able := len(d.ports.Ways()) > 0
	for _, l := range b.Letters[:min(len(b.Letters), mostLetters)] {
		id := l.ID
		switch known := d.outbox.find(id); {
		case slices.Contains(d.exchange.received, id):
			r.Told = append(r.Told, id)
			continue
		case known == nil && len(d.outbox.routes) == 0:
		case known == nil && d.machine.Heed(now, l):
			d.exchange.receive(id)
			r.Told = append(r.Told, id)
			continue
		case known == nil:
			d.outbox.add(now, l, b.Router, false)
			if d.outbox.find(id) == nil { // no channel wants to know
				d.exchange.receive(id)
				r.Told = append(r.Told, id)
				continue
			}
		}
		if !able || len(d.outbox.routes) == 0 {
			r.Stuck = append(r.Stuck, id)
		}
	}
	d.flush(now)
	return r
}

// handOver asks the other router to tell what this one is not to.
func (d *Desk) handOver(ctx context.Context, now time.Time) {
	b := d.exchange.bundle(now, d.outbox, d.able)
	if b == nil {
		return
	}
	d.sending.Go(func() {
		var r Receipt
		text, err := json.Marshal(b)
		if err == nil {
			text, err = d.ports.Peer.Forward(ctx, text)
		}
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		d.finish(ctx, func() { d.accepted(*b, r, err) })
	})
}

func (d *Desk) accepted(b Bundle, r Receipt, err error) {
	if err != nil && d.exchange.fails == 0 {
		d.ports.Log.Warn("the other router takes no letters", "err", err)
	}
	d.exchange.handed(d.ports.Now(), b, r, err, d.outbox)
}
