package alert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

// Desk tells people. One goroutine owns the Machine and the Outbox; sends run beside it, one for each channel at most.
type Desk struct {
	ports Ports

	mu      sync.Mutex
	box     []router.Incident // that the loop has not taken yet, each in its newest form
	lost    int
	config  *router.Config
	routes  []*route // of that configuration
	newest  router.Config
	wake    chan struct{}
	bundles chan bundled

	// What follows is the loop's.
	machine  *Machine
	outbox   *Outbox
	exchange exchange
	results  chan func()
	sending  sync.WaitGroup
	seen     *router.Snapshot
	lines    string // which lines work, and which carries the house
	able     bool   // a line worked when it was last needed
	nudge    time.Time
	later    time.Time // until when the shelf, which fails, is left alone
	restored bool      // letters lay on the shelf
	past     []Item    // of the channels, until they are known
	view     router.AlertsView
}

// New returns a Desk that does nothing until it runs.
func New(ports Ports) *Desk {
	if ports.Now == nil {
		ports.Now = time.Now
	}
	return &Desk{ports: ports, wake: make(chan struct{}, 1), bundles: make(chan bundled), results: make(chan func(), 256), outbox: newOutbox()}
}

// Use takes a configuration. It never blocks.
func (d *Desk) Use(cfg router.Config) {
	var routes []*route
	for _, to := range cfg.Alert.To {
		sum := sha256.Sum256([]byte(to.URL))
		key := hex.EncodeToString(sum[:8])
		if !slices.ContainsFunc(routes, func(r *route) bool { return r.key == key }) {
			routes = append(routes, &route{key: key, url: to.URL, name: nameOf(to.URL), groups: to.Events})
		}
	}
	d.mu.Lock()
	d.config, d.routes, d.newest = &cfg, routes, cfg
	d.mu.Unlock()
	d.ring()
}

// nameOf is a channel without its secrets.
func nameOf(url string) string {
	c, err := channel.Parse(url)
	if err != nil {
		scheme, _, _ := strings.Cut(url, "://")
		return scheme + "://…"
	}
	return c.String()
}

// Take takes an incident in, each time something of it changes. It never blocks: when the Desk cannot follow, only the newest form
// of an incident counts, and of more than a thousand the oldest are dropped.
func (d *Desk) Take(i router.Incident) {
	const bound = 1000
	d.mu.Lock()
	last := len(d.box) - 1
	switch {
	case last >= 0 && d.box[last].ID == i.ID && d.box[last].Open() == i.Open():
		d.box[last] = i
	case len(d.box) >= bound:
		d.box, d.lost = append(d.box[1:], i), d.lost+1
	default:
		d.box = append(d.box, i)
	}
	d.mu.Unlock()
	d.ring()
}

func (d *Desk) ring() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run tells people until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	d.machine = NewMachine(d.ports.Now())
	d.restore(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer d.last()
	for {
		snapshot, changed := d.ports.Source.Snapshot()
		d.step(ctx, snapshot)
		if next := d.next(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(0, next.Sub(d.ports.Now())))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-d.wake:
		case <-timer.C:
		case f := <-d.results:
			f()
		case b := <-d.bundles:
			b.receipt <- d.receive(d.ports.Now(), b.bundle)
		}
	}
}

// last takes in what the sends that were under way have come to.
func (d *Desk) last() {
	d.sending.Wait()
	for {
		select {
		case f := <-d.results:
			f()
		default:
			d.flush(d.ports.Now())
			return
		}
	}
}

// step does all that there is to do now.
func (d *Desk) step(ctx context.Context, snapshot *router.Snapshot) {
	now := d.ports.Now()
	d.configure()
	if snapshot != nil && snapshot != d.seen {
		d.see(now, snapshot)
	}
	for _, i := range d.unbox() {
		d.machine.Take(now, i)
		d.outbox.correct(i)
	}
	letters, withdrawn := d.machine.Tick(now)
	for _, id := range withdrawn {
		d.exchange.withdraw(d.outbox.withdraw(id))
	}
	for _, l := range letters {
		d.outbox.add(now, l, "", d.exchange.abroad(len(d.outbox.routes)))
	}
	d.flush(now)
	if !d.nudge.IsZero() && !now.Before(d.nudge) {
		d.nudge = time.Time{}
		d.outbox.wake(now)
	}
	d.deliverAll(ctx, now)
	d.flush(now) // what was too old
	d.show()
}

// configure takes the newest configuration over.
func (d *Desk) configure() {
	d.mu.Lock()
	cfg, routes := d.config, d.routes
	d.config, d.routes = nil, nil
	d.mu.Unlock()
	if cfg == nil {
		return
	}
	d.machine.Use(*cfg)
	d.exchange.use(*cfg, d.ports.Peer != nil)
	d.outbox.use(d.ports.Now(), routes)
	d.recall()
	d.seen = nil // who serves the house depends on the configuration, too
}

func (d *Desk) unbox() []router.Incident {
	d.mu.Lock()
	defer d.mu.Unlock()
	box, lost := d.box, d.lost
	d.box, d.lost = nil, 0
	if lost > 0 {
		d.ports.Log.Warn("incidents come faster than they can be told", "dropped", lost)
	}
	return box
}

// see looks at what else there is to know. Lines that work again are given a moment: the incidents that their return has ended are on their way.
func (d *Desk) see(now time.Time, s *router.Snapshot) {
	d.seen = s
	d.machine.See(s)
	d.exchange.see(now, s)
	var lines strings.Builder
	for _, w := range s.WANs {
		if w.State == "up" || w.State == "degraded" {
			lines.WriteString(w.Name + map[bool]string{true: "*"}[w.Active] + " ")
		}
	}
	if text := lines.String(); text != d.lines {
		d.lines = text
		if d.nudge.IsZero() { // lines that come and go must not put it off for ever
			d.nudge = now.Add(max(d.machine.tail, min(2*time.Second, d.machine.wait)))
		}
	}
}

// next is when there is something to do even if nothing happens.
func (d *Desk) next() time.Time {
	var next time.Time
	for _, t := range [...]time.Time{d.machine.Next(), d.outbox.next, d.nudge, d.exchange.next} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

// deliverAll starts what is to be sent and handed over now.
func (d *Desk) deliverAll(ctx context.Context, now time.Time) {
	d.outbox.next, d.exchange.next = time.Time{}, time.Time{}
	var ways []channel.Way
	if len(d.outbox.letters) > 0 {
		if quiet := d.machine.born.Add(d.machine.settle / 2); d.restored && now.Before(quiet) {
			d.outbox.next = quiet // what lay on the shelf may be over by now: somebody is about to say so
			return
		}
		if !d.nudge.IsZero() {
			return // as soon as it is known what the lines have ended
		}
		ways = d.ports.Ways()
		d.able = len(ways) > 0
	}
	d.send(ctx, now, ways)
	d.handOver(ctx, now)
}

// send starts what is to be sent now.
func (d *Desk) send(ctx context.Context, now time.Time, ways []channel.Way) {
	for _, p := range d.outbox.due(now, func(k *kept) bool { return d.exchange.ours(now, k, d.able) }) {
		m := p.message(now.Local())
		d.sending.Go(func() {
			err := d.deliver(ctx, p.URL, ways, m)
			d.finish(ctx, func() { d.done(p, err) })
		})
	}
}

// finish has the loop run f.
func (d *Desk) finish(ctx context.Context, f func()) {
	select {
	case d.results <- f: // it has room for more than there can be: also at the end, when nobody is to hear it twice
		return
	default:
	}
	select {
	case d.results <- f:
	case <-ctx.Done():
	}
}

// done notes what became of a parcel.
func (d *Desk) done(p Parcel, err error) {
	r := d.outbox.route(p.Key)
	if r == nil {
		return
	}
	if err != nil && r.fails == 0 {
		d.ports.Log.Warn("a message could not be delivered", "channel", r.name, "err", err)
	}
	if err == nil && r.fails > 0 {
		d.ports.Log.Info("messages are delivered again", "channel", r.name)
	}
	for _, k := range d.outbox.done(d.ports.Now(), p, err) {
		d.exchange.delivered(k)
	}
	if err == nil {
		d.keepRoute(r)
	}
}

// deliver tries each line. Where none works, a service in the house may still answer.
func (d *Desk) deliver(ctx context.Context, url string, ways []channel.Way, m channel.Message) error {
	none := len(ways) == 0
	if none {
		ways = []channel.Way{{}}
	}
	var errs []error
	for _, way := range ways {
		err := d.ports.Send(ctx, url, way, m)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil || partly(err) { // who has it already need not get it over each line
			break
		}
	}
	if none {
		return errNoLine
	}
	return errs[len(errs)-1]
}

var errNoLine = errors.New("no line worked")

// permanent reports whether a service has refused for good, and not only now.
func permanent(err error) bool {
	var final interface{ Permanent() bool }
	return errors.As(err, &final) && final.Permanent()
}

// partly reports whether some of those whom a channel leads to have the message.
func partly(err error) bool {
	var some interface{ Partly() bool }
	return errors.As(err, &some) && some.Partly()
}

// show tells how telling goes, when that has changed.
func (d *Desk) show() {
	v := router.AlertsView{Sender: d.exchange.tells(), Waiting: d.outbox.waiting(), Dropped: d.outbox.lost}
	for _, r := range d.outbox.routes {
		c := router.ChannelView{Name: r.name, Sent: r.newest.UTC()}
		if r.newest.IsZero() {
			c.Sent = time.Time{}
		}
		if r.err != nil {
			c.Error = r.err.Error()
		}
		v.Channels = append(v.Channels, c)
	}
	if v.Sender == d.view.Sender && v.Waiting == d.view.Waiting && v.Dropped == d.view.Dropped && slices.Equal(v.Channels, d.view.Channels) {
		return
	}
	d.view = v
	d.ports.Tell(v)
}

// Test sends one message to each channel of the configuration, at once and whatever its limits.
func (d *Desk) Test(ctx context.Context) []TestResult {
	d.mu.Lock()
	cfg := d.newest
	d.mu.Unlock()
	results := make([]TestResult, len(cfg.Alert.To))
	var all sync.WaitGroup
	for n, to := range cfg.Alert.To {
		all.Go(func() {
			m := channel.Message{
				Title: "A test of " + cfg.Name, Text: "This is how " + cfg.Name + " would tell you that a line is down. Nothing is wrong.",
				Priority: channel.Normal, Fields: map[string]string{"stage": "test", "router": cfg.Name},
			}
			results[n] = TestResult{nameOf(to.URL), d.deliver(ctx, to.URL, d.ports.Ways(), m)}
		})
	}
	all.Wait()
	return results
}
