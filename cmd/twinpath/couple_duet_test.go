package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/pair/pulse"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// fakeKernel is all that a couple wants of a kernel; it notes what it is asked for.
type fakeKernel struct {
	fakeDiverter
	watches atomic.Int32 // that were begun
}

func (f *fakeKernel) WatchFlows(ctx context.Context, own func(firewall.Mark) bool, _ func(flow.Change)) error {
	if own(firewall.MarkOf(0)) && !own(firewall.MarkOf(1)) { // the fibre's, and not the other router's
		f.watches.Add(1)
	}
	<-ctx.Done()
	return nil
}

func (f *fakeKernel) TellFlows(flows []flow.Flow) (int, error) {
	return len(flows), f.say("tell %d", len(flows))
}

func (f *fakeKernel) Neighbours(string) ([]handover.Neighbour, error) { return nil, nil }

func (f *fakeKernel) Introduce(device string, all []handover.Neighbour) error {
	return f.say("introduce %d on %s", len(all), device)
}

func (f *fakeKernel) LinkLocal(int) (netip.Addr, error) { return netip.MustParseAddr("fe80::2"), nil }

func (f *fakeKernel) Vacate(v router.Vacate) (router.Vacated, error) {
	return router.Vacated{}, f.say("end the flows of %s", v.WAN)
}

func (f *fakeKernel) Diverted() (handover.Diversion, error) { return handover.Diversion{}, nil }

// stage is a duet whose loop is the test: main, which follows backup, and hands that work.
type stage struct {
	*duet
	t      *testing.T
	kernel *fakeKernel
	heard  []string // by the router
}

func newStage(t *testing.T) *stage {
	t.Helper()
	kernel := &fakeKernel{}
	cfg := router.Config{Name: "main", LAN: router.LAN{Address: netip.MustParsePrefix("192.168.1.2/24"), IPv6: true},
		Pair: router.Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "twenty letters or so", Port: 61112}}
	c := &couple{kernel: kernel, log: slog.New(slog.DiscardHandler), lending: &lending{log: slog.New(slog.DiscardHandler)}}
	c.mover = &mover{log: c.log, changed: make(chan struct{})}
	c.topics = []topic{c.lending}
	c.config.Store(&cfg)
	s := &stage{duet: newDuet(c, &cfg), t: t, kernel: kernel}
	c.tell = func(f router.TogetherSeen) { s.hear(f.View) }
	ctx, cancel := context.WithCancel(t.Context())
	s.group, s.ctx = errgroup.WithContext(ctx)
	s.group.Go(func() error { return s.hands.Run(s.ctx) })
	t.Cleanup(func() { cancel(); _ = s.group.Wait() })
	s.snap = &router.Snapshot{Side: router.Side{
		Link: router.Link{Index: 2, Name: "lan0", MAC: "02:00:00:00:00:02"}, Devices: []string{"lan0"}, Known: true, Follows: 1, Partner: 1,
	}, WANs: []router.WANSnapshot{{Name: "fibre", Kind: "dhcp", Mark: firewall.MarkOf(0)}, {Name: "other", Kind: "peer", Mark: firewall.MarkOf(1)}}}
	s.settle(time.Now())
	s.play()
	return s
}

// togetherText is what the router is told, as far as it matters here.
func togetherText(v router.Together) string {
	words := []string{v.Phase.String()}
	if v.Linked {
		words = append(words, "linked")
	}
	if v.Gone != (vrrp.Gone{}) {
		words = append(words, "gone")
	}
	if v.Kept > 0 {
		words = append(words, fmt.Sprint(v.Kept))
	}
	return strings.Join(words, " ")
}

// play has the loop do whatever there is to do, until nothing more comes of it.
func (s *stage) play() {
	s.step(time.Now())
	for {
		synctest.Wait()
		select {
		case what := <-s.todo:
			what(time.Now())
			s.step(time.Now())
		default:
			return
		}
	}
}

// hear is the router: it must not hear that the other one is dead while packets are still sent there, but for a while.
func (s *stage) hear(v router.Together) {
	if v.Gone != (vrrp.Gone{}) && s.kernel.mode() != handover.None && time.Since(s.buried) < funeral {
		s.t.Errorf("the router hears that the other one is dead, and the kernel sends %s there", s.kernel.mode())
	}
	if text := togetherText(v); len(s.heard) == 0 || s.heard[len(s.heard)-1] != text {
		s.heard = append(s.heard, text)
	}
}

// wants claims all that the kernel was asked for, and all that the router was told.
func (s *stage) wants(what, kernel, router string) {
	s.t.Helper()
	s.play()
	if got := s.kernel.said(); got != kernel {
		s.t.Errorf("%s: the kernel was asked for %q, want %q", what, got, kernel)
	}
	if got := strings.Join(s.heard, ", "); got != router {
		s.t.Errorf("%s: the router was told %q, want %q", what, got, router)
	}
	s.heard = nil
}

// forget claims nothing of what was.
func (s *stage) forget() {
	s.play()
	s.kernel.said()
	s.heard = nil
}

// hears has the other router say something.
func (s *stage) hears(kind link.Kind, body []byte) {
	s.message(kind, body)
	s.play()
}

// meets links the two, and has backup tell of a line and of its flows.
func (s *stage) meets(flows []flow.Flow) {
	s.up(link.Session{ID: 1, Partner: link.Greeting{Router: "backup", MAC: "02:00:00:00:00:03", LinkLocal: netip.MustParseAddr("fe80::3")}})
	s.play()
	lines, _ := router.FormatLines([]router.PartnerLine{{Name: "lte", State: "up", Usable: true}})
	s.hears(link.Lines, lines)
	s.hears(link.Flows, flow.Append(nil, flow.Change{Anew: true, Begun: flows}))
}

func (s *stage) serves(is bool) {
	next := *s.snap
	next.Side.Serves, next.Side.Follows, next.Side.Partner = 0, 1, 1
	if is {
		next.Side.Serves, next.Side.Follows, next.Side.Partner = 1, 0, 0
	}
	s.snap = &next
}

func TestTheHouseComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.wants("alone", "none", "none")
		s.meets(someFlows(37))
		s.wants("linked", "all, own true +0 -0", "none linked, ready linked")
		s.serves(true)
		s.wants("it takes over", "kept true +37 -0", "learns linked")
		s.hears(link.Flows, flow.Append(nil, flow.Change{Begun: someFlows(38)[37:], Ended: someFlows(1)}))
		s.wants("news while it learns", "kept false +1 -1", "")
		time.Sleep(time.Second)
		s.wants("a second later", "listed", "keeps linked 37")
		time.Sleep(time.Second)
		s.wants("another second later", "listed", "") // without what was learnt
		s.hears(link.Flows, flow.Append(nil, flow.Change{Anew: true}))
		s.wants("the last one has ended", "kept false +0 -37", "keeps linked")
		time.Sleep(time.Second)
		s.wants("nothing is left", "none", "none linked")
		if s.told.HandOvers != 1 {
			t.Errorf("%d hand-overs were counted", s.told.HandOvers)
		}
	})
}

// Bad news first: nothing is sent to a dead router any more when the house moves away from it, and its devices are told when they listen to
// this one.
func TestTheOtherRouterDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.meets(someFlows(3))
		s.forget()
		s.life = pulse.View{State: pulse.Gone}
		s.wants("dead", "none", "none linked, none linked gone")
		s.serves(true)
		s.wants("it takes over", "tell 3", "")
	})
}

// A dead router whose box has come back without Twinpath, or with another secret, is not dead: it may be the only way to the Internet.
func TestTheOtherRouterIsBackAndNotLinked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.meets(nil)
		s.life = pulse.View{State: pulse.Gone}
		s.down(nil, false)
		s.forget()
		time.Sleep(time.Hour)
		s.wants("dead for long", "", "")
		s.life.Risen = true
		s.wants("it answers", "", "")
		time.Sleep(boots)
		s.wants("it only answers", "", "none")
	})
}

// A kernel that takes its time does not keep the house with a dead router.
func TestTheKernelIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.meets(someFlows(3))
		s.forget()
		s.kernel.refuse = 1
		s.life = pulse.View{State: pulse.Gone}
		s.wants("dead", "refused none", "none linked")
		if wait := time.Until(s.wake); wait > funeral {
			t.Errorf("the next look is in %s", wait)
		}
		time.Sleep(funeral)
		s.wants("soon after", "", "none linked gone")
	})
}

func TestWhatAMeteredLineHasCarriedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.meets(nil)
		s.forget()
		body, _ := json.Marshal(release{Four: true, Six: true})
		s.hears(link.Release, body)
		s.wants("this one follows", "end the flows of fibre", "")
		s.serves(true)
		s.forget()
		s.hears(link.Release, body)
		s.wants("this one serves", "", "")
	})
}

func TestWhatTheOtherRouterSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.meets(nil)
		s.forget()
		s.hears(link.Neighbours, []byte(`[{"address":"192.168.1.100","mac":"02:00:00:00:00:64"}]`))
		s.wants("a neighbour", "introduce 1 on lan0", "")
		s.hears(link.Neighbours, []byte(`nonsense`))
		s.hears(link.Flows, []byte{9, 9, 9})
		s.wants("nonsense", "", "")
	})
}

// A router alone does nothing, however much its kernel changes; what an earlier run left of a pair goes, once.
func TestARouterAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := &fakeKernel{}
		snap := &router.Snapshot{}
		c := &couple{kernel: kernel, log: slog.New(slog.DiscardHandler), news: make(chan struct{}, 1), lending: &lending{}, mover: &mover{}}
		c.tell = func(router.TogetherSeen) { t.Error("a router alone is told of another one") }
		c.view = func() (*router.Snapshot, <-chan struct{}) { return snap, nil }
		c.Use(router.Config{Pair: router.Pair{Peer: netip.MustParseAddr("192.168.1.3")}}) // without a secret
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = c.Run(ctx) }()
		for range 3 {
			synctest.Wait()
			c.Look()
		}
		synctest.Wait()
		if got := kernel.said(); got != "none" {
			t.Errorf("the kernel was asked for %q, want it to be looked at once", got)
		}
		cancel()
		<-ended
	})
}
