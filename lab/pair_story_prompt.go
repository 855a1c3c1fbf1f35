package lab

import (
	"context"
	"slices"
)

// powerOrders are those about the cables and the power of a router, which matter most when there are two.
func powerOrders() []order {
	on := func(f func(h *House, name string) error) func(context.Context, *prompt, []string) error {
		return func(_ context.Context, p *prompt, args []string) error { return f(p.house, args[0]) }
	}
	return []order{
		{"cutlan", "HOST", "pull a router's or client's cable at the house's switch", 1, on((*House).CutLAN)},
		{"pluglan", "HOST", "put that cable back", 1, on((*House).PlugLAN)},
		{"poweroff", "ROUTER", "take its power: all of it stops at once", 1, on((*House).PowerOff)},
		{"poweron", "ROUTER", "give the power back and start its daemon", 1, powerOn},
	}
}

func powerOn(ctx context.Context, p *prompt, args []string) error {
	b, err := p.house.Box(args[0])
	if err != nil {
		return err
	}
	if err := p.house.PowerOn(b.Name); err != nil {
		return err
	}
	return b.Restart(ctx)
}

// customerOf names the first router with a cable to a provider; the first of all if none has.
func (h *House) customerOf(isp string) string {
	for _, b := range h.Boxes {
		if slices.Contains(b.wans, isp) {
			return b.Name
		}
	}
	return h.Boxes[0].Name
}
