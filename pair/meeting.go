package pair

import (
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/twinpath/twinpath/router"
)

// status is what is read of another router's Snapshot.
type status struct {
	Router   string                   `json:"router"`
	Version  string                   `json:"version"`
	Sentence string                   `json:"sentence"`
	Verdict  router.Verdict           `json:"verdict"`
	VRRP     []router.VRRPSnapshot    `json:"vrrp"`
	Speakers []router.SpeakerSnapshot `json:"speakers"`
	VRRPTime *time.Time               `json:"vrrp_time"`
	Time     time.Time                `json:"time"`
	Accounts string                   `json:"accounts"`
	WANs     []router.PartnerWAN      `json:"wans"`
	Drained  bool                     `json:"drained"`
}

// meeting is what the other router last said of itself.
type meeting struct {
	peer   netip.Addr
	us     netip.Addr // our own address, as it sees us
	began  time.Time  // when it was asked for the first time
	at     time.Time  // zero: it has never answered
	theirs *status

	told   *router.PairView // the newest
	toldAt time.Time
}

// seenBy is the other router in our own snapshot.
func (m *meeting) seenBy(ours *router.Snapshot, now time.Time) *router.PairView {
	view := router.PairView{Peer: m.peer.String(), Connected: !m.at.IsZero() && now.Sub(m.at) < gone}
	view.Heard = hears(ours.Speakers, ours.VRRP, instant(ours.Time, ours.VRRPTime), m.peer)
	if m.theirs == nil {
		return &view
	}
	t := m.theirs
	at := m.at.UTC()
	view.Seen, view.Router, view.Version = &at, brief(t.Router), brief(t.Version)
	view.Sentence, view.Verdict = brief(t.Sentence), router.Verdict(brief(string(t.Verdict)))
	view.Accounts, view.WANs, view.Drained = brief(t.Accounts), linesOf(t.WANs), t.Drained
	if view.Connected {
		view.HearsUs = hears(t.Speakers, t.VRRP, instant(t.Time, t.VRRPTime), m.us)
		view.State = brief(stateAt(t.VRRP, m.us))
	}
	return &view
}

// instant is when what a snapshot says of VRRP was so.
func instant(at time.Time, vrrp *time.Time) time.Time {
	if vrrp != nil {
		return *vrrp
	}
	return at
}

// brief cuts what another router says, and leaves out what steers a terminal.
func brief(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if letters := []rune(text); len(letters) > clause {
		return string(letters[:clause]) + "…"
	}
	return text
}

// hears reports whether a router hears another one's adverts: only the Active of an election sends any.
func hears(speakers []router.SpeakerSnapshot, elections []router.VRRPSnapshot, now time.Time, other netip.Addr) bool {
	for _, sp := range speakers {
		if sp.Source == other.String() && now.Sub(sp.Last) < max(gone, 4*time.Duration(sp.Interval)) {
			return true
		}
	}
	for _, v := range elections {
		if v.State != "active" && v.ActiveRouter == other.String() {
			return true
		}
	}
	return false
}

// stateAt is a router's state for the first virtual address in the network where the other one is.
func stateAt(elections []router.VRRPSnapshot, other netip.Addr) string {
	for _, v := range elections {
		for _, text := range v.Addresses {
			if p, err := netip.ParsePrefix(text); err == nil && p.Masked().Contains(other) {
				return v.State
			}
		}
	}
	return ""
}
