package lab

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// figures are the same thing measured several times.
type figures []float64

func (f figures) median() float64 {
	sorted := slices.Sorted(slices.Values(f))
	if len(sorted) == 0 {
		return math.NaN()
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// text shows the smallest, the middle and the largest value.
func (f figures) text(format string) string {
	if len(f) == 0 {
		return "none"
	}
	return fmt.Sprintf(strings.ReplaceAll("# / # / #", "#", format), slices.Min(f), f.median(), slices.Max(f))
}

// by divides by the figures of the same rounds, so that what slowed a whole round cancels out.
func (f figures) by(other figures) figures {
	var ratios figures
	for i := range min(len(f), len(other)) {
		ratios = append(ratios, f[i]/other[i])
	}
	return ratios
}

// less subtracts the figures of the same rounds.
func (f figures) less(other figures) figures {
	var rest figures
	for i := range min(len(f), len(other)) {
		rest = append(rest, f[i]-other[i])
	}
	return rest
}

// note prints one line of results. The benchmark's own log is cut after ten.
func note(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// only leaves one metric to the benchmark's own line: the time of one pass says nothing.
func only(b *testing.B, value float64, unit string) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(value, unit)
}

// load is the machine's load average, which stands beside figures of a shared machine.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
