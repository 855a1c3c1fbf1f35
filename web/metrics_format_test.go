package web

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// parser reads one of the two formats as their specifications have it, and nothing laxer: Prometheus text 0.0.4, OpenMetrics 1.0.0.
type parser struct {
	open     bool
	kinds    map[string]string
	meta     map[string]bool // "# HELP name": each once
	family   string
	done     map[string]bool // families that are over: none comes back
	series   map[string]bool
	values   map[string]float64
	finished bool
}

var (
	metaLine   = regexp.MustCompile(`^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)$`)
	labelPart  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)`)
)

func parse(text string, open bool) (*parser, error) {
	p := &parser{open: open, kinds: map[string]string{}, meta: map[string]bool{}, done: map[string]bool{}, series: map[string]bool{}, values: map[string]float64{}}
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line does not end")
	}
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w: %s", n+1, err, line)
		}
	}
	if open != p.finished {
		return nil, fmt.Errorf("EOF: %t", p.finished)
	}
	return p, p.histograms()
}

func (p *parser) line(line string) error {
	switch {
	case p.finished:
		return fmt.Errorf("after the end")
	case line == "# EOF" && p.open:
		p.finished = true
		return nil
	case strings.HasPrefix(line, "#"):
		return p.describe(line)
	}
	return p.sample(line)
}

func (p *parser) describe(line string) error {
	m := metaLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("not understood")
	}
	what, name, rest := m[1], m[2], m[3]
	if name != p.family {
		if p.done[name] {
			return fmt.Errorf("the family comes twice")
		}
		p.family, p.done[name] = name, true
	}
	if p.meta[what+name] {
		return fmt.Errorf("%s comes twice", what)
	}
	p.meta[what+name] = true
	switch {
	case what == "TYPE" && !slices.Contains([]string{"gauge", "counter", "histogram"}, rest):
		return fmt.Errorf("no type")
	case what == "TYPE" && rest == "counter" && p.open == strings.HasSuffix(name, "_total"):
		return fmt.Errorf("_total is at the wrong place")
	case what == "TYPE":
		p.kinds[name] = rest
	case what == "UNIT" && (!p.open || !strings.HasSuffix(name, "_"+rest)):
		return fmt.Errorf("no unit of that name")
	}
	return nil
}

func (p *parser) sample(line string) error {
	m := sampleLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("not a sample")
	}
	suffix, ours := strings.CutPrefix(m[1], p.family)
	fits := map[string][]string{"gauge": {""}, "histogram": {"_bucket", "_sum", "_count"}, "counter": {map[bool]string{true: "_total"}[p.open]}}
	if kind := p.kinds[p.family]; !ours || !slices.Contains(fits[kind], suffix) {
		return fmt.Errorf("not a sample of %s %s", p.kinds[p.family], p.family)
	}
	names := map[string]bool{}
	for rest := m[2]; rest != ""; {
		l := labelPart.FindStringSubmatch(rest)
		if l == nil || names[l[1]] {
			return fmt.Errorf("labels")
		}
		names[l[1]] = true
		rest = rest[len(l[0]):]
	}
	value, err := strconv.ParseFloat(m[3], 64)
	if err != nil || p.kinds[p.family] != "gauge" && value < 0 {
		return fmt.Errorf("value")
	}
	if suffix == "_bucket" != names["le"] {
		return fmt.Errorf("le")
	}
	id := m[1] + "{" + m[2] + "}"
	if p.series[id] {
		return fmt.Errorf("comes twice")
	}
	p.series[id], p.values[id] = true, value
	return nil
}

var bucketOf = regexp.MustCompile(`^(.*)_bucket\{(.*?),?le="([^"]+)"\}$`)

// histograms looks that the buckets of each rise in their bounds and their values, up to the count.
func (p *parser) histograms() error {
	type step struct{ bound, n float64 }
	all := map[string][]step{}
	for id, n := range p.values {
		m := bucketOf.FindStringSubmatch(id)
		if m == nil {
			continue
		}
		bound, err := strconv.ParseFloat(m[3], 64)
		if err != nil || p.open && m[3] != "+Inf" && !strings.Contains(m[3], ".") {
			return fmt.Errorf("bound %q", m[3])
		}
		all[m[1]+"|"+m[2]] = append(all[m[1]+"|"+m[2]], step{bound, n})
	}
	for key, steps := range all {
		name, labels, _ := strings.Cut(key, "|")
		slices.SortFunc(steps, func(a, b step) int { return map[bool]int{true: -1, false: 1}[a.bound < b.bound] })
		for i := 1; i < len(steps); i++ {
			if steps[i].n < steps[i-1].n {
				return fmt.Errorf("%s: not cumulative at %v", key, steps[i].bound)
			}
		}
		last := steps[len(steps)-1]
		count, there := p.values[name+"_count{"+labels+"}"]
		if sum := p.series[name+"_sum{"+labels+"}"]; !sum || !there || last.n != count || !(last.bound > 1e300) {
			return fmt.Errorf("%s: %+v, %v of them", key, last, count)
		}
	}
	return nil
}

func TestTheParserIsStrict(t *testing.T) {
	const good = "# HELP a_seconds A.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n" +
		"a_seconds_bucket{x=\"1\",le=\"0.5\"} 1\na_seconds_bucket{x=\"1\",le=\"+Inf\"} 2\na_seconds_sum{x=\"1\"} 3\na_seconds_count{x=\"1\"} 2\n" +
		"# HELP b B.\n# TYPE b counter\nb_total 1\nb_total{y=\"\\\"\\n\\\\\"} 1\n# EOF\n"
	if _, err := parse(good, true); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"# EOF\n", ""}, {"# EOF\n", "# EOF\nb_total 1\n"}, {"b_total 1\n", "b 1\n"}, {"b_total 1\n", "b_total 1\nb_total 1\n"}, {"b_total 1\n", "c_total 1\n"},
		{"TYPE b counter", "TYPE b_total counter"}, {"TYPE b counter", "TYPE b meter"}, {"HELP b B.", "HELP a_seconds B."}, {"UNIT a_seconds seconds", "UNIT a_seconds bytes"},
		{`le="+Inf"} 2`, `le="+Inf"} 0`}, {`le="+Inf"} 2`, `le="+Inf"} 3`}, {`le="+Inf"`, `le="1.0"`}, {`le="0.5"`, `le="1"`}, {"a_seconds_sum{x=\"1\"} 3\n", ""},
		{`x="1",le="0.5"`, `x="1"`}, {`\n\\`, `\t\\`}, {"b_total 1\n", "b_total -1\n"}, {"b_total 1\n", "b_total one\n"}, {"# HELP b B.\n", "# HELP b B.\n# HELP b B.\n"}, {"b_total 1\n", "b_total  1\n"},
	} {
		if _, err := parse(strings.Replace(good, c[0], c[1], 1), true); err == nil {
			t.Errorf("%q for %q was taken", c[1], c[0])
		}
	}
	for _, text := range []string{good, "# TYPE a gauge\na 1", "# TYPE a counter\na_total 1\n"} {
		if _, err := parse(text, false); err == nil {
			t.Errorf("taken as the other format: %q", text)
		}
	}
}
