package web

import "github.com/twinpath/twinpath/router"

// pair writes how the two routers work together.
func (m *exposition) pair(p *router.PairView) {
	if p == nil {
		return
	}
	one := func(name, kind, help string, value float64) {
		m.begin(name, kind, help)
		m.sample(value)
	}
	one("pair_connected", "gauge", "Whether the other router answers.", truth(p.Connected))
	one("pair_linked", "gauge", "Whether the two routers work together, so that connections survive a move of the house.", truth(p.Linked))
	one("pair_gone", "gauge", "Whether the other router is known to be dead.", truth(p.Gone))
	one("pair_deaf", "gauge", "Whether one of the two does not hear the other.", truth(p.Deaf != ""))
	m.begin("pair_handover", "gauge", "Where the hand-over of the other router's connections stands: 1 for the phase that holds.")
	phase := p.Phase
	if phase == "" {
		phase = router.HandOverNone.String()
	}
	m.states([]string{"none", "ready", "learns", "keeps"}, phase)
	one("pair_flows_kept", "gauge", "Connections that stay with the other router and pass here.", float64(p.FlowsHandedOver))
	one("pair_flows_left", "gauge", "Connections that this router has by lines of its own.", float64(p.Left))
	one("pair_handovers_total", "counter", "Hand-overs to this router.", float64(p.HandOvers))
	one("pair_beats_lost_total", "counter", "Signs of life of the other router that did not come.", float64(p.BeatsLost))
}
