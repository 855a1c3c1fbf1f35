package wizard

import (
	"crypto/rand"
	"net/netip"
	"strings"
)

// Draft is the answers so far: what the owner gave, and proposals for the rest. It is made by New or From, and goes through
// JSON unharmed. It knows nothing of a running box: that is Facts.
type Draft struct {
	Lines    []Line            `json:"lines"`
	House    House             `json:"house"`
	Pair     Pair              `json:"pair"`
	Alert    Alert             `json:"alert"`
	Password string            `json:"password,omitempty"` // bcrypt
	Named    map[string]string `json:"named,omitempty"`    // lines that the rest of the file names, and where
	Fixed    map[string]string `json:"fixed,omitempty"`    // addresses of the house in the rest of the file, and where
	Given    bool              `json:"given,omitempty"`    // it began with a file

	turns map[int]int // the lines' turns while a page is answered
	typed string      // the first of the two passwords, meanwhile
}

// Line is a way to the Internet.
type Line struct {
	Was       string       `json:"was,omitempty"` // its name in the file that the draft began with
	Name      string       `json:"name"`
	Kind      string       `json:"kind"`                // "dhcp", "static", "pppoe", "peer"
	Interface string       `json:"interface,omitempty"` // kernel name, MAC address or pattern
	Seen      string       `json:"seen,omitempty"`      // what its port leads to, for the comment
	Network   netip.Prefix `json:"network,omitzero"`    // offered on it
	Address   netip.Prefix `json:"address,omitzero"`    // static
	Gateway   netip.Addr   `json:"gateway,omitzero"`    // static, peer
	DNS       []netip.Addr `json:"dns,omitempty"`
	User      string       `json:"user,omitempty"`
	Password  string       `json:"password,omitempty"`
	VLAN      int          `json:"vlan,omitempty"` // 0: none
	Cost      int          `json:"cost"`
	Mobile    bool         `json:"mobile,omitempty"` // it comes by a phone or a mobile modem on USB: metered unless somebody says no
	Priced    bool         `json:"priced,omitempty"` // somebody has said whether it is metered
	Metered   bool         `json:"metered,omitempty"`
	Failback  string       `json:"failback,omitempty"` // "move": running connections leave it as soon as a better line works
}

// House is the LAN.
type House struct {
	Name     string        `json:"name"`               // of the router
	Nameless bool          `json:"nameless,omitempty"` // the name is the machine's, and the file gives none
	Ports    []string      `json:"ports,omitempty"`    // none: there is no LAN
	Single   bool          `json:"single,omitempty"`
	Seen     []string      `json:"seen,omitempty"`    // what each port leads to
	Address  netip.Prefix  `json:"address,omitzero"`  // the gateway's, as the house knows it
	Chosen   bool          `json:"chosen,omitempty"`  // the address is the owner's wish
	Member   bool          `json:"member,omitempty"`  // of a network that has a router already
	DHCP     bool          `json:"dhcp,omitempty"`    // hand out addresses
	Decided  bool          `json:"decided,omitempty"` // DHCP is the owner's wish
	Range    [2]netip.Addr `json:"range,omitzero"`
	Ranged   bool          `json:"ranged,omitempty"` // Range is the owner's wish
	Domain   string        `json:"domain,omitempty"`
	Only4    bool          `json:"only4,omitempty"` // IPv6 is off
}

// Pair is whether the box is alone.
type Pair struct {
	Role     string       `json:"role"`          // "single", "first", "second"; "own": the file has virtual routers of its own making
	Was      bool         `json:"was,omitempty"` // the file has the virtual router already
	Own      netip.Prefix `json:"own,omitzero"`  // this router's own address
	Peer     netip.Addr   `json:"peer,omitzero"` // the other's
	Link     netip.Prefix `json:"link,omitzero"` // the link-local address that both share; invalid: the house's IPv6 does not move along
	ID       int          `json:"id,omitempty"`
	Priority int          `json:"priority,omitempty"`
	Version  int          `json:"version,omitempty"`
	Secret   string       `json:"secret,omitempty"`
	Joined   *Pairing     `json:"joined,omitempty"`
}

// Alert is whom to tell. Beside the kind, each of the fields belongs to some kinds only.
type Alert struct {
	Kind     string `json:"kind"` // "none", "ntfy", "telegram", "email", "webhook", "other"
	Topic    string `json:"topic,omitempty"`
	Server   string `json:"server,omitempty"` // of ntfy
	Mail     string `json:"mail,omitempty"`   // server with its port
	Token    string `json:"token,omitempty"`
	Chat     string `json:"chat,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`
	URL      string `json:"url,omitempty"`
}

// The roles of a router.
const (
	single = "single"
	first  = "first"
	second = "second"
	ownway = "own"
)

// New proposes a configuration for a box that has none, from what its ports lead to.
func New(f Facts) *Draft {
	d := &Draft{
		House: House{Name: hostLabel(f.Hostname), Domain: "home.arpa"},
		Pair:  Pair{Role: single},
		Alert: Alert{Kind: "none"},
	}
	d.Alert.fill(f)
	roles := map[string]string{}
	for _, p := range f.Ports {
		roles[p.Name] = d.proposal(p, f)
	}
	d.assign(roles, f)
	if f.Joined != nil {
		d.join(*f.Joined, f)
	}
	d.settle(f)
	return d
}

// hostLabel makes a router's name of the machine's.
func hostLabel(name string) string {
	if name, _, _ = strings.Cut(name, "."); isLabel(name) && len(name) <= 64 {
		return name
	}
	return "twinpath"
}

// random is text that nobody can guess, of small letters and digits.
func (f Facts) random() string {
	if f.Rand != nil {
		return f.Rand()
	}
	return strings.ToLower(rand.Text())
}

// Pages returns what is to be asked, in order.
func (d *Draft) Pages(f Facts) []Page {
	pages := []Page{Ports, Internet, Home, Twins, Alerts, Password}
	if len(d.Lines) == 0 {
		pages = without(pages, Internet)
	}
	if len(d.House.Ports) == 0 {
		pages = without(pages, Twins)
	}
	return pages
}

func without(pages []Page, p Page) []Page {
	var rest []Page
	for _, other := range pages {
		if other != p {
			rest = append(rest, other)
		}
	}
	return rest
}

// Questions returns those of a page that make sense now. Their values are the answers so far, or the proposals.
func (d *Draft) Questions(p Page, f Facts) []Question {
	var all []Question
	for _, f := range d.fields(p, f) {
		all = append(all, f.Question)
	}
	return all
}

func (d *Draft) fields(p Page, f Facts) []field {
	switch p {
	case Ports:
		return d.portFields(f)
	case Internet:
		return d.lineFields()
	case Home:
		return d.houseFields()
	case Twins:
		return d.pairFields(f)
	case Alerts:
		return d.alertFields()
	case Password:
		return d.passwordFields(f)
	}
	return nil
}

// Answer takes what is good of the values, by the questions' ids, and returns the questions that have a problem, with
// what was typed. Questions that are not among the values stay as they are, so a page may be answered bit by bit: an
// answer may bring up further questions.
func (d *Draft) Answer(p Page, f Facts, values map[string]string) []Question {
	if p == Ports {
		return d.answerPorts(f, values)
	}
	if one, given := values["password.one"]; given {
		d.typed = one
	}
	wrong := map[string]Question{}
	// The first answers may bring up the fields of the next ones: a kind of line its address.
	taken := map[string]bool{}
	for range 3 {
		for _, one := range d.fields(p, f) {
			value, given := values[one.ID]
			if !given || taken[one.ID] {
				continue
			}
			taken[one.ID] = true
			if err := one.answer(value); err != nil {
				one.Value = value
				if one.Kind == Secret {
					one.Value = ""
				}
				wrong[one.ID] = one.with(err)
			}
		}
	}
	d.settle(f)
	for _, one := range d.fields(p, f) {
		if _, known := wrong[one.ID]; known || !taken[one.ID] || one.judge == nil {
			continue
		}
		if err := one.judge(); err != nil {
			wrong[one.ID] = one.with(err)
		}
	}
	return d.inOrder(p, f, wrong)
}

// Open returns the questions of a page that cannot stay as they are: those with no answer, or one that does not fit the others.
func (d *Draft) Open(p Page, f Facts) []Question {
	open := map[string]Question{}
	for _, one := range d.fields(p, f) {
		switch {
		case one.Kind != Secret && one.Value == "" && !one.Optional, one.Kind == Secret && !one.Optional:
			open[one.ID] = one.with(refuse("", "this is not answered yet"))
		case one.judge != nil:
			if err := one.judge(); err != nil {
				open[one.ID] = one.with(err)
			}
		}
	}
	return d.inOrder(p, f, open)
}

func (f field) answer(value string) error {
	if f.Kind != Secret {
		value = strings.TrimSpace(value)
	}
	switch {
	case value == "" && f.Kind == Secret && f.Optional: // what there is stays
		return nil
	case value == "" && !f.Optional:
		return refuse("", "this is not answered yet")
	case f.Kind == Choice && !offers(f.Options, value):
		return refuse("", "%q is none of the answers", value)
	case f.Kind == Flag && value != yes && value != none:
		return refuse("", "the answer is yes or no, not %q", value)
	}
	if f.take == nil {
		return nil
	}
	return f.take(value)
}

func offers(options []Option, value string) bool {
	for _, o := range options {
		if o.Value == value {
			return true
		}
	}
	return false
}

// inOrder lists questions as the page has them. One that another answer took away is not wrong any more.
func (d *Draft) inOrder(p Page, f Facts, some map[string]Question) []Question {
	var all []Question
	for _, one := range d.fields(p, f) {
		if q, there := some[one.ID]; there {
			all = append(all, q)
		}
	}
	return all
}
