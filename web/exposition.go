package web

import (
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/twinpath/twinpath/health"
)

// exposition is the text being written, families of samples: in Prometheus's text format 0.0.4 or, when open, in OpenMetrics 1.0.0.
type exposition struct {
	strings.Builder
	open   bool
	family string
	seen   []string // the label sets of the family: one that comes twice would spoil the whole text
}

// label is one of a sample's labels.
type label struct{ name, value string }

// kind is the text's media type.
func (m *exposition) kind() string {
	if m.open {
		return "application/openmetrics-text; version=1.0.0; charset=utf-8"
	}
	return "text/plain; version=0.0.4; charset=utf-8"
}

// begin starts a family. Kind is gauge, counter or histogram; the name of a counter ends in _total. OpenMetrics has that at its
// samples only, and wants the unit said.
func (m *exposition) begin(name, kind, help string) {
	m.family, m.seen = "twinpath_"+name, nil
	shown := m.family
	if m.open && kind == "counter" {
		shown = strings.TrimSuffix(shown, "_total")
	}
	fmt.Fprintf(m, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", shown, help, kind)
	for _, unit := range [...]string{"seconds", "bytes", "ratio"} {
		if m.open && strings.HasSuffix(shown, "_"+unit) {
			fmt.Fprintf(m, "# UNIT %s %s\n", shown, unit)
		}
	}
}

// end returns the whole text.
func (m *exposition) end() string {
	if m.open {
		m.WriteString("# EOF\n")
	}
	return m.String()
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// joined is a label set as samples have it, without its braces.
func joined(labels []label) string {
	all := make([]string, len(labels))
	for i, l := range labels {
		all[i] = l.name + `="` + quoting.Replace(l.value) + `"`
	}
	return strings.Join(all, ",")
}

func (m *exposition) sample(value float64, labels ...label) {
	set := joined(labels)
	if slices.Contains(m.seen, set) {
		return
	}
	m.seen = append(m.seen, set)
	m.line("", set, strconv.FormatFloat(value, 'f', -1, 64))
}

func (m *exposition) line(suffix, set, value string) {
	if set != "" {
		set = "{" + set + "}"
	}
	m.WriteString(m.family + suffix + set + " " + value + "\n")
}

// histogram writes round trips: how many took no longer than each bound, all of them, and their sum.
func (m *exposition) histogram(c health.Counts, labels ...label) {
	set := joined(labels)
	if slices.Contains(m.seen, set) {
		return
	}
	m.seen = append(m.seen, set)
	bucket := func(bound string, n uint64) {
		m.line("_bucket", joined(append(slices.Clip(labels), label{"le", bound})), strconv.FormatUint(n, 10))
	}
	n := uint64(0)
	for i, bound := range health.Bounds() {
		n += c.Buckets[i]
		text := strconv.FormatFloat(bound.Seconds(), 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0" // the one spelling that OpenMetrics has for it
		}
		bucket(text, n)
	}
	bucket("+Inf", c.Answered)
	m.line("_sum", set, strconv.FormatFloat(c.Sum.Seconds(), 'f', -1, 64))
	m.line("_count", set, strconv.FormatUint(c.Answered, 10))
}

// states writes a sample for each state that there is: 1 for the one that holds, 0 for the others.
func (m *exposition) states(all []string, now string, labels ...label) {
	for _, state := range all {
		m.sample(truth(state == now), append(slices.Clip(labels), label{"state", state})...)
	}
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// PrefersOpenMetrics reports whether a reader that asks by these Accept headers (RFC 9110, §12.5.1) names OpenMetrics and likes
// nothing else that we have better. Who names nothing gets the older text, as ever.
func PrefersOpenMetrics(accept []string) bool {
	open, plain := 0.0, 0.0
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		kind, with, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if text, there := with["q"]; there {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		switch v := with["version"]; {
		case kind == "application/openmetrics-text" && (v == "" || v == "1.0.0"):
			open = max(open, q)
		case kind == "text/plain" && (v == "" || v == "0.0.4"):
			plain = max(plain, q)
		}
	}
	return open > 0 && open >= plain
}
