package channel

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// shown is what may be seen of a channel: the service, and the host where the owner chose one.
func shown(u *url.URL) string {
	if hosted(u.Scheme) {
		return u.Scheme + "://" + u.Host + "/…"
	}
	return u.Scheme + "://…" // the host is a part of what opens it
}

// hosted reports whether the host of this scheme's URLs is where the message goes. In the others it is part of a secret, or nothing.
func hosted(scheme string) bool {
	return slices.Contains([]string{"ntfy", "gotify", "matrix", "mattermost", "smtp", "smtps", "mqtt", "mqtts", "http", "https"}, scheme)
}

// secrets are the parts of a URL that must not come back in an answer. Short ones would blot out words.
func secrets(u *url.URL) []string {
	password, _ := u.User.Password()
	parts := append(strings.Split(u.Path, "/"), password)
	if password == "" { // a key that stands where others have a name
		name := u.User.Username()
		parts = append(parts, name, base64.StdEncoding.EncodeToString([]byte(name+":")))
	}
	if password != "" {
		// As they go over the line: RFC 7617, and PLAIN and LOGIN of a mail server.
		for _, said := range [...]string{u.User.Username() + ":" + password, "\x00" + u.User.Username() + "\x00" + password, password} {
			parts = append(parts, base64.StdEncoding.EncodeToString([]byte(said)))
		}
	}
	switch u.Scheme {
	case "discord", "pushover":
		parts = append(parts, u.User.Username(), u.Host)
	case "slack":
		parts = append(parts, strings.Split(password, "-")...) // as shoutrrr writes it
		if password == "" {
			parts = append(parts, u.Host)
		}
	case "http", "https":
		parts = append(parts, u.RawQuery)
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	if slices.Contains(Shouted(), u.Scheme) {
		parts = append(parts, strings.FieldsFunc(u.Host+" "+u.RawQuery, func(r rune) bool { return strings.ContainsRune(" =&,;:.@", r) })...)
	}
	for _, s := range parts {
		parts = append(parts, url.QueryEscape(s), url.PathEscape(s))
	}
	slices.Sort(parts)
	return slices.DeleteFunc(slices.Compact(parts), func(s string) bool { return len(s) < part || s == "shoutrrr" })
}

// part is the shortest piece of a secret that is one: shorter ones are in words.
const part = 6

// scrub takes out secrets that came back, as they are or as URLs have them, and pieces of them: who sends back what it got
// may have got no more.
func (c *Channel) scrub(text string) string {
	var kept strings.Builder
	for text != "" {
		n := 0
		for _, s := range c.secrets {
			n = max(n, shared(text, s))
		}
		if n >= part {
			kept.WriteString("…")
		} else {
			n = 1
			kept.WriteString(text[:n])
		}
		text = text[n:]
	}
	return kept.String()
}

// shared returns how many bytes at the start of a text are anywhere in s.
func shared(text, s string) int {
	if len(text) < part || !strings.Contains(s, text[:part]) {
		return 0
	}
	n := part
	for n < len(text) && strings.Contains(s, text[:n+1]) {
		n++
	}
	return n
}
