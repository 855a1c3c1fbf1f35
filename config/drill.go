package config

import (
	"net/url"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// What a rehearsal uses unless the file says otherwise. The fetch is of a megabyte, from a service that measures lines for everybody
// and is near everywhere; nobody is awake at ten past four on a Sunday, and few things run on the full hour's heels.
const (
	defaultFetch = "https://speed.cloudflare.com/__down?bytes=1000000"
	defaultDay   = time.Sunday
	defaultAt    = 4*time.Hour + 10*time.Minute
)

func drillKeys() keys[router.Drill] {
	return keys[router.Drill]{
		{"weekly", func(d *router.Drill, v value) { v.weekly(d) }},
		{"fetch", func(d *router.Drill, v value) { d.Fetch = v.fetched() }},
		{"name", func(d *router.Drill, v value) { d.Name = v.hostName() }},
	}
}

// settleDrill fills in what the file leaves out. With a single line there is nothing to rehearse.
func settleDrill(r *reading, cfg *router.Config) {
	if len(cfg.WANs) == 0 {
		return
	}
	d := &cfg.Drill
	if !r.has("drill.weekly") && len(cfg.WANs) > 1 {
		d.On, d.Day, d.At = true, defaultDay, defaultAt
	}
	if d.Fetch == "" {
		d.Fetch = defaultFetch
	}
	if u, err := url.Parse(d.Fetch); err == nil && d.Name == "" {
		d.Name = u.Hostname()
	}
}

// weekly reads "off", or a day of the week and a time of the day.
func (v value) weekly(d *router.Drill) {
	const hint = `for example "sun 04:10", or "off"`
	text, ok := v.raw.(string)
	if !ok {
		v.problem(hint, "must be text, not %s", v.kind())
		return
	}
	if text == "off" {
		return
	}
	word, clock, _ := strings.Cut(text, " ")
	day := weekday(word)
	at, err := time.Parse("15:04", clock)
	if day < 0 || err != nil {
		v.problem(hint, "%s is not a day and a time", quote(text))
		return
	}
	d.On, d.Day, d.At = true, day, time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute
}

// weekday returns the day of a word such as "sun", -1 for none.
func weekday(word string) time.Weekday {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if word == strings.ToLower(day.String()[:3]) {
			return day
		}
	}
	return -1
}

// fetched reads the URL of what a rehearsal fetches.
func (v value) fetched() string {
	const hint = `for example "https://speed.cloudflare.com/__down?bytes=1000000"`
	text := v.text(2048)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		v.problem(hint, "%s is not a URL", quote(text))
	case u.Scheme != "http" && u.Scheme != "https" || !isTarget(u.Hostname()):
		v.problem(hint, "%s is not an http:// or https:// URL", quote(text))
	case u.Port() != "" && port(u.Port()) == 0:
		v.problem("", "%s names no valid port", quote(text))
	case u.User != nil:
		v.problem("", "a rehearsal sends no password; leave it out of the URL")
	default:
		return text
	}
	return ""
}
