package site

import (
	"fmt"
	"html/template"
	"math"
	"time"

	"github.com/twinpath/twinpath/router"
)

// icon is a picture of 24 by 24 in the colour of its text. Words stand beside it, so that it is hidden from those who hear the page.
func icon(name string) (template.HTML, error) {
	paths := map[string]string{
		"up":       `<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.7L16.2 9.5"/>`,
		"degraded": `<path d="M12 4 2.9 19.5h18.2z"/><path d="M12 10v4.5M12 17v.1"/>`,
		"down":     `<circle cx="12" cy="12" r="9"/><path d="m9 9 6 6m0-6-6 6"/>`,
		"unknown":  `<circle cx="12" cy="12" r="9"/><path d="M9.6 9.6a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.2.9-1.2 1.8M12 16.7v.1"/>`,
		"captive":  `<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>`,
		"backup":   `<circle cx="12" cy="12" r="9"/><path d="M8 10h7m0 0-2.2-2.2M15 10l-2.2 2.2M16 14.5H9"/>`,
		"active":   `<path d="M5 12h13m0 0-5-5m5 5-5 5"/>`,
		"silent":   `<path d="M4 4l16 16M8.5 16a5 5 0 0 1 5-1.3M5 12.5a9.6 9.6 0 0 1 4-2.4M19 12.5a9.7 9.7 0 0 0-5-2.7M12 19.5v.1"/>`,
		"clock":    `<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.2 2"/>`,
		"off":      `<path d="M12 4v8"/><path d="M7.5 6.8a7.5 7.5 0 1 0 9 0"/>`,
		"new":      `<circle cx="12" cy="12" r="9"/><path d="M12 16.5v-9m0 0-3.5 3.5M12 7.5l3.5 3.5"/>`,
		"undone":   `<path d="M8 5 4 9l4 4"/><path d="M4 9h10a5.5 5.5 0 0 1 0 11H9"/>`,
		"disk":     `<ellipse cx="12" cy="6.5" rx="8" ry="3"/><path d="M4 6.5v11c0 1.7 3.6 3 8 3s8-1.3 8-3v-11M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"/>`,
		"data":     `<path d="M5 20V10m7 10V4m7 16v-7"/>`,
		"drill":    `<path d="M5 21V4m0 1h12l-2.5 4L17 13H5"/>`,
		"bell":     `<path d="M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 21h4"/>`,
		"pair":     `<rect x="3" y="8" width="7" height="8" rx="1.5"/><rect x="14" y="8" width="7" height="8" rx="1.5"/><path d="M10 12h4"/>`,
	}
	path, ok := paths[name]
	if !ok {
		return "", fmt.Errorf("there is no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">` + path + `</svg>`), nil
}

// when is a moment: a script shows it in the reader's own zone, and "today" without its date.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return "never"
	}
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `">` + t.Local().Format("2 Jan 15:04") + `</time>`)
}

// clock is a moment of which the time of day is enough.
func clock(t time.Time) template.HTML {
	return template.HTML(`<time data-short datetime="` + t.UTC().Format(time.RFC3339) + `">` + t.Local().Format("15:04") + `</time>`)
}

// span is a duration as people say it: its two largest units at most.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return twoUnits(d, time.Minute, "min", time.Second, "s")
	case d < 24*time.Hour:
		return twoUnits(d, time.Hour, "h", time.Minute, "min")
	}
	return twoUnits(d, 24*time.Hour, "d", time.Hour, "h")
}

func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d %s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

// octets is an amount of data in the units that providers bill in (powers of ten).
func octets(n uint64) string {
	value, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for value >= 1000 && len(units) > 1 {
		value, units = value/1000, units[1:]
	}
	if value >= 100 || units[0] == "B" {
		return fmt.Sprintf("%.0f %s", value, units[0])
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}

// milliseconds is a round trip; nothing was measured where it is zero.
func milliseconds(m router.Milliseconds) string {
	ms := time.Duration(m).Seconds() * 1000
	switch {
	case ms == 0:
		return "–"
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// share is a part of one in per cent. A loss is never rounded to none.
func share(part float64) string {
	percent := part * 100
	switch {
	case percent == 0:
		return "0 %"
	case percent < 1:
		return fmt.Sprintf("%.1f %%", math.Max(percent, 0.1))
	}
	return fmt.Sprintf("%.0f %%", percent)
}
