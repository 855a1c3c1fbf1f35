package lab

import (
	"math/rand/v2"
	"testing"
	"time"
)

// contender is one daemon's house in the benchmark.
type contender struct {
	name string
	main resident
	only string // the only fault it meets; empty: all
}

// storyHealth is the checks of the home story: the same for both daemons.
var storyHealth = health{interval: 2 * time.Second, timeout: time.Second, fall: 2, rise: 20}

// contenders are the columns of the tables.
var contenders = []contender{
	{name: "keepalived", main: resident{"keepalived", storyHealth}},
	{name: "twinpath", main: resident{"twinpath", storyHealth}},
	{name: "twinpath, its own checks", main: resident{"twinpath", health{}}, only: "WAN black hole"},
}

// bout is one contender's house while it is hit.
type bout struct {
	*pair
	tb    testing.TB
	who   contender
	v     Virtual
	start time.Time
}

// respawn is what systemd waits before it starts a dead daemon again (RestartSec, its default).
const respawn = 100 * time.Millisecond

// standing is how long a fault lasts whose end decides how long several have the address.
const standing = 10 * time.Second

// deeds are the rows of the tables. Each one ends with what is to be measured over, and is undone by again.
var deeds = []struct {
	name  string
	do    func(*bout)
	again func(*bout)
}{
	{"clean stop", (*bout).stop, (*bout).restart},
	{"restart", (*bout).bounce, (*bout).nothing},
	{"kill -9, restarted after 0.1 s", (*bout).crash, (*bout).nothing},
	{"kill -9 of everything", (*bout).kill, (*bout).restart},
	{"SIGSTOP of everything", (*bout).freeze, (*bout).thaw},
	{"power off", (*bout).powerOff, (*bout).powerOn},
	{"cable of the LAN", (*bout).cut, (*bout).plug},
	{"WAN black hole", (*bout).blackhole, (*bout).nothing},
}

func (b *bout) nothing() {}

// gone waits until the other router has the address, and a while for what follows.
func (b *bout) gone() {
	b.await(b.tb, "backup has the address", func() bool { return !b.holders.Taken(b.start, "backup").IsZero() })
	must(b.tb, pause(b.tb.Context(), 1500*time.Millisecond))
}

// stood waits for a fixed time after the fault.
func (b *bout) stood() { must(b.tb, pause(b.tb.Context(), time.Until(b.start.Add(standing)))) }

func (b *bout) stop()    { must(b.tb, b.main.Stop()); b.gone() }
func (b *bout) restart() { must(b.tb, b.main.Restart(b.tb.Context())) }
func (b *bout) thaw()    { must(b.tb, b.main.Thaw()) }
func (b *bout) plug()    { must(b.tb, b.PlugLAN("main")) }

func (b *bout) bounce() {
	must(b.tb, b.main.Stop())
	b.restart()
	b.stood()
}

func (b *bout) crash() {
	if b.who.main.kind == "keepalived" {
		must(b.tb, b.main.KillAll())
	} else {
		must(b.tb, b.main.Kill())
	}
	must(b.tb, pause(b.tb.Context(), respawn))
	b.restart()
	b.stood()
}

func (b *bout) kill() {
	must(b.tb, b.main.KillAll())
	b.stood()
}

func (b *bout) freeze() {
	must(b.tb, b.main.Freeze())
	b.stood()
}

func (b *bout) powerOff() {
	must(b.tb, b.PowerOff("main"))
	b.gone()
}

func (b *bout) powerOn() {
	must(b.tb, b.PowerOn("main"))
	b.who.main.moveIn(b.tb, b.main, b.v.with(high), mainTargets)
}

func (b *bout) cut() {
	must(b.tb, b.CutLAN("main"))
	b.gone()
}

func (b *bout) blackhole() {
	must(b.tb, b.Blackhole("fibre", Beyond))
	b.carried(b.tb, "lte")
	b.gone()
}

// meet hits a contender's house with every fault and hands over what was felt.
func (c contender) meet(tb testing.TB, interval time.Duration, feels func(fault string, f felt)) {
	v := shared(high)
	v.Interval = interval
	b := &bout{pair: household(tb, c.main, c.main, v), tb: tb, who: c, v: v}
	for _, d := range deeds {
		if c.only != "" && c.only != d.name {
			continue
		}
		b.settle()
		f := b.feel(tb)
		must(tb, pause(tb.Context(), time.Duration(rand.Int64N(int64(interval))))) // adverts and checks have no fixed phase
		f.from = time.Now()
		b.start = f.from
		d.do(b)
		feels(d.name, f.end())
		d.again(b)
	}
}

// settle waits until the house is on its main router as at the beginning.
func (b *bout) settle() {
	b.held(b.tb, "main")
	b.saying(b.tb, high)
	b.carried(b.tb, "fibre")
	b.await(b.tb, "main alone speaks", func() bool { return b.speaksAlone("main", b.v.Interval) })
}
