package wizard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// entry is a key of a section and its wanted value: text, a number, a flag or a list of texts. A nil value takes the key
// out. Where the file does not give the key, it is left out as long as the value is what that means.
type entry struct {
	key    string // "address", or "static.address"
	value  any
	absent any
	fresh  bool // only when the section is new
}

// section is what is wanted of one table of the file.
type section struct {
	path    []any // keys, and the number of an element: "wan", 1; a number past the last is a new one
	say     []string
	entries []entry
	gone    bool
	isNew   bool
}

func (s section) name() string { return s.path[0].(string) }

// TOML writes the answers down. Of old, the file so far, everything stays to the letter that the answers do not change; what
// the wizard knows nothing of stays, too. Without one it is a new file, with a comment on each section that says why.
func (d *Draft) TOML(old []byte) []byte {
	if strings.TrimSpace(string(old)) == "" {
		return []byte(fresh(d.sections(nil)))
	}
	before, err := From(old, Facts{})
	if err != nil { // not TOML: there is nothing to keep
		return []byte(fresh(d.sections(nil)))
	}
	return change(old, d.sections(before), d.renames(before))
}

// sections is everything that the answers say of the file that began as before; nil: of a new one.
func (d *Draft) sections(before *Draft) []section {
	all := []section{d.routerSection(), d.lanSection(before)}
	if len(d.House.Ports) == 0 {
		all[1].gone = true
	}
	all = append(all, d.lineSections(before)...)
	all = append(all, d.pairSections(before)...)
	web := section{path: []any{"web"}, say: []string{"The page. The password is kept as a hash: a new one is set on the page."}}
	if d.Password != "" || before == nil {
		web.entries = []entry{{key: "password", value: textOrNil(d.Password)}}
		all = append(all, web)
	}
	return append(all, d.alertSection(before))
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func list(texts ...string) []any {
	var all []any
	for _, t := range texts {
		all = append(all, t)
	}
	return all
}

func (d *Draft) routerSection() section {
	e := entry{key: "name", value: d.House.Name}
	if d.House.Nameless {
		e.absent = d.House.Name
	}
	return section{path: []any{"router"}, entries: []entry{e}}
}

func (d *Draft) lanSection(before *Draft) section {
	h := d.House
	s := section{path: []any{"lan"}, say: append([]string{"The house's side."}, h.Seen...)}
	if h.Member {
		s.say[0] = "The network that this box is a member of, with an address that its router gives to nobody else."
	}
	one, several := any(nil), any(nil)
	if len(h.Ports) == 1 && (h.Single || h.Member) {
		one = h.Ports[0]
	} else {
		several = list(h.Ports...)
	}
	s.entries = []entry{{key: "interface", value: one}, {key: "ports", value: several}, {key: "address", value: d.ownAddress()}}
	if h.DHCP && h.Range[0].IsValid() {
		s.entries = append(s.entries, entry{key: "dhcp.range", value: list(h.Range[0].String(), h.Range[1].String())})
	} else {
		s.entries = append(s.entries, entry{key: "dhcp"})
	}
	if before != nil || !h.Member {
		s.entries = append(s.entries, entry{key: "dns.domain", value: textOrNil(h.Domain)})
	}
	return s
}

// ownAddress is the address that no other router ever has.
func (d *Draft) ownAddress() any {
	own := d.House.Address
	if d.Pair.Role == first || d.Pair.Role == second && d.Pair.Own.IsValid() {
		own = d.Pair.Own
	}
	if !own.IsValid() {
		return nil
	}
	return own.String()
}

// lineSections are the lines, in the file's order, and those of the file that are no more.
func (d *Draft) lineSections(before *Draft) []section {
	var all []section
	known := []Line{}
	if before != nil {
		known = before.Lines
	}
	for i, was := range known {
		j := slices.IndexFunc(d.Lines, func(l Line) bool { return l.Was == was.Was })
		s := section{path: []any{"wan", i}, gone: j < 0}
		if j >= 0 {
			s.entries = d.Lines[j].entries(was.Kind)
		}
		all = append(all, s)
	}
	count := len(known)
	for _, l := range d.Lines {
		if l.Was != "" && slices.ContainsFunc(known, func(k Line) bool { return k.Was == l.Was }) {
			continue
		}
		say := []string{l.Seen}
		if l.Kind == "peer" && l.Seen == "" {
			say = []string{"Through the other router."}
		}
		all = append(all, section{path: []any{"wan", count}, say: say, entries: l.entries(""), isNew: true})
		count++
	}
	return all
}

// entries are those of [[wan]]; was is its kind so far, which the file need not name.
func (l Line) entries(was string) []entry {
	all := []entry{
		{key: "name", value: l.Name}, {key: "interface", value: textOrNil(l.Interface)}, {key: "kind", value: l.Kind, absent: was},
		{key: "cost", value: int64(l.Cost), absent: int64(0)}, {key: "metered", value: l.Metered, absent: l.Mobile},
		{key: "failback", value: textOrNil(l.Failback)}, {key: "vlan"},
	}
	if was == "" {
		all[3].absent = nil
		if l.Mobile {
			all[4].absent = nil // whoever reads the file is to see it
		}
	}
	if l.VLAN > 0 {
		all[6].value = int64(l.VLAN)
	}
	kinds := map[string][]entry{
		"static": {{key: "static.address", value: show(l.Address, l.Address.IsValid())}, {key: "static.gateway", value: show(l.Gateway, l.Gateway.IsValid())}},
		"pppoe":  {{key: "pppoe.user", value: l.User}, {key: "pppoe.password", value: l.Password}},
		"peer":   {{key: "peer.gateway", value: show(l.Gateway, l.Gateway.IsValid())}},
	}
	var dns any
	if len(l.DNS) > 0 {
		dns = list(strings.Fields(join(l.DNS))...)
	}
	kinds["static"] = append(kinds["static"], entry{key: "static.dns", value: dns})
	for _, kind := range []string{"static", "pppoe", "peer"} {
		if kind == l.Kind {
			all = append(all, kinds[kind]...)
			continue
		}
		all = append(all, entry{key: kind})
	}
	return all
}

func (d *Draft) pairSections(before *Draft) []section {
	p := d.Pair
	virtual := section{path: []any{"vrrp", 0}, isNew: !p.Was, gone: p.Was && p.Role == single}
	pair := section{path: []any{"pair"}, gone: p.Was && p.Role == single,
		say: []string{"The other router. The secret is the same on both."}}
	switch {
	case p.Role == ownway, p.Role == single && !p.Was, before != nil && before.Pair.Role == ownway:
		return nil
	case virtual.gone:
		return []section{virtual, pair}
	}
	virtual.say = []string{"The gateway of the house: whichever router has the better way to the Internet answers to it."}
	shared := []string{d.House.Address.String()}
	if p.Link.IsValid() {
		shared = append(shared, p.Link.String())
	}
	virtual.entries = []entry{
		{key: "name", value: virtualName, fresh: true}, {key: "id", value: int64(p.ID)}, {key: "version", value: int64(p.Version), absent: int64(3)},
		{key: "priority", value: int64(p.Priority), absent: int64(firstPriority)}, {key: "addresses", value: list(shared...)},
		{key: "preempt_delay", value: preemptDelay, fresh: true},
	}
	all := []section{virtual}
	if p.Secret != "" && p.Peer.IsValid() {
		pair.entries = []entry{{key: "peer", value: p.Peer.String()}, {key: "secret", value: p.Secret}}
		all = append(all, pair)
	}
	return all
}

func (d *Draft) alertSection(before *Draft) section {
	s := section{path: []any{"alert", "to", 0}, isNew: before == nil || before.Alert.Kind == "none", say: []string{"Whom to tell when something breaks."}}
	if d.Alert.Kind == "none" {
		s.gone = true
		return s
	}
	s.entries = []entry{{key: "url", value: d.Alert.Address()}}
	return s
}

// renames are the words that other sections use: a line's old name and its new one, and the router's own address.
func (d *Draft) renames(before *Draft) renames {
	r := renames{lines: map[string]string{}}
	for _, l := range d.Lines {
		if l.Was != "" && l.Was != l.Name {
			r.lines[l.Was] = l.Name
		}
	}
	was, is := before.ownAddress(), d.ownAddress()
	if was != nil && is != nil && was != is {
		r.from, r.to = host(was), host(is)
		r.shared = d.Pair.Role != single && r.from == d.House.Address.Addr().String()
	}
	return r
}

func host(address any) string {
	text, _, _ := strings.Cut(address.(string), "/")
	return text
}

// fresh is a file of its own.
func fresh(all []section) string {
	var w strings.Builder
	w.WriteString("# Twinpath's configuration, made by the wizard. It may be changed here as well: docs/configuration.md explains every\n" +
		"# key, and the wizard keeps what it does not know.\n")
	for _, s := range all {
		if s.gone {
			continue
		}
		w.WriteString("\n" + s.text())
	}
	return w.String()
}

// text is the section on its own: comments, header, keys.
func (s section) text() string {
	var w strings.Builder
	for _, line := range s.say {
		if line != "" {
			w.WriteString("# " + clean(line) + "\n")
		}
	}
	header := s.name()
	if len(s.path) == 3 {
		header += "." + s.path[1].(string)
	}
	if _, element := s.path[len(s.path)-1].(int); element {
		header = "[" + header + "]"
	}
	w.WriteString("[" + header + "]\n")
	for _, line := range s.lines() {
		w.WriteString(line + "\n")
	}
	return w.String()
}

// lines are the section's keys; those of a table within stand in one line.
func (s section) lines() []string {
	var all []string
	done := map[string]bool{}
	for _, e := range s.entries {
		group, _, nested := strings.Cut(e.key, ".")
		if e.value == nil || done[group] || e.absent != nil && e.absent == e.value {
			continue
		}
		if nested {
			done[group] = true
			all = append(all, group+" = "+s.inline(group))
			continue
		}
		all = append(all, e.key+" = "+value(e.value))
	}
	return all
}

// inline is a table within, in one line.
func (s section) inline(group string) string {
	var parts []string
	for _, e := range s.entries {
		if of, key, nested := strings.Cut(e.key, "."); nested && of == group && e.value != nil {
			parts = append(parts, key+" = "+value(e.value))
		}
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// clean makes text fit for a comment: a device may call itself anything.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return ' '
		}
		return r
	}, text)
}

// value writes a value as TOML has it.
func value(v any) string {
	switch v := v.(type) {
	case string:
		return quoted(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		var parts []string
		for _, one := range v {
			parts = append(parts, value(one))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	panic(fmt.Sprintf("wizard: a %T in the file", v)) // entries have no others
}

// quoted is a basic string of TOML.
func quoted(text string) string {
	var w strings.Builder
	w.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&w, "\\u%04X", r)
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
	return w.String()
}
