package config

import (
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

// maxChannels is how many channels [alert] may name. Chosen here: more is a mailing list.
const maxChannels = 16

func alertKeys() keys[router.Alert] {
	return keys[router.Alert]{
		{"wait", func(a *router.Alert, v value) { a.Wait = v.duration(0, time.Hour) }},
		{"remind", func(a *router.Alert, v value) { a.Remind = v.duration(0, 31*24*time.Hour) }},
		{"heartbeat", func(a *router.Alert, v value) { a.Heartbeat = v.secretPage() }},
		{"heartbeat_every", func(a *router.Alert, v value) { a.Every = v.duration(time.Minute, 24*time.Hour) }},
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

// hearts finds one watch for two things, which would never notice that one of them has stopped.
func (r *reading) hearts(cfg router.Config) {
	first := map[string]string{}
	if cfg.Alert.Heartbeat != "" {
		first[cfg.Alert.Heartbeat] = "alert.heartbeat"
	}
	for i, w := range cfg.WANs {
		at := join(element("wan", i), "heartbeat")
		if other, twice := first[w.Heartbeat]; twice {
			r.problem(at, "make a watch for each", "is given twice: also %s in line %d", other, r.lines.of(other))
		} else if w.Heartbeat != "" {
			first[w.Heartbeat] = at
		}
	}
}

// channel reads the URL of an alert channel. It holds tokens and passwords, so no part of it but a known scheme appears in a problem.
func (v value) channel() string {
	text := v.secret(2048)
	if text == "" {
		return ""
	}
	if _, err := channel.Parse(text); err != nil {
		what, hint, _ := strings.Cut(err.Error(), "\nhint: ")
		v.problem(hint, "cannot be used: %s", what)
		return ""
	}
	if u, err := url.Parse(text); err != nil || u.Scheme == "http" && !private(u.Hostname()) {
		v.problem("use https://; http:// only to an address in the house, such as http://192.168.1.10:8123/…", "is not encrypted")
		return ""
	}
	return text
}

// secretPage reads the URL of a page whose address is its only password: whoever knows it can keep the watch from barking.
func (v value) secretPage() string {
	text := v.secret(2048)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || !isTarget(u.Hostname()) || u.Port() != "" && port(u.Port()) == 0:
		v.problem(`for example "https://hc-ping.com/…"`, "is not an https:// URL")
	case u.Scheme == "http" && !private(u.Hostname()):
		v.problem("use https://; http:// only to an address in the house", "is not encrypted")
	default:
		return text
	}
	return ""
}

// private reports whether host is an address that the Internet does not have: what is sent there in the clear stays in the house. A
// name is none, whatever it ends in: who answers it is up to the name server.
func private(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsPrivate()
}
