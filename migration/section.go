package migration

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// section is one [[vrrp]] section. Zero values are Twinpath's defaults, except where a field says more.
type section struct {
	place
	remarks []string
	broken  bool // it lacks something: it is written as a comment
	derived bool // the old file has no section for it

	name       string
	id         int
	device     string
	version    int
	priority   int
	interval   time.Duration
	addresses  []netip.Prefix
	noPreempt  bool
	delay      time.Duration
	virtualMAC bool
	refuse     bool // accept = false
	checksum   string
	peers      []netip.Addr
	group      string
	auth, key  string

	onChange, onActive, onBackup, onFault string

	checks []check
}

// check is one [[vrrp.check]].
type check struct {
	remarks           []string
	broken            bool // its program cannot be run: it is written as a comment
	name              string
	kind, target      string // ping, tcp, process or run
	weight            int
	interval, timeout time.Duration
	fall, rise        int
}

// render writes the file.
func (t *translation) render() string {
	w := &writer{}
	w.comment(printable("From " + t.file + ", by twinpath import. Each comment names the line of that file it is about."))
	for _, remark := range t.remarks {
		w.comment(remark)
	}
	if t.name != "" {
		w.blank()
		w.raw("[router]")
		w.text("name", t.name)
	}
	for _, s := range t.sections {
		w.blank()
		for _, remark := range s.remarks {
			w.comment(remark)
		}
		w.off = s.broken
		w.section(s)
		w.off = false
	}
	return w.String()
}

// writer writes TOML.
type writer struct {
	strings.Builder
	indent string
	off    bool // what is written now is a comment
}

func (w *writer) blank() { w.WriteString("\n") }

func (w *writer) comment(text string) { w.WriteString(w.indent + "# " + text + "\n") }

func (w *writer) raw(text string) {
	if w.off {
		w.comment(text)
		return
	}
	w.WriteString(w.indent + text + "\n")
}

// text writes a key with a quoted value, unless that is empty.
func (w *writer) text(key, value string) {
	if value != "" {
		w.raw(fmt.Sprintf("%-9s = %s", key, quote(value)))
	}
}

func (w *writer) value(key string, value any) { w.raw(fmt.Sprintf("%-9s = %v", key, value)) }

func (w *writer) section(s *section) {
	w.raw("[[vrrp]]")
	w.text("name", s.name)
	w.value("id", s.id)
	w.text("interface", s.device)
	w.value("version", s.version)
	w.value("priority", s.priority)
	w.text("interval", short(s.interval))
	w.value("addresses", list(s.addresses))
	if s.noPreempt {
		w.value("preempt", false)
	}
	if s.delay > 0 {
		w.text("preempt_delay", short(s.delay))
	}
	if s.virtualMAC {
		w.value("virtual_mac", true)
	}
	if s.refuse {
		w.value("accept", false)
	}
	w.text("checksum", s.checksum)
	if len(s.peers) > 0 {
		w.value("peers", list(s.peers))
	}
	w.text("group", s.group)
	if s.auth != "" {
		w.value("auth", fmt.Sprintf("{ kind = %s, key = %s }", quote(s.auth), quote(s.key)))
	}
	w.text("on_change", s.onChange)
	w.text("on_active", s.onActive)
	w.text("on_backup", s.onBackup)
	w.text("on_fault", s.onFault)
	for _, c := range s.checks {
		w.check(c)
	}
}

func (w *writer) check(c check) {
	off := w.off
	defer func() { w.off, w.indent = off, "" }()
	w.blank()
	w.indent = "  "
	for _, remark := range c.remarks {
		w.comment(remark)
	}
	w.off = off || c.broken
	w.raw("[[vrrp.check]]")
	w.text("name", c.name)
	w.text(c.kind, c.target)
	w.value("weight", c.weight)
	w.text("interval", short(c.interval))
	w.text("timeout", short(c.timeout))
	w.value("fall", c.fall)
	w.value("rise", c.rise)
}

func list[T fmt.Stringer](all []T) string {
	quoted := make([]string, len(all))
	for i, one := range all {
		quoted[i] = quote(one.String())
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote writes a basic string of TOML.
func quote(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range strings.ToValidUTF8(text, "?") {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// short writes a duration as an owner does: "90s" as "1m30s", but "1s", not "1.0s".
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// word makes a name of text: letters, digits and ". _ -", at most 32 of them.
func word(text string) string {
	text = text[:min(len(text), 128)]
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', strings.ContainsRune("._-", r):
			return r
		}
		return '-'
	}, text)
	clean = strings.TrimLeft(clean, "-.")
	return clean[:min(len(clean), 32)]
}

// name gives the section a name that no other has, and says so when that is not the old one.
func (t *translation) nameOf(s *section, old, fallback string) string {
	name := word(old)
	if name == "" {
		name = fallback
	}
	for n := 2; t.names[name]; n++ {
		tail := "-" + strconv.Itoa(n)
		name = name[:min(len(name), 32-len(tail))] + tail
	}
	t.names[name] = true
	if name != old {
		t.note(s.place, s, "%q is named %s now: a name is letters, digits, \"-\", \"_\" and \".\", and nobody else's", old, name)
	}
	return name
}
