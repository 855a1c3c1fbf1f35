package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// maxChannels is how many channels [alert] may name. Chosen here: more is a mailing list.
const maxChannels = 16

func alertKeys() keys[router.Alert] {
	return keys[router.Alert]{
		{"wait", func(a *router.Alert, v value) { a.Wait = v.duration(0, time.Hour) }},
		{"to", func(a *router.Alert, v value) { tables(v, maxChannels, alertToKeys(), &a.To) }},
	}
}

func alertToKeys() keys[router.AlertTo] {
	return keys[router.AlertTo]{
		{"url", func(t *router.AlertTo, v value) { t.URL = v.channel() }},
		{"events", func(t *router.AlertTo, v value) {
			v.some(func(v value) { t.Events = append(t.Events, v.choice("wan", "vrrp", "router")) })
		}},
	}
}

// alert looks at the channels beside each other, none of whose URLs may appear in a problem.
func (r *reading) alert(a router.Alert) {
	first := map[string]string{}
	for i, to := range a.To {
		at := element("alert.to", i)
		r.wants(at, "url", `for example url = "ntfy://ntfy.sh/a-topic-that-nobody-guesses"`)
		if to.URL == "" {
			continue
		}
		if other, twice := first[to.URL]; twice {
			r.problem(join(at, "url"), "name all its events in one [[alert.to]]", "is given twice: also %s in line %d", other, r.lines.of(other))
			continue
		}
		first[to.URL] = join(at, "url")
	}
}

// channels are the services that messages can go to, as the scheme of a URL names them.
var channels = [...]string{"ntfy", "telegram", "smtp", "pushover", "discord", "slack", "gotify", "matrix", "mqtt", "https"}

// channel reads the URL of an alert channel. It holds tokens and passwords, so no part of it but a known scheme appears in a problem.
func (v value) channel() string {
	const hint = `for example "ntfy://ntfy.sh/a-topic-that-nobody-guesses"`
	text := v.secret(2048)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		v.problem(hint, "is not a URL")
	case u.Scheme == "http":
		// A webhook's URL is its password: in the clear it may cross the house only.
		if a, err := netip.ParseAddr(u.Hostname()); err != nil || !a.IsPrivate() {
			v.problem("use https://; http:// only to an address in the house, such as http://192.168.1.10:8123/…", "is not encrypted")
			return ""
		}
		return text
	case !slices.Contains(channels[:], u.Scheme):
		v.problem("known are "+strings.Join(channels[:], ", "), "names no known service")
	default:
		return text
	}
	return ""
}
