// Package kernel makes the Linux kernel equal to the router's plan and tells when it no longer is.
//
// It owns the bridge of the house, the addresses, routes and rules that carry our protocol number, the nftables table
// "twinpath", and the ending of a WAN's flows in conntrack. What others put there is never touched: where it stands in
// the way, it is reported.
package kernel

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
)

// tables is the ruleset in the kernel, recognised by its hash.
type tables interface {
	Load(firewall.Ruleset) error
	Loaded() (hash string, err error)
	Remove() error
}

// Kernel applies plans in the network namespace of the calling thread. Its methods may be called at the same time.
type Kernel struct {
	log *slog.Logger
	nft tables

	mu         sync.Mutex // over a whole Apply
	raised     map[int]bool
	enslaved   map[int]bool
	complained map[string]bool
	applied    map[string][]int // what the last Apply left in the kernel, with the interfaces that it needs
	queued     bool             // there may be queues of ours
	ruleset    string           // hash of the last ruleset loaded
	meters     atomic.Pointer[[]firewall.Meter]

	diverting sync.Mutex         // over a change of the Diversion or its lists
	stale     [2]map[string]bool // keys in the kernel that a list which begins anew has not named yet

	seen   sync.Mutex
	traits map[int]trait // of interfaces, by ifindex
	bounce map[int]bool  // interfaces that Watch saw switched off or vanish since the last Apply
}

// New returns a Kernel that has done nothing yet.
func New(log *slog.Logger) *Kernel {
	return &Kernel{
		log:        log,
		nft:        &Nft{},
		raised:     make(map[int]bool),
		enslaved:   make(map[int]bool),
		queued:     true, // of an earlier run
		complained: make(map[string]bool),
		applied:    make(map[string][]int),
		bounce:     make(map[int]bool),
		traits:     make(map[int]trait),
	}
}

// Apply makes the kernel equal to the plan: it adds what is missing, replaces default routes in one step each, and
// removes what is ours and not in the plan last. What can be done is done; the error names the rest, one line each.
// Applying the same plan again changes nothing.
func (k *Kernel) Apply(plan router.Plan) (router.Applied, error) {
	start := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	s, err := dial()
	if err != nil {
		return router.Applied{}, err
	}
	defer s.close()
	var done router.Applied
	bounced := k.bounced()
	// A removal may make the kernel drop more than was asked for: another look repairs that. Three bound it.
	for range 3 {
		p := &pass{k: k, session: s, plan: plan, bounced: bounced, repair: done.Changes > 0}
		err = p.run()
		done.Changes += p.changes
		done.Restored = append(done.Restored, p.restored...)
		done.Hidden = p.foreign
		if !p.again {
			break
		}
	}
	done.Took = time.Since(start)
	return done, err
}

// bounced returns the interfaces that were off since the last Apply.
func (k *Kernel) bounced() map[int]bool {
	k.seen.Lock()
	defer k.seen.Unlock()
	b := k.bounce
	k.bounce = make(map[int]bool)
	return b
}

func (k *Kernel) sawOff(index int) {
	k.seen.Lock()
	defer k.seen.Unlock()
	k.bounce[index] = true
}

// pass is one comparison of the plan with the kernel.
type pass struct {
	k       *Kernel
	session *session
	plan    router.Plan
	bounced map[int]bool
	repair  bool // a second look: what is missing was removed by ourselves

	devices   map[string]device
	addresses map[addressKey]held
	routes    map[routeKey]route
	rules     []shown

	changes  int
	restored []string
	foreign  []string
	errs     []error
	unknown  []string // interfaces of the plan that are not there
	applied  map[string][]int
	removals []removal
	again    bool
}

// removal waits until everything has been added.
type removal struct {
	what string
	do   func() error
}

func (p *pass) run() error {
	if err := p.look(); err != nil {
		return err
	}
	p.applied = make(map[string][]int, len(p.k.applied))
	p.bridge()
	p.vlan()
	p.port()
	p.sysctl()
	p.raise()
	p.queue()
	p.address()
	p.firewall()
	p.route()
	p.rule()
	p.unbridge()
	p.unvlan()
	p.remove()
	p.foreign = p.hidden()
	p.k.applied = p.applied
	return errors.Join(p.errs...)
}

func (p *pass) look() (err error) {
	if p.devices, err = p.session.links(); err != nil {
		return err
	}
	if p.addresses, err = p.session.addresses(); err != nil {
		return err
	}
	if p.routes, err = p.session.ownRoutes(); err != nil {
		return err
	}
	p.rules, err = p.session.rules()
	return err
}

// firewall loads the ruleset unless it is there. A plan without one removes ours.
func (p *pass) firewall() {
	want := p.plan.Ruleset.Hash()
	p.k.meters.Store(&p.plan.Ruleset.Meters)
	now, err := p.k.nft.Loaded()
	switch {
	case err != nil:
		p.fail(fmt.Errorf("look at the ruleset: %w", err))
	case now == want:
		p.k.ruleset = want
	case want == "":
		p.later("remove the ruleset", p.k.nft.Remove)
		p.k.ruleset = ""
	default:
		if p.k.ruleset == want {
			p.restored = append(p.restored, "table inet twinpath")
		}
		if p.change("load the ruleset", p.k.nft.Load(p.plan.Ruleset)) {
			p.k.ruleset = want
		}
	}
}

func (p *pass) remove() {
	for _, r := range p.removals {
		p.change(r.what, r.do())
	}
}

func (p *pass) later(what string, do func() error) {
	p.removals = append(p.removals, removal{what, do})
}

// change counts a change that was made, or keeps its error. It says whether it was made.
func (p *pass) change(what string, err error) bool {
	if err != nil {
		p.fail(fmt.Errorf("%s: %w", what, err))
		return false
	}
	p.changes++
	return true
}

func (p *pass) fail(err error) { p.errs = append(p.errs, err) }

// outcome says what was done to have an object in the kernel.
type outcome uint8

const (
	absent outcome = iota
	found
	added
	replaced
)

// want puts an object in place and remembers it. One that was there after the last Apply, that nobody but another
// program can have removed, and that had to be added again, has been restored.
func (p *pass) want(text string, devices []int, put func() outcome) {
	state := put()
	if state == absent {
		return
	}
	p.applied[text] = devices
	before, known := p.k.applied[text]
	if state == added && known && !p.repair && slices.Equal(before, devices) && !slices.ContainsFunc(devices, p.wasOff) {
		p.restored = append(p.restored, text)
	}
}

// wasOff reports whether the kernel itself may have dropped what hangs on an interface.
func (p *pass) wasOff(index int) bool { return p.bounced[index] }

// device looks an interface of the plan up; one that is not there is reported once.
func (p *pass) device(name string) (device, bool) {
	d, ok := p.devices[name]
	if !ok && !slices.Contains(p.unknown, name) {
		p.unknown = append(p.unknown, name)
		p.fail(fmt.Errorf("there is no interface %s", name))
	}
	return d, ok
}

func (p *pass) nameOf(index int) string {
	for name, d := range p.devices {
		if d.Index == index {
			return name
		}
	}
	return fmt.Sprintf("if%d", index)
}
