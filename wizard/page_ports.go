package wizard

import (
	"path"
	"slices"
	"strings"
)

// What a port can be for. A line that the file has can be moved to another port: "line:fibre".
const (
	forHouse  = "house"
	forLine   = "line"
	forNobody = "unused"
	forMember = "member"
	moved     = "line:"
)

// matches reports whether an interface, as a configuration names it, may be this port.
func matches(selector string, p Port) bool {
	fits, _ := path.Match(selector, p.Name)
	return selector != "" && (fits || selector == p.Name || strings.EqualFold(selector, p.MAC))
}

// selector is how the configuration is to name a port. A kernel name that counts (eth0, eth1) may change places with
// another after the next start, so the MAC address stands for it. A phone may have another MAC address each time, but
// always the driver's name.
func selector(p Port, all []Port) string {
	base := strings.TrimRight(p.Name, "0123456789")
	if strings.HasPrefix(p.Name, "enx") {
		base = "enx" // followed by the MAC address
	}
	counted := base != p.Name && slices.Contains([]string{"eth", "usb", "wwan", "enx"}, base)
	alone := true
	for _, other := range all {
		alone = alone && (other.Name == p.Name || !strings.HasPrefix(other.Name, base))
	}
	switch {
	case p.Mobile && counted && alone && base != "eth":
		return base + "*"
	case counted && !alone && p.MAC != "":
		return strings.ToLower(p.MAC)
	}
	return p.Name
}

// because says for the file's reader which port this is and what was seen on it.
func because(p Port) string {
	text := p.Name
	if p.MAC != "" {
		text += " (" + p.MAC + ")"
	}
	if p.Why == "" {
		return text
	}
	return text + ": " + p.Why
}

// ports returns those of the box, and those that the configuration names and that are not there now.
func (d *Draft) ports(f Facts) []Port {
	all := slices.Clone(f.Ports)
	for _, s := range append(slices.Clone(d.House.Ports), d.interfaces()...) {
		if s != "" && !slices.ContainsFunc(all, func(p Port) bool { return matches(s, p) }) {
			all = append(all, Port{Name: s, Leads: NoCable, Why: "not plugged in now"})
		}
	}
	return all
}

func (d *Draft) interfaces() []string {
	var all []string
	for _, l := range d.Lines {
		if l.Kind != "peer" {
			all = append(all, l.Interface)
		}
	}
	return all
}

// role is what a port is for.
func (d *Draft) role(p Port) string {
	if slices.ContainsFunc(d.House.Ports, func(s string) bool { return matches(s, p) }) {
		if d.House.Member {
			return forMember
		}
		return forHouse
	}
	if d.line(p) >= 0 {
		return forLine
	}
	return forNobody
}

// line is the number of the line on a port; -1: none.
func (d *Draft) line(p Port) int {
	return slices.IndexFunc(d.Lines, func(l Line) bool { return l.Kind != "peer" && matches(l.Interface, p) })
}

// proposal is what a port is most likely for. One on which somebody answers who leads to the Internet never becomes the
// house's: our addresses would be handed out in somebody else's network.
func (d *Draft) proposal(p Port, f Facts) string {
	switch {
	case f.Joined != nil && p.Network.IsValid() && p.Network.Overlaps(f.Joined.LAN):
		return forHouse
	case p.Leads == ToDHCP && f.Joined == nil && f.guest(p):
		return forMember
	case p.Leads == ToDHCP && f.twin(p), p.Leads == ToSomebody:
		return forNobody
	case p.Leads == ToDHCP, p.Leads == ToPPPoE, p.Mobile:
		return forLine
	case p.Leads == ToHouse, p.Leads == NoCable:
		return forHouse
	}
	return forNobody
}

// guest reports whether the box is a member of the network on a port, as a printer is: its page is there, or it has no other.
func (f Facts) guest(p Port) bool {
	if p.Mobile || !homely(p) {
		return false
	}
	if f.House.IsValid() {
		return p.Network.Contains(f.House.Addr())
	}
	for _, other := range f.Ports {
		if other.Name != p.Name && !other.Mobile {
			return false
		}
	}
	return true
}

// homely reports whether what is offered on a port is a network in a house.
func homely(p Port) bool {
	n := p.Network
	return n.IsValid() && n.Addr().IsPrivate() && n.Bits() >= 8 && n.Bits() <= 30 && n.Contains(p.Gateway)
}

// twin reports whether a port above this one leads into the same network.
func (f Facts) twin(p Port) bool {
	for _, other := range f.Ports {
		if other.Name == p.Name {
			return false
		}
		if other.Leads == ToDHCP && other.Gateway == p.Gateway && other.Network.Masked() == p.Network.Masked() {
			return true
		}
	}
	return false
}

func (d *Draft) portFields(f Facts) []field {
	var all []field
	for _, p := range d.ports(f) {
		all = append(all, field{Question: Question{
			ID: "port." + p.Name, Ask: "What is " + p.Name + " for?", Help: describe(p), Kind: Choice,
			Options: d.uses(p, f), Value: d.role(p),
		}})
	}
	return all
}

// describe is what is known of a port, for a person.
func describe(p Port) string {
	var parts []string
	if p.MAC != "" {
		parts = append(parts, p.MAC)
	}
	if p.Driver != "" {
		parts = append(parts, p.Driver)
	}
	if p.Mobile {
		parts = append(parts, "a phone or mobile modem")
	}
	if p.Why != "" {
		parts = append(parts, p.Why)
	}
	return strings.Join(parts, ", ")
}

func (d *Draft) uses(p Port, f Facts) []Option {
	all := []Option{
		{Value: forHouse, Label: "the house", Note: "computers, Wi-Fi, a switch"},
		{Value: forLine, Label: "the Internet", Note: "a modem, or a box of the provider"},
	}
	if homely(p) && !p.Mobile || d.role(p) == forMember {
		all = append(all, Option{Value: forMember, Label: "a network that has a router", Note: "this box is one more device there"})
	}
	for i, l := range d.Lines {
		if l.Was != "" && l.Kind != "peer" && i != d.line(p) {
			all = append(all, Option{Value: moved + l.Name, Label: "the line " + l.Name, Note: "its cable is plugged in here now"})
		}
	}
	return append(all, Option{Value: forNobody, Label: "nothing"})
}

// answerPorts takes the whole of the ports' uses, or nothing of it: one answer may give away what another needs.
func (d *Draft) answerPorts(f Facts, values map[string]string) []Question {
	roles, typed, wrong := map[string]string{}, map[string]string{}, map[string]Question{}
	for _, one := range d.portFields(f) {
		name := strings.TrimPrefix(one.ID, "port.")
		roles[name] = one.Value
		value, given := values[one.ID]
		if !given {
			continue
		}
		typed[one.ID] = value
		if err := one.answer(value); err != nil {
			wrong[one.ID] = one.with(err)
			continue
		}
		roles[name] = strings.TrimSpace(value)
	}
	if len(wrong) == 0 {
		d.judgePorts(f, roles, wrong)
	}
	for id, q := range wrong {
		if value, given := typed[id]; given {
			q.Value = value
			wrong[id] = q
		}
	}
	all := d.inOrder(Ports, f, wrong)
	if len(wrong) == 0 {
		d.assign(roles, f)
		d.settle(f)
	}
	return all
}

// judgePorts looks at the uses together.
func (d *Draft) judgePorts(f Facts, roles map[string]string, wrong map[string]Question) {
	fields := d.portFields(f)
	mark := func(port string, err error) {
		for _, one := range fields {
			if one.ID == "port."+port && wrong[one.ID].Problem == "" {
				wrong[one.ID] = one.with(err)
			}
		}
	}
	count := map[string]string{}
	for _, p := range d.ports(f) {
		role := roles[p.Name]
		if other, twice := count[role]; twice && (strings.HasPrefix(role, moved) || role == forMember) {
			mark(p.Name, refuse("", "%s is used for that already", other))
		}
		count[role] = p.Name
	}
	last := d.ports(f)
	if len(last) == 0 {
		return
	}
	port := last[len(last)-1].Name
	member, house := count[forMember], count[forHouse]
	switch {
	case member != "" && house != "":
		mark(member, refuse("give "+house+" another use, or this one", "the box cannot be a member of a network and have a house of its own"))
	case member == "" && house == "" && (len(d.House.Ports) > 0 || !d.Given):
		mark(port, refuse("this page is there, too", "no port leads to the house"))
	}
	d.judgeGone(roles, f, mark)
}

// judgeGone looks for lines that the rest of the file needs.
func (d *Draft) judgeGone(roles map[string]string, f Facts, mark func(string, error)) {
	for _, l := range d.Lines {
		where := d.Named[l.Was]
		if l.Was == "" || where == "" || l.Kind == "peer" || d.stays(l, roles, f) {
			continue
		}
		for _, p := range d.ports(f) {
			if matches(l.Interface, p) {
				mark(p.Name, refuse("take it out there first, or say which port the line has now", "the line %s is named by %s", l.Name, where))
			}
		}
	}
}

// stays reports whether a line still has a port.
func (d *Draft) stays(l Line, roles map[string]string, f Facts) bool {
	for _, p := range d.ports(f) {
		if role := roles[p.Name]; role == moved+l.Name || role == forLine && matches(l.Interface, p) {
			return true
		}
	}
	return false
}
