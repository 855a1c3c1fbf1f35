package kernel

import (
	"net/netip"

	"github.com/twinpath/twinpath/pair/flow"
	rtnetlink "github.com/vishvananda/netlink"
)

// houseEnds knows which addresses are in the house, as long as nothing changes there.
type houseEnds struct {
	handle *rtnetlink.Handle
	inside map[netip.Addr]bool
}

// houseMost bounds what is remembered: a stranger on the Internet has many addresses.
const houseMost = 4096

// of returns a flow as its end in the house sends it: if that began the flow, as it began; else as it answers, whatever addresses the other
// end believes to have reached. What has no end in the house is the router's own.
func (h *houseEnds) of(t *tracked) (flow.Flow, bool) {
	source, destination := t.original.Ends()
	answering, _ := t.reply.Ends()
	// An address that was translated is looked at last: the other end of a forwarded port is anybody, and there are many of them.
	redirected := destination != answering
	switch {
	case redirected && h.has(answering.Addr()) && !h.has(source.Addr()):
		return t.reply, true
	case h.has(source.Addr()):
		return t.original, true
	case !redirected && h.has(answering.Addr()):
		return t.reply, true
	}
	return flow.Flow{}, false
}

func (h *houseEnds) has(a netip.Addr) bool {
	known, seen := h.inside[a]
	if !seen {
		known = inHouse(h.handle, a)
		if h.inside == nil || len(h.inside) >= houseMost {
			h.inside = make(map[netip.Addr]bool)
		}
		h.inside[a] = known
	}
	return known
}

func (h *houseEnds) forget() { h.inside = nil }
