package site

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// fact is a line of a card: what, and how it is.
type fact struct {
	Name, Text string
	Word, Mood string // what is to be noticed; empty: nothing
	Note       string
}

// factsOf are what a line's card says of it beside its address: its IPv6 and the packets that fit through.
func factsOf(w router.WANSnapshot) []fact {
	var all []fact
	if v := w.IPv6; v != nil {
		f := fact{Name: "IPv6", Text: cmp.Or(v.Prefix, v.Address), Note: v.Reason}
		switch v.State {
		case "up":
			if v.Prefix != "" { // else it says why the house has none
				f.Note = ""
			}
		case "down":
			f.Word, f.Mood = "none", "calm"
			if f.Text != "" {
				f.Word, f.Mood = "does not work", "warn"
			}
		}
		all = append(all, f)
	}
	if p := w.Path; p != nil && (p.MTU4 > 0 || p.MTU6 > 0) {
		all = append(all, pathFact(*p))
	}
	return all
}

func pathFact(p router.PathView) fact {
	f := fact{Name: "Packets"}
	switch {
	case p.MTU4 == 0:
		f.Text = fmt.Sprintf("up to %d bytes by IPv6", p.MTU6)
	case p.MTU6 == 0 || p.MTU6 == p.MTU4:
		f.Text = fmt.Sprintf("up to %d bytes", p.MTU4)
	default:
		f.Text = fmt.Sprintf("up to %d bytes, %d by IPv6", p.MTU4, p.MTU6)
	}
	if p.Hole4 || p.Hole6 {
		f.Word, f.Mood = "swallows larger ones", "warn"
		f.Note = "without a word; TCP is told to send smaller ones"
	}
	return f
}

// houseCard is how the house is served, and the names by which it is found.
type houseCard struct {
	*router.HouseView
	Mood, Icon, Word string
	Facts            []fact
	Names            []nameRow
	Odd              []string // what should not be
}

// nameRow is a name in the DNS.
type nameRow struct {
	router.NameView
	Mood, Icon, Word string
}

// houseOn is the house's card; nil where there is nothing to say.
func houseOn(s *router.Snapshot) *houseCard {
	h := s.House
	if h == nil && len(s.DDNS) == 0 {
		return nil
	}
	c := &houseCard{HouseView: h, Names: nameRows(s.DDNS)}
	if h == nil {
		c.Mood, c.Icon, c.Word = namesMood(c.Names)
		return c
	}
	c.Mood, c.Icon, c.Word = attendance(s)
	if h.Serving {
		c.Facts = append(c.Facts, fact{Name: "Devices", Text: devices(h.Leases)})
	}
	c.Facts = append(c.Facts, inet6Facts(h)...)
	for _, other := range h.Routers6 {
		c.Odd = append(c.Odd, "Another router offers IPv6 in the house: "+other+".")
	}
	return c
}

// attendance says whether the house has who serves it.
func attendance(s *router.Snapshot) (mood, icon, word string) {
	switch h := s.House; {
	case h.Stranger != nil:
		return "warn", "degraded", "Somebody else hands out addresses"
	case len(h.Routers6) > 0:
		return "warn", "degraded", "Another router offers IPv6"
	case h.Serving && h.Reason == "":
		return "good", "up", "Served"
	case h.Serving:
		return "calm", "unknown", "Served"
	case h.Advertise && h.Reason == "":
		return "good", "up", "Served with IPv6"
	case s.Pair != nil && s.Pair.Connected:
		return "calm", "backup", "Standing by"
	case h.Reason == "":
		return "calm", "unknown", "Not by this router"
	}
	return "warn", "degraded", "Not served"
}

func devices(n int) string {
	if n == 1 {
		return "1 has an address"
	}
	return fmt.Sprintf("%d have an address", n)
}

// inet6Facts are what devices are told of IPv6.
func inet6Facts(h *router.HouseView) []fact {
	if !h.Advertise {
		return nil
	}
	var all []fact
	for _, p := range h.Prefixes {
		all = append(all, fact{Name: "IPv6", Text: p})
	}
	for _, p := range h.Retired {
		all = append(all, fact{Name: "IPv6, retired", Text: p})
	}
	if h.Router6 != "" {
		f := fact{Name: "IPv6 router", Text: h.Router6}
		if !h.Default6 {
			f.Word, f.Mood, f.Note = "not to the Internet", "calm", "devices use IPv4"
		}
		all = append(all, f)
	}
	return all
}

func nameRows(names []router.NameView) []nameRow {
	var all []nameRow
	for _, n := range names {
		r := nameRow{NameView: n, Mood: "good", Icon: "up", Word: "leads here"}
		switch {
		case n.Error != "":
			r.Mood, r.Icon, r.Word = "warn", "degraded", "not up to date"
		case n.Address == "":
			r.Mood, r.Icon, r.Word = "calm", "unknown", "not told yet"
		}
		all = append(all, r)
	}
	return all
}

// namesMood is the worst of the names.
func namesMood(names []nameRow) (mood, icon, word string) {
	for _, n := range names {
		if n.Mood == "warn" {
			return "warn", "degraded", "A name is not up to date"
		}
	}
	return "calm", "unknown", "Names"
}

// leasesView is what house.html shows.
type leasesView struct {
	House  *houseCard // nil: nothing is known of it
	Leases []web.HouseLease
}

// housePage shows the owner who is at home.
func (s *Site) housePage(w http.ResponseWriter, r *http.Request, token string) {
	all, err := s.Client.As(token).HouseLeases(r.Context())
	if err != nil && web.StatusOf(err) != http.StatusNotFound {
		s.deny(w, r, err)
		return
	}
	v := leasesView{Leases: all}
	if n := s.hub.seen(); n != nil && n.snapshot != nil {
		v.House = houseOn(n.snapshot)
	}
	s.render(w, r, "house", v)
}
