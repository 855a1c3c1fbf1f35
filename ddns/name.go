package ddns

import (
	"net/netip"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Chosen here, by what providers ask of their customers (dyndns2's rules are the strictest: nothing that has not changed, nothing
// again that was refused).
const (
	settle    = 5 * time.Second     // an address has to stay before anybody is told: right after a start, or a switch, it may be another one in a moment
	apart     = 10 * time.Second    // between two addresses, should a line come and go
	firstWait = 5 * time.Minute     // after a failure; it doubles
	lastWait  = 2 * time.Hour       // and gets no longer
	refusal   = 24 * time.Hour      // after "no": only the owner can change that
	refresh   = 25 * 24 * time.Hour // some providers forget a name after 30 days
)

// name is what is known of one entry: one provider's names of one family.
type name struct {
	entry router.DDNS
	key   string // what it is kept under
	kept  kept

	wanted   netip.Addr // where the names are to lead
	since    time.Time  // of wanted
	tried    netip.Addr // in the newest attempt
	attempt  time.Time
	failures int
	trouble  string // of the newest attempt; empty: it went well
	refused  bool   // the provider said no
}

// kept is what outlives the daemon.
type kept struct {
	Address netip.Addr `json:"address"`
	WAN     string     `json:"wan"`
	At      time.Time  `json:"at"`
}

func newName(e router.DDNS) *name {
	family := "ipv4"
	if e.IPv6 {
		family = "ipv6"
	}
	return &name{entry: e, key: strings.Join(append([]string{e.Provider, e.Server, e.User, family}, e.Hosts...), " ")}
}

// due returns when the provider is to be told that the names lead to an address.
func (n *name) due(a netip.Addr, now time.Time) time.Time {
	if a != n.wanted {
		n.wanted, n.since = a, now
	}
	switch {
	case a == n.kept.Address && n.trouble == "":
		return later(n.kept.At.Add(refresh), n.attempt.Add(apart))
	case a != n.tried:
		return later(n.since.Add(settle), n.attempt.Add(apart))
	case n.refused:
		return n.attempt.Add(refusal)
	}
	return n.attempt.Add(min(firstWait<<min(n.failures-1, 8), lastWait))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// succeeded keeps that the names lead to an address, and reports whether that is news.
func (n *name) succeeded(wan string, a netip.Addr, now time.Time) bool {
	news := n.kept.Address != a || n.trouble != ""
	n.kept = kept{Address: a, WAN: wan, At: now}
	n.tried, n.attempt, n.failures, n.trouble, n.refused = a, now, 0, "", false
	return news
}

// failed keeps why the provider could not be told, and reports whether that is news.
func (n *name) failed(a netip.Addr, trouble string, refused bool, now time.Time) bool {
	news := n.trouble == "" || n.refused != refused
	if a != n.tried {
		n.failures = 0
	}
	n.tried, n.attempt, n.failures, n.trouble, n.refused = a, now, n.failures+1, trouble, refused
	return news
}

// leave forgets what the provider was told: the other router of the pair leads the names to itself meanwhile.
func (n *name) leave() { n.kept, n.wanted, n.tried = kept{}, netip.Addr{}, netip.Addr{} }

// view is what the page shows of it.
func (n *name) view() []router.NameView {
	var all []router.NameView
	for _, host := range n.entry.Hosts {
		v := router.NameView{Host: host, WAN: n.kept.WAN, Updated: n.kept.At, Error: n.trouble}
		if n.kept.Address.IsValid() {
			v.Address = n.kept.Address.String()
		}
		all = append(all, v)
	}
	return all
}
