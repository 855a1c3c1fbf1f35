package pair

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestThePastArrives(t *testing.T) {
	var all []router.Incident
	for n := range 30 {
		all = append(all, router.Incident{ID: fmt.Sprintf("spare-%d", n), Router: "spare", Cause: router.CauseWAN, WAN: "lte", Start: noon.Add(time.Duration(n) * time.Hour),
			Lasted: router.Seconds(time.Minute), Sentence: "lte was down.", Steps: []router.Step{{Time: noon, Sentence: "lte is down."}}})
	}
	text, err := WritePast(Past{All: true, Open: []string{"spare-29"}, Incidents: all})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ReadPast(text, "spare")
	if err != nil || !p.All || len(p.Open) != 1 || len(p.Incidents) != MostPast {
		t.Fatalf("%v: all %t, %d open, %d incidents", err, p.All, len(p.Open), len(p.Incidents))
	}
	if last := p.Incidents[MostPast-1]; last.ID != "spare-29" || !last.Elsewhere || last.Router != "spare" || len(last.Steps) != 1 || last.Lasted != router.Seconds(time.Minute) {
		t.Errorf("the newest: %+v", last)
	}
}

func TestAnOddPastIsCut(t *testing.T) {
	long := strings.Repeat("ä\x1b\n", 10_000)
	odd := router.Incident{ID: "a", Router: "main", Start: noon, WAN: long, Sentence: long, Steps: make([]router.Step, 1000), Ladder: []router.Rung{{Detail: long}}}
	text, err := WritePast(Past{Incidents: []router.Incident{odd, {ID: "", Start: noon}, {ID: "b"}, {ID: strings.Repeat("x", 1000), Start: noon}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ReadPast(text, "spare")
	if err != nil || len(p.Incidents) != 1 {
		t.Fatalf("%v, %d incidents", err, len(p.Incidents))
	}
	i := p.Incidents[0]
	if i.Router != "spare" || !i.Elsewhere { // it has not happened here, whatever it says
		t.Errorf("%s, elsewhere %t", i.Router, i.Elsewhere)
	}
	if len(i.Steps) > 50 || len(i.Sentence) > 3*clause || strings.Contains(i.WAN+i.Sentence+i.Ladder[0].Detail, "\x1b") {
		t.Errorf("%d steps, a sentence of %d bytes", len(i.Steps), len(i.Sentence))
	}
	if _, err := ReadPast([]byte("[]"), "spare"); err == nil {
		t.Error("a list is taken for the past")
	}
}
