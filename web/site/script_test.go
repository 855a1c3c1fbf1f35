package site

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinpath/twinpath/router"
)

// attacks are what somebody might write where a name is asked for.
var attacks = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`'><svg/onload=alert(1)>`,
	`</title><script>alert(1)</script>`,
	`</h1></section></main><iframe srcdoc="<script>alert(1)</script>">`,
	`javascript:alert(1)`,
	`{{.}}<!--`,
	"\u2028</script>\x00\xff",
}

// poisoned has the text in every field that is words.
func poisoned(text string) *fakeDaemon {
	w := down(standby(), text)
	w.Name, w.Kind, w.Interface, w.Address, w.Gateway, w.DNS, w.State = text, text, text, text, text, []string{text}, text
	for i := range w.Checks {
		w.Checks[i].Target, w.Checks[i].Reason = text, text
	}
	s := house(router.Verdict(text), text+". "+text, w)
	s.Router, s.Version, s.Kernel.Error = text, text, text
	v := election(text, text, text, text)
	v.Reason, v.Family, v.Interface = text, text, text
	v.Checks = []router.CheckSnapshot{{Target: text, Reason: text}}
	s.VRRP = []router.VRRPSnapshot{v}
	s.Speakers = []router.SpeakerSnapshot{{Source: text, Verdict: text, Ours: text}}
	seen := noon
	s.Pair = &router.PairView{Peer: text, Connected: true, Router: text, Version: "other " + text, Sentence: text, Verdict: router.Verdict(text), Seen: &seen,
		Differences: []string{text}, LinkReason: text, Deaf: text, Phase: text,
		WANs: []router.PartnerWAN{{Name: text, Kind: text, State: text, Address: text, Reason: text, Budget: &router.BudgetView{Month: 1, Class: text}}}}
	d := newDaemon(s)
	d.settings.Router, d.settings.Names = text, []string{text}
	w.Budget = &router.BudgetView{Month: 1, Class: text}
	w.Drill = &router.DrillView{WAN: text, Through: text, End: noon, Sentence: text}
	s.Disk, s.Alerts = text, &router.AlertsView{Waiting: 1, Channels: []router.ChannelView{{Name: text, Error: text}}}
	s.WANs[0] = w
	for _, i := range troubles() {
		i.ID, i.WAN, i.VRRP, i.State, i.Sentence, i.Blame, i.Router = text+i.ID, text, text, text, text, router.Blame(text), text
		i.Ladder = []router.Rung{{What: text, State: text, Detail: text}, {What: "cable", State: text, Detail: text}}
		i.Others, i.Steps = []router.Witness{{WAN: text, State: text}}, []router.Step{{Time: noon, Sentence: text}}
		i.Carried = []router.Carrier{{WAN: text, From: noon, Data: 1}}
		d.troubles = append(d.troubles, i)
	}
	d.measures = measured(text)
	d.measures.WANs[0].Points[1000].State = text
	return d
}

// elements are the tags of a page in their order, each with its attributes' names.
func elements(t *testing.T, page []byte) []string {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		names := []string{}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
			if value := strings.ToLower(strings.TrimSpace(a.Val)); (a.Key == "href" || a.Key == "src" || a.Key == "action") &&
				!strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") && value != "http://"+other.String()+"/" {
				t.Errorf("<%s> leads to %q", n.Data, a.Val)
			}
			if a.Key != "class" { // a long sentence is set smaller
				names = append(names, a.Key)
			}
		}
		slices.Sort(names)
		all = append(all, n.Data+" "+strings.Join(names, " "))
	}
	return all
}

// Whatever stands in a name, the page has the elements that it has with a harmless one there.
func TestNoWordIsTakenForCode(t *testing.T) {
	targets := []string{"/", "/part", "/graphs", "/report", "/report?from=x&to=x", "/nowhere"}
	want := pagesOf(t, "harmless", targets)
	for _, attack := range attacks {
		for n, got := range pagesOf(t, attack, targets) {
			if !slices.Equal(got, want[n]) {
				t.Errorf("%s with %q: the page has %d elements, want the same %d as with a harmless name", targets[n], attack, len(got), len(want[n]))
			}
		}
	}
}

func pagesOf(t *testing.T, text string, targets []string) (all [][]string) {
	t.Helper()
	s := siteOf(t, poisoned(text))
	for _, target := range targets {
		w := get(s, target)
		if w.Code != http.StatusOK && w.Code != http.StatusNotFound && w.Code != http.StatusBadRequest {
			t.Fatalf("%s with %q: %d", target, text, w.Code)
		}
		all = append(all, elements(t, w.Body.Bytes()))
	}
	return all
}

// The scripts and style sheets are files: nothing on a page is code, so that the policy can forbid all of it.
func TestPagesHoldNoCode(t *testing.T) {
	for name, p := range pictures() {
		page := get(show(t, p), "/").Body.String()
		root, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style") && n.FirstChild != nil {
				t.Errorf("%s: <%s> has content", name, n.Data)
			}
		}
		elements(t, []byte(page))
	}
}
