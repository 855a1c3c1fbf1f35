package store

import (
	"math"
	"slices"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// states are those of a line from nothing to say to the worst. A step has the worst one that was seen in it.
var states = [...]string{health.Unknown.String(), health.Up.String(), health.Degraded.String(), health.Captive.String(), health.Down.String()}

// down is the worst state.
const down = uint8(len(states) - 1)

// cell is what a line was like for one step.
type cell struct {
	tick           int32   // the step's number; a cell of another number is of another day
	rtt, low, high uint32  // microseconds, 0 for none
	loss           float32 // share of the probes
	probes         uint16  // with an outcome; so many at most
	state          uint8   // index of states
	known, active  bool    // somebody looked; the line carried the house
	rx, tx         uint64
}

func (c *cell) see(w router.WANSnapshot) {
	c.known = true
	c.active = c.active || w.Active
	if i := slices.Index(states[:], w.State); i > int(c.state) {
		c.state = uint8(i)
	}
}

// count adds what became of probes, but not their median.
func (c *cell) count(s health.Span) {
	n := s.Answered + s.Lost
	if n == 0 {
		return
	}
	c.probed(n, float32(s.Lost)/float32(n))
	if s.Answered > 0 {
		c.between(micros(s.Min), micros(s.Max))
	}
}

// probed adds so many probes, of which this share was lost.
func (c *cell) probed(n int, loss float32) {
	if n == 0 {
		return
	}
	all := int(c.probes) + n
	c.loss = (c.loss*float32(c.probes) + loss*float32(n)) / float32(all)
	c.probes = uint16(min(all, math.MaxUint16))
}

// between adds the shortest and the longest of some round trips.
func (c *cell) between(low, high uint32) {
	if c.high == 0 || low < c.low {
		c.low = low
	}
	c.high = max(c.high, high)
}

// join adds another step. The round trip of all is the caller's.
func (c *cell) join(other cell) {
	if !other.known {
		return
	}
	c.known, c.active, c.state = true, c.active || other.active, max(c.state, other.state)
	c.probed(int(other.probes), other.loss)
	if other.high > 0 {
		c.between(other.low, other.high)
	}
	c.rx, c.tx = c.rx+other.rx, c.tx+other.tx
}

// sum is several steps as one. Its round trip is the median of theirs.
func sum(cells []cell) (whole cell) {
	medians := make([]uint32, 0, len(cells))
	for _, c := range cells {
		whole.join(c)
		if c.rtt > 0 {
			medians = append(medians, c.rtt)
		}
	}
	whole.rtt = middle(medians)
	return whole
}

// middle is the median of some round trips, which it sorts; 0 of none.
func middle(of []uint32) uint32 {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[len(of)/2]
}

// micros is a round trip in microseconds, and at least one of them: 0 is none.
func micros(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 1), math.MaxUint32))
}

// point shows the cell; nil when nobody looked.
func (c cell) point() *router.Point {
	if !c.known {
		return nil
	}
	p := &router.Point{
		RTT: milliseconds(c.rtt), MinRTT: milliseconds(c.low), MaxRTT: milliseconds(c.high),
		Loss: math.Round(float64(c.loss)*1e4) / 1e4, State: states[c.state], Active: c.active, Rx: c.rx, Tx: c.tx,
	}
	if c.probes == 0 && c.state == down {
		p.Loss = 1 // no cable, no address: there is nothing to probe with
	}
	return p
}

func milliseconds(micros uint32) router.Milliseconds {
	return router.Milliseconds(time.Duration(micros) * time.Microsecond)
}

// ring is the newest cells of a line.
type ring []cell

// at returns the cell of a step, a fresh one when it is the first time.
func (r ring) at(tick int64) *cell {
	c := &r[int(tick%int64(len(r)))]
	if c.tick != int32(tick) {
		*c = cell{tick: int32(tick)}
	}
	return c
}

// get returns the cell of a step from 0 on; an unknown one when it is not there.
func (r ring) get(tick int64) cell {
	if tick < 0 || len(r) == 0 {
		return cell{}
	}
	if c := r[int(tick%int64(len(r)))]; c.tick == int32(tick) {
		return c
	}
	return cell{}
}

// line is one WAN.
type line struct {
	name             string
	seen             int64 // the latest second in which it was there
	seconds, minutes ring
	medians          []uint32 // of the minute under way, ascending
	minute           int64
	meter            meter
}

func newLine(name string, tick int64) *line {
	return &line{name: name, seen: tick, seconds: make(ring, hour), minutes: make(ring, day)}
}

// see takes in how the line is in a second.
func (l *line) see(tick int64, w router.WANSnapshot) {
	l.seen = tick
	l.seconds.at(tick).see(w)
	l.minutes.at(tick / ratio).see(w)
}

// add puts what was counted into a second and its minute. The minute's median is that of its seconds.
func (l *line) add(tick int64, s health.Span, moved router.Traffic) {
	second, minute := l.seconds.at(tick), l.minutes.at(tick/ratio)
	for _, c := range [...]*cell{second, minute} {
		c.count(s)
		c.rx += moved.Rx
		c.tx += moved.Tx
	}
	if l.minute != tick/ratio {
		l.minute, l.medians = tick/ratio, l.medians[:0]
	}
	if s.Answered == 0 {
		return
	}
	second.rtt = micros(s.Median)
	at, _ := slices.BinarySearch(l.medians, second.rtt)
	l.medians = slices.Insert(l.medians, at, second.rtt)
	minute.rtt = l.medians[len(l.medians)/2]
}

// meter turns an interface's counters into what was carried since the last reading.
type meter struct {
	device string
	last   router.Traffic
}

// fastest is how many bytes a second are believed: 100 Gbit/s.
const fastest = 12.5e9

// read returns what a device has carried since the last reading of it. Counters that went back are those of a new interface with
// the old name (PPP, USB), or of one whose driver counts with 32 bits.
func (m *meter) read(device string, now router.Traffic, there bool, elapsed time.Duration) router.Traffic {
	if !there {
		*m = meter{}
		return router.Traffic{}
	}
	was := *m
	*m = meter{device, now}
	if was.device != device {
		return router.Traffic{}
	}
	if now.Rx < was.last.Rx || now.Tx < was.last.Tx {
		was.last = router.Traffic{}
	}
	moved := router.Traffic{Rx: now.Rx - was.last.Rx, Tx: now.Tx - was.last.Tx}
	if most := fastest * max(elapsed, minutes).Seconds(); float64(moved.Rx) > most || float64(moved.Tx) > most {
		return router.Traffic{}
	}
	return moved
}
