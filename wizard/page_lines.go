package wizard

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// lineFields asks, for each line, how it is got at and when it is used.
func (d *Draft) lineFields() []field {
	var all []field
	for i := range d.Lines {
		l := &d.Lines[i]
		under := l.Name
		if port, _, known := strings.Cut(l.Seen, " ("); known {
			under += " (" + port + ")"
		} else if l.Interface != "" {
			under += " (" + l.Interface + ")"
		}
		fields := []field{d.nameField(i)}
		fields = append(fields, l.kindFields()...)
		if len(d.Lines) > 1 {
			fields = append(fields, d.turnField(i))
		}
		if l.Kind != "peer" {
			fields = append(fields, field{
				Question: Question{ID: "metered", Ask: "Is it paid by the megabyte?", Kind: Flag, Value: flag(l.Metered),
					Help: "What runs over it is moved away as soon as a better line works."},
				take: func(text string) error {
					l.Priced = true
					if l.Metered == (text == yes) {
						return nil
					}
					l.Metered = text == yes
					l.Failback = map[bool]string{true: "move"}[l.Metered]
					return nil
				},
			})
		}
		for _, f := range fields {
			f.ID = fmt.Sprintf("line.%d.%s", i, f.ID)
			f.Under = under
			all = append(all, f)
		}
	}
	return all
}

func (d *Draft) nameField(i int) field {
	l := &d.Lines[i]
	return field{
		Question: Question{ID: "name", Ask: "What is this line called?", Kind: Text, Value: l.Name,
			Help: "The page and the messages use it: fibre, cable, mobile, or the provider's name."},
		take: label(&l.Name, 32),
		judge: func() error {
			for j, other := range d.Lines {
				if j != i && other.Name == l.Name {
					return refuse("", "two lines are called %s", l.Name)
				}
			}
			return nil
		},
	}
}

func (l *Line) kindFields() []field {
	if l.Kind == "peer" {
		return []field{{
			Question: Question{ID: "gateway", Ask: "What is the other router's address?", Kind: Text, Value: show(l.Gateway, l.Gateway.IsValid())},
			take:     address(&l.Gateway),
		}}
	}
	fields := []field{{
		Question: Question{ID: "kind", Ask: "How does the provider let you in?", Kind: Choice, Value: l.Kind, Options: []Option{
			{Value: "dhcp", Label: "by itself", Note: "DHCP: nothing to type"},
			{Value: "pppoe", Label: "with user name and password", Note: "PPPoE: as in the provider's letter"},
			{Value: "static", Label: "with an address that never changes", Note: "as the provider wrote"},
		}},
		take: func(text string) error { l.Kind = text; return nil },
	}}
	switch l.Kind {
	case "pppoe":
		fields = append(fields,
			field{Question: Question{ID: "user", Ask: "User name", Kind: Text, Value: l.User, Help: "As the provider wrote."}, take: plain(&l.User, 255)},
			field{Question: Question{ID: "password", Ask: "Password", Kind: Secret, Optional: l.Password != ""}, take: plain(&l.Password, 255)},
			l.vlanField())
	case "static":
		fields = append(fields, l.staticFields()...)
	}
	return fields
}

// vlanField asks for what some providers want and few modems leave to the router.
func (l *Line) vlanField() field {
	q := Question{ID: "vlan", Ask: "VLAN", Kind: Text, Optional: true, Help: "A number, only where the provider names one and the modem does not see to it; else empty."}
	if l.VLAN > 0 {
		q.Value = strconv.Itoa(l.VLAN)
	}
	return field{Question: q, take: func(text string) error {
		if text == "" {
			l.VLAN = 0
			return nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 4094 {
			return refuse("for example 7; leave it empty if nobody has named one", "%q is not a number from 1 to 4094", text)
		}
		l.VLAN = n
		return nil
	}}
}

func (l *Line) staticFields() []field {
	return []field{
		{Question: Question{ID: "address", Ask: "Address, with the network's length", Kind: Text, Value: show(l.Address, l.Address.IsValid()), Help: "For example 203.0.113.2/24."},
			take: own(&l.Address, 1, 32)},
		{Question: Question{ID: "gateway", Ask: "Gateway", Kind: Text, Value: show(l.Gateway, l.Gateway.IsValid())},
			take: address(&l.Gateway), judge: l.judgeGateway},
		{Question: Question{ID: "dns", Ask: "Name servers", Kind: Text, Value: join(l.DNS), Optional: true, Help: "With spaces between them; empty: public ones."},
			take: func(text string) error {
				var all []netip.Addr
				for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r == ',' }) {
					a, err := netip.ParseAddr(word)
					if err != nil || a.Zone() != "" || a.Is4In6() || !isHost(a) || len(all) == 16 {
						return refuse(`for example "9.9.9.9 1.1.1.1"`, "%q is not an address", word)
					}
					all = append(all, a)
				}
				l.DNS = all
				return nil
			}},
	}
}

func (l *Line) judgeGateway() error {
	own, gateway := l.Address, l.Gateway
	switch {
	case !own.IsValid() || !gateway.IsValid():
	case gateway == own.Addr():
		return refuse("it is the modem's or the provider's", "%s is this router's own address", gateway)
	case own.Bits() < 32 && !own.Contains(gateway):
		return refuse("look at the address's length again", "%s is not in the network %s", gateway, own.Masked())
	case edge(own, gateway):
		return refuse("", "%s stands for the whole network %s", gateway, own.Masked())
	}
	return nil
}

func join(all []netip.Addr) string {
	var texts []string
	for _, a := range all {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, " ")
}

var turns = [...]string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"}

// turnField asks for a line's place among the others. Several may share one: they share the traffic.
func (d *Draft) turnField(i int) field {
	q := Question{ID: "turn", Ask: "When is it used?", Kind: Choice, Value: strconv.Itoa(d.turn(i)),
		Help: "Two lines with the same answer share the traffic."}
	for n := range d.Lines {
		o := Option{Value: strconv.Itoa(n + 1), Label: strconv.Itoa(n+1) + "th"}
		if n < len(turns) {
			o.Label = turns[n]
		}
		if o.Note = "when nothing better works"; n == 0 {
			o.Note = "always, while it works"
		}
		q.Options = append(q.Options, o)
	}
	return field{Question: q, take: func(text string) error {
		n, err := strconv.Atoi(text)
		if d.turns == nil {
			d.turns = map[int]int{}
		}
		d.turns[i] = n
		return err
	}}
}

// turn is the place of a line among the different costs, counted from 1.
func (d *Draft) turn(i int) int {
	return slices.Index(d.costs(), d.Lines[i].Cost) + 1
}

// costs are those of the lines, each once.
func (d *Draft) costs() []int {
	var all []int
	for _, l := range d.Lines {
		all = append(all, l.Cost)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// takeTurns gives the lines their costs anew when a turn has changed. Only all of the answers together say which line
// comes before which.
func (d *Draft) takeTurns() {
	wanted := d.turns
	d.turns = nil
	changed := false
	for i, n := range wanted {
		changed = changed || n != d.turn(i)
	}
	if !changed {
		return
	}
	costs := d.costs()
	for len(costs) < len(d.Lines) {
		costs = append(costs, min(costs[len(costs)-1]+costStep, mostCost))
	}
	for i, n := range wanted {
		d.Lines[i].Cost = costs[n-1]
	}
}
