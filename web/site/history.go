package site

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/router"
)

// newest is the end of what was measured.
func newest(m *router.Measures, last time.Duration) router.Measures {
	n := int(last / step(m))
	out := router.Measures{Step: m.Step, Until: m.Until, WANs: []router.MeasuredWAN{}}
	for _, w := range m.WANs {
		if len(w.Points) > n {
			w.Points = w.Points[len(w.Points)-n:]
		}
		out.WANs = append(out.WANs, w)
	}
	return out
}

func step(m *router.Measures) time.Duration { return time.Duration(m.Step) * time.Second }

// coarse joins points, so that there are at most n. What nobody looked at stays nothing; of the rest a joined point has the
// worst state, the extremes and the mean loss.
func coarse(points []*router.Point, n int) (joined []*router.Point, each int) {
	each = max(1, (len(points)+n-1)/n)
	points = points[len(points)%each:] // the newest end at the right edge, be the oldest one incomplete
	for ; len(points) >= each; points = points[each:] {
		joined = append(joined, join(points[:each]))
	}
	return joined, each
}

func join(points []*router.Point) *router.Point {
	var out *router.Point
	answered, looked := router.Milliseconds(0), 0
	for _, p := range points {
		if p == nil {
			continue
		}
		if out == nil {
			out = &router.Point{State: p.State}
		}
		looked++
		out.Loss += p.Loss
		out.Rx, out.Tx, out.Active = out.Rx+p.Rx, out.Tx+p.Tx, out.Active || p.Active
		out.State = worse(out.State, p.State)
		if p.RTT > 0 {
			answered++
			out.RTT += p.RTT
			out.MaxRTT = max(out.MaxRTT, p.MaxRTT)
			if out.MinRTT == 0 || p.MinRTT < out.MinRTT {
				out.MinRTT = p.MinRTT
			}
		}
	}
	if out != nil {
		out.Loss /= float64(looked)
		out.RTT /= max(answered, 1)
	}
	return out
}

// badness orders the states of a line.
func badness(state string) int {
	switch state {
	case "up":
		return 0
	case "unknown":
		return 1
	case "degraded":
		return 2
	case "captive":
		return 3
	}
	return 4
}

func worse(a, b string) string {
	if badness(b) > badness(a) {
		return b
	}
	return a
}

// total is what a line was like over a while: nothing where nobody looked.
type total struct {
	Known  bool
	RTT    router.Milliseconds // the median of the points
	Loss   float64
	Rx, Tx uint64
	Looked time.Duration
}

func sum(points []*router.Point, step time.Duration) total {
	var t total
	var rtts []router.Milliseconds
	n := 0
	for _, p := range points {
		if p == nil {
			continue
		}
		n++
		t.Loss += p.Loss
		t.Rx, t.Tx = t.Rx+p.Rx, t.Tx+p.Tx
		if p.RTT > 0 {
			rtts = append(rtts, p.RTT)
		}
	}
	if n == 0 {
		return t
	}
	t.Known, t.Loss, t.Looked = true, t.Loss/float64(n), time.Duration(n)*step
	if len(rtts) > 0 {
		slices.Sort(rtts)
		t.RTT = rtts[len(rtts)/2]
	}
	return t
}

// measuredOf is one line's part, nil where nothing was measured.
func measuredOf(m *router.Measures, name string) []*router.Point {
	if m == nil {
		return nil
	}
	for _, w := range m.WANs {
		if w.Name == name {
			return w.Points
		}
	}
	return nil
}
