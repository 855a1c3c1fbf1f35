package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

// quickPair is PairConfig with lines that are proven sooner: how long that takes by default is not what is tested.
func quickPair(router string) string {
	return strings.Replace(PairConfig(router), "kind      = \"dhcp\"\n", "kind      = \"dhcp\"\n\n  [wan.health]\n  rise = 2\n", 1)
}

// bounded is the time of the whole test: a story that keeps its promises uses a third of it.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestPairStory plays what "twinpath lab --pair" plays, and then with the home that it leaves.
func TestPairStory(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	home := pairAtPlay()
	home.Tag = fmt.Sprintf("s%d-", tags.Add(1))
	h, err := Build(ctx, home)
	must(t, err)
	t.Cleanup(h.Close)
	must(t, startPair(ctx, h, built(t), func(router string) string { return dualRouter(quickPair(router)) + PairLinkConfig(router) }))

	var out bytes.Buffer
	story, err := PlayPair(ctx, &out, h)
	t.Log(out.String())
	must(t, err)
	if len(story) != 8 {
		t.Fatalf("%d chapters, want 8", len(story))
	}
	for _, c := range story {
		if !c.kept(slackHere) {
			t.Errorf("%s: %s", c.Title, c.promise())
		}
		if want := map[string]string{"main": "fibre", "backup": "lte"}[c.To]; c.Line != want {
			t.Errorf("%s: new flows use %s, want %s", c.Title, c.Line, want)
		}
	}
	playOn(ctx, t, h)
}

// playOn gives orders to the pair after its story.
func playOn(ctx context.Context, t *testing.T, h *House) {
	t.Helper()
	say := func(line string) string {
		var out bytes.Buffer
		must(t, Interactive(ctx, strings.NewReader(line+"\n"), &out, h))
		return out.String()
	}
	for _, c := range []struct{ order, line string }{
		{"poweron main", "fibre"}, {"cutlan main", "lte"}, {"pluglan main", "fibre"}, {"cut fibre", "lte"},
	} {
		said := say(c.order)
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(look) {
			from, err := h.Devices[0].Seen(ctx)
			if err == nil && h.LineOf(from) == c.line {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("after %q (%s) the house is not on %s: %s", c.order, said, c.line, say("status"))
			}
		}
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(look) { // a packet may be faster by the other router than its status
		said := say("status")
		if strings.Contains(said, "active    priority 50  192.168.1.1/24, Active is 192.168.1.3") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the status does not say who is Active: %s", said)
		}
	}
	if said := say("cut lte\nplug lte"); strings.Contains(said, "no cable") {
		t.Errorf("a line of the other router: %s", said)
	}
}

func TestPairKept(t *testing.T) {
	broken := StreamResult{Sent: 9, Answered: 8, Stall: time.Millisecond, Cause: net.ErrClosed}
	alive := StreamResult{Sent: 9, Answered: 8, Stall: 30 * time.Millisecond}
	unfelt := PairChapter{From: "a", To: "a", Serves: "a", Stream: alive}
	planned := PairChapter{From: "a", To: "b", Serves: "b", Silence: SilencePromise, Stream: alive, Stream6: &alive}
	dead := PairChapter{From: "a", To: "b", Serves: "b", Breaks: true, Stream6: &broken, Gap: HolePromise, Silence: SilencePromise, Stream: broken, UDP: UDPResult{Lost: 9, Gap: time.Second}}
	for name, c := range map[string]struct {
		chapter PairChapter
		change  func(*PairChapter)
		kept    bool
	}{
		"nothing felt":      {unfelt, func(*PairChapter) {}, true},
		"one lost":          {unfelt, func(c *PairChapter) { c.UDP.Lost = 1 }, false},
		"stream broke":      {unfelt, func(c *PairChapter) { c.Stream = broken }, false},
		"connect failed":    {unfelt, func(c *PairChapter) { c.Connect.Failed = 1 }, false},
		"address went":      {unfelt, func(c *PairChapter) { c.Holders.Changes = 2 }, false},
		"moved":             {planned, func(*PairChapter) {}, true},
		"moved nowhere":     {planned, func(c *PairChapter) { c.Serves = "a" }, false},
		"moved with a loss": {planned, func(c *PairChapter) { c.UDP.Lost = 1 }, false},
		"silent":            {planned, func(c *PairChapter) { c.Ping.Gap = SilencePromise + 1 }, false},
		"two holders":       {planned, func(c *PairChapter) { c.Holders.Several = SeveralPromise + 1 }, false},
		"moved and broke":   {planned, func(c *PairChapter) { c.Stream = broken }, false},
		"IPv6 broke":        {planned, func(c *PairChapter) { c.Stream6 = &broken }, false},
		"no IPv6":           {planned, func(c *PairChapter) { c.Stream6 = nil }, true},
		"another way":       {planned, func(c *PairChapter) { c.UDP.Via = []netip.Addr{{}, {}} }, false},
		"dead":              {dead, func(*PairChapter) {}, true},
		"never told":        {dead, func(c *PairChapter) { c.Stream = alive }, false},
		"IPv6 never told":   {dead, func(c *PairChapter) { c.Stream6 = &alive }, false},
		"told late":         {dead, func(c *PairChapter) { c.Told = ToldPromise + 1 }, false},
		"IPv6 told late":    {dead, func(c *PairChapter) { c.Told6 = ToldPromise + 1 }, false},
		"long gap":          {dead, func(c *PairChapter) { c.UDP.Gap = HolePromise + 1 }, false},
	} {
		c.change(&c.chapter)
		if got := c.chapter.Kept(); got != c.kept {
			t.Errorf("%s: kept %t, want %t", name, got, c.kept)
		}
	}
	if (PairStory{}).Kept() || !(PairStory{unfelt, planned}).Kept() || (PairStory{unfelt, {}}).Kept() {
		t.Error("a story is kept when it has chapters and all are")
	}
}

// printedPair is the table of two chapters: one that breaks its promises, and one that keeps them.
const printedPair = `
what happened  UDP gap  lost  gateway silent  nobody / both  TCP stream                       failed connects  served by  promise
gone           1.26s    608   0s              0s / 0s        never told, IPv6 told after 7ms  0 of 0           b          gap ≤ 2s, silent ≤ 20ms, told ≤ 500ms: BROKEN
back           0s       0     0s              0s / 0s        survived, IPv6 survived          0 of 0           a          nothing lost, silent ≤ 20ms, TCP lives: kept
The same with keepalived 2.2.7 (docs/benchmarks.md): a dead provider is felt for 8.1 s, a power cut for 3.3 s; when the house moves back, or is
moved by its owner, every TCP connection ends and every UDP flow changes its address.

`

func TestPrintPair(t *testing.T) {
	alive := StreamResult{Sent: 9, Answered: 8, Stall: time.Millisecond}
	broken := StreamResult{Cause: net.ErrClosed}
	story := PairStory{
		{Title: "gone", From: "a", To: "b", Breaks: true, Gap: HolePromise, Silence: SilencePromise, Serves: "b",
			UDP: UDPResult{Gap: 1260 * time.Millisecond, Lost: 608}, Took: time.Second, Stream6: &broken, Told6: 7 * time.Millisecond},
		{Title: "back", From: "b", To: "a", Silence: SilencePromise, Serves: "a", Stream: alive, Stream6: &alive},
	}
	var out bytes.Buffer
	story.Print(&out)
	if got := regexp.MustCompile(` +\n`).ReplaceAllString(out.String(), "\n"); got != printedPair {
		t.Errorf("got\n%s\nwant\n%s", got, printedPair)
	}
	printPairRuns(&out, []PairStory{story, story})
	if want := "608 / 608"; !strings.Contains(out.String(), want) {
		t.Errorf("%q is missing:\n%s", want, out.String())
	}
}

// TestTellPair prints what became of the flow of datagrams of a chapter.
func TestTellPair(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	for want, c := range map[string]PairChapter{
		"stay where they are":                                        {From: "a", To: "a", UDP: UDPResult{Via: []netip.Addr{a}}},
		"stay with a until they end; new ones take lte":              {From: "a", To: "b", Line: "lte", UDP: UDPResult{Via: []netip.Addr{a}}},
		"seen from 192.0.2.1 at first, from 198.51.100.1 in the end": {From: "a", To: "b", UDP: UDPResult{Via: []netip.Addr{a, b}}},
	} {
		if got := c.way(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPairNeedsItsHome(t *testing.T) {
	h, _, _ := plain(t, "fibre")
	if _, err := PlayPair(t.Context(), new(bytes.Buffer), h); err == nil || !strings.Contains(err.Error(), "the house has 1, 2 and 1") {
		t.Errorf("a house with one router: %v", err)
	}
	var out bytes.Buffer
	if got := Command(t.Context(), []string{"--pair", "--play"}, strings.NewReader(""), &out, Setting{Binary: "/bin/false"}); got != 1 {
		t.Errorf("daemons that end at once: exit %d, want 1: %s", got, out.String())
	}
}
