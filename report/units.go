package report

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// list is "a, b and c".
func list(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// Duration is a duration as people say it: its two largest units.
func Duration(d time.Duration) string {
	d = d.Round(time.Second)
	for _, u := range []struct {
		large, small         time.Duration
		largeName, smallName string
	}{{24 * time.Hour, time.Hour, "d", "h"}, {time.Hour, time.Minute, "h", "min"}, {time.Minute, time.Second, "min", "s"}} {
		if d < u.large {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.large, u.largeName)
		if rest := d % u.large / u.small; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, u.smallName)
		}
		return text
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// Bytes is an amount of data in powers of ten, as providers bill it.
func Bytes(n uint64) string { return scaled(float64(n), "B", "kB", "MB", "GB", "TB") }

// Rate is a speed in bits per second, as providers sell it, of one in bytes per second.
func Rate(n uint64) string {
	return scaled(float64(n)*8, "bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s")
}

func scaled(value float64, units ...string) string {
	for value >= 999.5 && len(units) > 1 {
		value, units = value/1000, units[1:]
	}
	if value < 9.95 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[0]
	}
	return fmt.Sprintf("%.0f %s", value, units[0])
}

// Percent is the availability, rounded down: it is 100 % only where nothing was lost.
func (t Total) Percent() string {
	if t.Watched == 0 {
		return "no data"
	}
	text := fmt.Sprintf("%.3f", math.Floor(t.Availability*1e5+1e-6)/1e3)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " %"
}

// milliseconds is a round trip.
func milliseconds(d time.Duration) string {
	ms := d.Seconds() * 1000
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// percent is a loss, which is never rounded to none.
func percent(part float64) string {
	switch {
	case part == 0:
		return "0 %"
	case part < 0.01:
		return fmt.Sprintf("%.1f %%", max(part*100, 0.1))
	}
	return fmt.Sprintf("%.0f %%", part*100)
}

// zone is a moment's distance from UTC, which needs no table to be understood.
func zone(t time.Time) string {
	if _, seconds := t.Zone(); seconds == 0 {
		return "UTC"
	}
	return "UTC" + t.Format("-07:00")
}

// plain is a text of others in one line, without what steers a terminal or turns the direction of writing.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
