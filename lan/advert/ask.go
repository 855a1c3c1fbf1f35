package advert

import (
	"slices"
	"time"

	"github.com/mdlayher/ndp"
)

// A router that stands by asks for the adverts of the one that serves as a host does (RFC 4861 §6.3.7): without an answer it would know
// only after a minute what devices have to leave when that one is gone.
const (
	questions     = 3
	questionPause = 4 * time.Second
)

// acquaint follows who else is ours: one that was taken for a stranger may be, and has to be asked what it tells.
func (m *Machine) acquaint(now time.Time, old Wanted) {
	w := m.want
	for from, s := range m.strangers {
		if slices.Contains(w.Peers, s.mac.String()) {
			delete(m.strangers, from)
		}
	}
	same := old.Index == w.Index && old.Own == w.Own && old.Carrier == w.Carrier && old.Serves == w.Serves && slices.Equal(old.Peers, w.Peers)
	if !same {
		m.questions, m.question = questions, now
	}
}

// curious reports whether this router has to ask.
func (m *Machine) curious() bool {
	return !m.want.Serves && m.want.Carrier && m.want.Own.IsValid() && m.questions > 0
}

// askAround returns the question that is due.
func (m *Machine) askAround(now time.Time) []Packet {
	if !m.curious() || !due(now, m.question) {
		return nil
	}
	m.questions--
	m.question = now.Add(questionPause)
	s := &ndp.RouterSolicitation{}
	own := m.want
	own.VirtualMAC = nil
	mac := own.mac()
	if len(mac) == 0 {
		return nil
	}
	s.Options = []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac}}
	message, err := ndp.MarshalMessageChecksum(s, own.Own, routers())
	if err != nil {
		return nil // of an address that is no address
	}
	return []Packet{{From: own.Own, FromMAC: mac, To: routers(), Message: message}}
}
