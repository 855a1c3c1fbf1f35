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
	tick           int64 // the step's number; a cell of another number is of another day
	known          bool  // somebody looked
	state          uint8 // index of states
	active         bool
	rtt, low, high uint32  // microseconds, 0 for none
	probes         uint32  // with an outcome
	loss           float32 // share of them
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
	n := uint32(s.Answered + s.Lost)
	if n == 0 {
		return
	}
	c.loss = (c.loss*float32(c.probes) + float32(s.Lost)) / float32(c.probes+n)
	c.probes += n
	if s.Answered == 0 {
		return
	}
	if low := micros(s.Min); c.high == 0 || low < c.low {
		c.low = low
	}
	c.high = max(c.high, micros(s.Max))
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

// cellOf is a cell that shows as the point, as an earlier run wrote it.
func cellOf(p *router.Point) cell {
	if p == nil {
		return cell{}
	}
	c := cell{known: true, active: p.Active, loss: float32(p.Loss), probes: 1, rx: p.Rx, tx: p.Tx}
	c.state = uint8(max(slices.Index(states[:], p.State), 0))
	for _, value := range [...]struct {
		to   *uint32
		from router.Milliseconds
	}{{&c.rtt, p.RTT}, {&c.low, p.MinRTT}, {&c.high, p.MaxRTT}} {
		if value.from > 0 {
			*value.to = micros(time.Duration(value.from))
		}
	}
	return c
}

// ring is the newest cells of a line.
type ring []cell

// at returns the cell of a step, a fresh one when it is the first time.
func (r ring) at(tick int64) *cell {
	c := &r[int(tick%int64(len(r)))]
	if c.tick != tick {
		*c = cell{tick: tick}
	}
	return c
}

// get returns the cell of a step from 0 on; an unknown one when it is not there.
func (r ring) get(tick int64) cell {
	if c := r[int(tick%int64(len(r)))]; c.tick == tick {
		return c
	}
	return cell{}
}

// line is one WAN.
type line struct {
	name          string
	seen          int64 // the latest step in which it was there
	tens, minutes ring
	medians       []uint32 // of the minute under way
	minute        int64
	meter         meter
}

func newLine(name string, tick int64) *line {
	return &line{name: name, seen: tick, tens: make(ring, hour), minutes: make(ring, day)}
}

// add puts what was counted into a step and its minute. The minute's median is that of its tens.
func (l *line) add(tick int64, s health.Span, moved router.Traffic) {
	ten, minute := l.tens.at(tick), l.minutes.at(tick/ratio)
	for _, c := range [...]*cell{ten, minute} {
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
	ten.rtt = micros(s.Median)
	l.medians = append(l.medians, ten.rtt)
	slices.Sort(l.medians)
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
	if most := fastest * max(elapsed, tens).Seconds(); float64(moved.Rx) > most || float64(moved.Tx) > most {
		return router.Traffic{}
	}
	return moved
}
