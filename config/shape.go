package config

import (
	"strconv"
	"strings"

	"github.com/twinpath/twinpath/router"
)

func shapeKeys() keys[router.Shape] {
	return keys[router.Shape]{
		{"down", func(s *router.Shape, v value) { s.Down = v.rate() }},
		{"up", func(s *router.Shape, v value) { s.Up = v.rate() }},
	}
}

// rate reads bits per second as lines are sold: "50Mbit", "1.5Mbit", "800kbit", "1Gbit".
func (v value) rate() uint64 {
	const least, most = 64e3, 100e9 // a modem's, and more than any port
	text := v.text(32)
	if text == "" {
		return 0
	}
	for _, u := range [...]struct {
		name string
		bits float64
	}{{"kbit", 1e3}, {"Mbit", 1e6}, {"Gbit", 1e9}} {
		number, is := strings.CutSuffix(text, u.name)
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if !is || err != nil {
			continue
		}
		if bits := n * u.bits; bits >= least && bits <= most {
			return uint64(bits)
		}
		v.problem("", "%s is not between 64kbit and 100Gbit", quote(text))
		return 0
	}
	v.problem(`for example "50Mbit"`, "%s is not a rate in kbit, Mbit or Gbit", quote(text))
	return 0
}
