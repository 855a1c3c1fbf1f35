package alert

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

var update = flag.Bool("update", false, "write the golden files anew")

// trouble is an incident as the book of incidents makes them.
func trouble(cause router.Cause, wan, sentence string) router.Incident {
	return router.Incident{
		ID: "main-20261120T120000Z-1", Router: "main", Cause: cause, WAN: wan, State: "down", Start: noon, Clock: true, Lasted: router.Seconds(252 * time.Second),
		Sentence: sentence,
	}
}

func closed(i router.Incident, sentence string) router.Incident {
	i.End, i.Sentence = noon.Add(252*time.Second), sentence
	return i
}

// parcels are what a phone shows, in the order in which an owner may see them.
func parcels() []Parcel {
	fibre := trouble(router.CauseWAN, "fibre", "fibre is down: the ISP's first router does not answer. lte carries the house.")
	fibre.Blame = router.BlameISP
	lte := trouble(router.CauseMetered, "lte", "The house uses lte, a metered line.")
	move := trouble(router.CauseVRRP, "", "main is Backup for 192.168.1.1 (lan): 192.168.1.3 has a higher priority.")
	move.VRRP, move.State, move.Moment = "lan", "backup", true
	none := trouble(router.CauseOffline, "", "")
	unset := trouble(router.CauseIdle, "lte", "lte, which carries nothing now, is down: no cable in usb0. There is no backup.")
	unset.Clock, unset.Blame = false, router.BlameCable
	began := Letter{ID: "1", Stage: Began, Router: "main", Time: noon.Add(time.Minute), Incidents: []router.Incident{fibre, lte, move}}
	ended := Letter{ID: "2", Stage: Ended, Router: "main", Time: noon.Add(255 * time.Second), Incidents: []router.Incident{
		closed(fibre, "fibre was down for 4 min 12 s: the ISP's first router did not answer. lte carried the house (38 MB)."), unset}}
	off := closed(trouble(router.CauseRestart, "", ""), "main lost its power or was reset: it ran at Fri 20 Nov 12:00:00 for sure, and again from Fri 20 Nov 12:04:12.")
	unrest := &Unrest{Name: "fibre", Since: noon, Last: noon.Add(20 * time.Minute), Total: 17, Recent: 4}
	still := Letter{Stage: Still, Router: "main", Incidents: []router.Incident{lte}, Note: usage(router.BudgetView{Month: 5e9, Used: router.Used{Month: 1234567890}})}
	carried := closed(none, "")
	carried.Carried = []router.Carrier{{}, {WAN: "lte", Data: 38e6, Metered: true}}
	return []Parcel{
		{Letters: []Letter{began}},
		{Letters: []Letter{ended}},
		{Letters: []Letter{{Stage: Began, Router: "main", Incidents: []router.Incident{unset}}}},
		{Letters: []Letter{{Stage: Ended, Router: "main", Incidents: []router.Incident{carried}}}, Late: errNoLine.Error()},
		{Letters: []Letter{{Stage: Unstable, Router: "main", Unrest: unrest}}},
		{Letters: []Letter{{Stage: Digest, Router: "main", Unrest: unrest}}},
		{Letters: []Letter{{Stage: Stable, Router: "main", Unrest: unrest}}},
		{Letters: []Letter{still}},
		{Letters: []Letter{{Stage: Happened, Router: "main", Incidents: []router.Incident{off}}}},
		{Letters: []Letter{{Stage: Happened, Router: "main", Incidents: []router.Incident{move}}}},
		{Letters: []Letter{began, ended}, Late: errors.New("send to ntfy://ntfy.sh/…: no answer within 10s").Error(), Dropped: 3},
	}
}

func TestMessagesReadAsTheyShould(t *testing.T) {
	const file = "testdata/messages.txt"
	var text strings.Builder
	for _, p := range parcels() {
		m := p.message(noon.Add(26 * time.Hour))
		fmt.Fprintf(&text, "%s\n%s\n(%s, resolved %t)\n\n", m.Title, m.Text, m.Priority, m.Resolved)
	}
	if *update {
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Errorf("got\n%s\nwant that of %s (run with -update and look at the difference)", text.String(), file)
	}
}

func TestALongWaitIsCut(t *testing.T) {
	var p Parcel
	for n := range 2 * most {
		p.Letters = append(p.Letters, Letter{Stage: Happened, Router: "main", Incidents: []router.Incident{trouble(router.CauseLogin, "", fmt.Sprintf("%d %s", n, strings.Repeat("x", clause)))}})
	}
	if m := p.message(noon); len([]rune(m.Text)) > 3600 || !strings.HasPrefix(m.Text, "…") || !strings.Contains(m.Text, "39 xx") {
		t.Errorf("%d letters: %.80s", len([]rune(m.Text)), m.Text)
	}
}

func TestUsage(t *testing.T) {
	for want, b := range map[string]router.BudgetView{
		"":                                    {},
		"12 MB are used this month.":          {Used: router.Used{Month: 12e6}},
		"1.2 GB of 5 GB are used this month.": {Month: 5e9, Incident: 1e9, Used: router.Used{Month: 1.2e9}},
		"1 B of 10 GB are used of what is prepaid.": {Prepaid: 1e10, Used: router.Used{Prepaid: 1}},
		"999 kB of 1 MB are used this time.":        {Incident: 1e6, Used: router.Used{Incident: 999e3}},
	} {
		if got := usage(b); got != want {
			t.Errorf("%+v: %q, want %q", b, got, want)
		}
	}
}
