package lab

import (
	"fmt"
	"strings"
)

// Witness counts on the house's switch what two routers send each other of the devices' packets to the Internet.
type Witness struct{ house *House }

// Crossings are a Witness's counts, of both families.
type Crossings struct {
	There int // packets from the first router to the second
	Back  int // packets from the second router to the first
	Twice int // of both: those that had crossed before, by what is left of the 64 hops that every device gives them
}

// Witness has the switch count what passes between two routers.
func (h *House) Witness(one, other *Box) (*Witness, error) {
	text := strings.NewReplacer("ONES", one.lan.Addr().String(), "OTHERS", other.lan.Addr().String(), "ONE", one.macs["lan0"], "OTHER", other.macs["lan0"]).Replace(witnessing)
	if _, err := h.lan.Feed("nft -f -", text); err != nil {
		return nil, fmt.Errorf("count what %s and %s send each other: %w", one.Name, other.Name, err)
	}
	return &Witness{h}, nil
}

// The house's own addresses are 192.168.0.0/16 and link-local ones; what routers say to each other has one of these at its other end, too.
// What a router itself sends is no device's, and looks for the first hops with few left. A router takes one hop off: a device's packet has 63 on its way to the second router.
const witnessing = `
table bridge witness {
	counter there { }
	counter back { }
	counter twice { }
	chain crossing {
		ether saddr ONE counter name there
		ether saddr OTHER counter name back
		ip ttl < 63 counter name twice
		ip6 hoplimit < 63 counter name twice
	}
	chain forward {
		type filter hook forward priority 0;
		ether saddr { ONE, OTHER } ether daddr { ONE, OTHER } jump out
	}
	chain out {
		ip saddr { ONES, OTHERS } accept
		ip saddr 192.168.0.0/16 ip daddr != { 192.168.0.0/16, 224.0.0.0/4 } jump crossing
		ip6 saddr 2000::/3 ip6 daddr 2000::/3 jump crossing
	}
}`

// Count is what was counted so far.
func (w *Witness) Count() (c Crossings, err error) {
	for name, n := range map[string]*int{"there": &c.There, "back": &c.Back, "twice": &c.Twice} {
		if *n, err = counterOf(w.house.lan, "bridge", "witness", name); err != nil {
			return c, err
		}
	}
	return c, nil
}
