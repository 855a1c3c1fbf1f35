package pair

import (
	"encoding/json"
	"fmt"

	"github.com/twinpath/twinpath/router"
)

// Past is what one router tells the other of its incidents.
type Past struct {
	// All: it is the first word of this run of the program. Open then has the ID of everything that goes on.
	All       bool              `json:"all,omitempty"`
	Open      []string          `json:"open,omitempty"`
	Incidents []router.Incident `json:"incidents"`
}

// MostPast is how many incidents a Past has at most, the newest: a house has some ten a month.
const MostPast = 20

// WritePast is a Past in bytes. Of more incidents than MostPast the first are left out.
func WritePast(p Past) ([]byte, error) {
	p.Incidents = p.Incidents[max(0, len(p.Incidents)-MostPast):]
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write incidents for the other router: %w", err)
	}
	return text, nil
}

// ReadPast reads the Past of the router of a name, cut to what is kept. Its incidents are marked as of elsewhere.
func ReadPast(text []byte, name string) (Past, error) {
	const mostOpen = 1000
	var p Past
	if err := json.Unmarshal(text, &p); err != nil {
		return Past{}, fmt.Errorf("read the other router's incidents: %w", err)
	}
	p.Open, p.Incidents = p.Open[:min(len(p.Open), mostOpen)], p.Incidents[:min(len(p.Incidents), MostPast)]
	var kept []router.Incident
	for _, i := range p.Incidents {
		if i.ID == "" || len(i.ID) > clause || brief(i.ID) != i.ID || i.Start.IsZero() {
			continue
		}
		i.Router, i.Elsewhere = brief(name), true
		i.WAN, i.VRRP, i.State, i.Sentence = brief(i.WAN), brief(i.VRRP), brief(i.State), brief(i.Sentence)
		i.Cause, i.Blame = router.Cause(brief(string(i.Cause))), router.Blame(brief(string(i.Blame)))
		clip(&i)
		kept = append(kept, i)
	}
	p.Incidents = kept
	return p, nil
}

// clip bounds the lists of an incident.
func clip(i *router.Incident) {
	const most = 50
	i.Ladder, i.Others = i.Ladder[:min(len(i.Ladder), most)], i.Others[:min(len(i.Others), most)]
	i.Carried, i.Steps = i.Carried[:min(len(i.Carried), most)], i.Steps[:min(len(i.Steps), most)]
	i.LastHop = i.LastHop.WithZone("") // which may be any text
	for n := range i.Ladder {
		r := &i.Ladder[n]
		r.Address = r.Address.WithZone("")
		r.What, r.State, r.Detail = brief(r.What), brief(r.State), brief(r.Detail)
	}
	for n := range i.Others {
		i.Others[n].WAN, i.Others[n].State = brief(i.Others[n].WAN), brief(i.Others[n].State)
	}
	for n := range i.Carried {
		i.Carried[n].WAN = brief(i.Carried[n].WAN)
	}
	for n := range i.Steps {
		i.Steps[n].Sentence = brief(i.Steps[n].Sentence)
	}
}
