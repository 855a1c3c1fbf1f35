package site

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// The drawing's own units. It is stretched to the width there is; words stand beside it, so that they are not.
const (
	width     = 600
	latencies = 100 // height of the band
	lane      = 112 // where the lane of losses begins
	height    = 136
	finest    = 288 // points of a day: five minutes each
)

// graph is one line over one stretch of time.
type graph struct {
	Name, Span string // "24 hours"
	Number     int    // unique on the page
	Known      bool
	Top        float64 // ms at the upper edge
	From, Mid  time.Time
	Until      time.Time
	SVG        template.HTML
	Rows       []graphRow // the same as a table
}

// graphRow is a part of the graph in figures.
type graphRow struct {
	At    time.Time
	Known bool
	*router.Point
}

// draw makes a graph of points, oldest first, of which each stands for step. Number makes names unique on the page.
func draw(name, span string, points []*router.Point, step time.Duration, until time.Time, number, rows int) graph {
	g := graph{Name: name, Span: span, Number: number, Until: until, From: until.Add(-time.Duration(len(points)) * step)}
	g.Mid = g.From.Add(until.Sub(g.From) / 2)
	joined, _ := coarse(points, finest)
	g.Known = slices.ContainsFunc(joined, func(p *router.Point) bool { return p != nil })
	g.Top = top(joined)
	if !g.Known {
		return g
	}
	p := pen{points: joined, top: g.Top, number: number}
	g.SVG = template.HTML(p.svg(fmt.Sprintf("%s: latency and loss over the last %s", template.HTMLEscapeString(name), span)))
	coarser, n := coarse(points, rows)
	for i, c := range coarser {
		g.Rows = append(g.Rows, graphRow{At: until.Add(-time.Duration((len(coarser)-i)*n) * step), Known: c != nil, Point: c})
	}
	slices.Reverse(g.Rows)
	return g
}

// top is a round number above nearly all of the band: one slow answer in fifty must not flatten the rest.
func top(points []*router.Point) float64 {
	var highs []float64
	for _, p := range points {
		if p != nil && p.MaxRTT > 0 {
			highs = append(highs, ms(p.MaxRTT))
		}
	}
	if len(highs) == 0 {
		return 10
	}
	slices.Sort(highs)
	high := max(highs[len(highs)*49/50]*1.15, 5)
	unit := math.Pow(10, math.Floor(math.Log10(high)))
	for _, factor := range []float64{1, 2, 4, 5, 10} {
		if high <= factor*unit {
			return factor * unit
		}
	}
	return 10 * unit
}

func ms(m router.Milliseconds) float64 { return time.Duration(m).Seconds() * 1000 }

// pen draws points.
type pen struct {
	points []*router.Point
	top    float64
	number int
}

func (p pen) x(i int) float64 { return float64(i) * width / float64(len(p.points)) }

func (p pen) y(m router.Milliseconds) float64 {
	return latencies * (1 - min(ms(m)/p.top, 1))
}

func (p pen) svg(title string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s"><defs><pattern id="hatch-%d" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0v6"/></pattern></defs>`,
		width, height, title, p.number)
	fmt.Fprintf(&b, `<path class="grid" d="M0 .5H%d M0 %dH%d M0 %dH%d M0 %dH%d"/>`, width, latencies/2, width, latencies, width, height, width)
	p.gaps(&b)
	p.band(&b)
	p.losses(&b)
	b.WriteString(`</svg>`)
	return b.String()
}

// runs calls f with each stretch of points that are alike.
func (p pen) runs(alike func(*router.Point) bool, f func(from, to int)) {
	for i := 0; i < len(p.points); {
		if !alike(p.points[i]) {
			i++
			continue
		}
		from := i
		for i < len(p.points) && alike(p.points[i]) {
			i++
		}
		f(from, i)
	}
}

// gaps are hatched: nobody looked, which is neither good nor bad.
func (p pen) gaps(b *strings.Builder) {
	p.runs(func(o *router.Point) bool { return o == nil }, func(from, to int) {
		fmt.Fprintf(b, `<rect x="%s" y="0" width="%s" height="%d" fill="url(#hatch-%d)"/>`, short(p.x(from)), short(p.x(to)-p.x(from)), height, p.number)
	})
}

// band is from the fastest to the slowest answer, with the median in it.
func (p pen) band(b *strings.Builder) {
	p.runs(func(o *router.Point) bool { return o != nil && o.RTT > 0 }, func(from, to int) {
		var upper, lower, middle strings.Builder
		for i := from; i < to; i++ {
			o, left, right := p.points[i], short(p.x(i)), short(p.x(i+1))
			letter := "L"
			if i == from {
				letter = "M"
			}
			fmt.Fprintf(&upper, "%s%s %sH%s", letter, left, short(p.y(o.MaxRTT)), right)
			fmt.Fprintf(&middle, "%s%s %sH%s", letter, left, short(p.y(o.RTT)), right)
		}
		for i := to - 1; i >= from; i-- {
			fmt.Fprintf(&lower, "V%sH%s", short(p.y(p.points[i].MinRTT)), short(p.x(i)))
		}
		fmt.Fprintf(b, `<path class="band" d="%s%sz"/><path class="median" d="%s"/>`, upper.String(), lower.String(), middle.String())
	})
}

// losses hang in a lane of their own; the least is still seen.
func (p pen) losses(b *strings.Builder) {
	var d strings.Builder
	for i, o := range p.points {
		if o == nil || o.Loss <= 0 {
			continue
		}
		tall := max(o.Loss, 0.2) * (height - lane)
		fmt.Fprintf(&d, "M%s %dV%sH%sV%dz", short(p.x(i)), height, short(height-tall), short(p.x(i+1)), height)
	}
	if d.Len() > 0 {
		fmt.Fprintf(b, `<path class="loss" d="%s"/>`, d.String())
	}
}

// short writes a coordinate with one decimal at most.
func short(f float64) string {
	text := fmt.Sprintf("%.1f", f)
	return strings.TrimSuffix(text, ".0")
}

// strip is a day as one row of colours, of which the table in the graphs has the figures.
func strip(points []*router.Point, label string) template.HTML {
	joined, _ := coarse(points, finest)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="strip" viewBox="0 0 %d 10" preserveAspectRatio="none" role="img" aria-label="%s">`, width, template.HTMLEscapeString(label))
	p := pen{points: joined}
	for _, state := range []string{"", "up", "unknown", "degraded", "captive", "down"} {
		p.runs(func(o *router.Point) bool { return stateOf(o) == state }, func(from, to int) {
			fmt.Fprintf(&b, `<rect class="s-%s" x="%s" y="0" width="%s" height="10"/>`, class(state), short(p.x(from)), short(p.x(to)-p.x(from)))
		})
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// stateOf is a point's state, and none where nobody looked. A word that we do not know is as bad as can be.
func stateOf(p *router.Point) string {
	if p == nil {
		return ""
	}
	if badness(p.State) == 4 {
		return "down"
	}
	return p.State
}

// class is the colour of a line's state.
func class(state string) string {
	switch state {
	case "up":
		return "good"
	case "degraded", "captive":
		return "warn"
	case "":
		return "none"
	case "unknown":
		return "calm"
	}
	return "bad"
}

// covered is how much of the points is a state, as a sentence for those who do not see the strip.
func covered(points []*router.Point) string {
	n := map[string]int{}
	for _, p := range points {
		n[stateOf(p)]++
	}
	var parts []string
	for _, state := range []struct{ is, word string }{{"up", "up"}, {"degraded", "degraded"}, {"captive", "behind a login page"}, {"down", "down"}, {"unknown", "not known"}, {"", "no data"}} {
		if count := n[state.is]; count > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", share(float64(count)/float64(len(points))), state.word))
		}
	}
	return "The last 24 hours: " + strings.Join(parts, ", ")
}
