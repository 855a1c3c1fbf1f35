package router

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/health"
)

func TestLendingNamesOwnLines(t *testing.T) {
	config := dual()
	config.Pair = Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "correct horse battery"}
	config.WANs = append(config.WANs, WANConfig{Name: "neighbour", Kind: Peer, Peer: config.Pair.Peer, Cost: 90, Weight: 1})
	h := settled(t, config)
	h.lease6("fibre", "2001:db8:f100::/56")
	h.verdict6("fibre", health.Up)
	show := func(when, want string) {
		t.Helper()
		text := ""
		for _, p := range h.state.lending(h.last) {
			text += fmt.Sprintf("%s %s %v %v %d+%d %v %q %q %v; ", p.Name, p.State, p.Usable, p.Usable6, p.Cost, p.Lost, p.Metered, p.Reason, p.Blame, p.Sources6)
		}
		if text = strings.TrimSuffix(text, "; "); text != want {
			t.Errorf("%s: %s\nwant %s", when, text, want)
		}
	}
	const fibre = `fibre up true true 0+0 false "3 of 3 checks answer" "" [2001:db8:f100::/56 2001:db8:f::7/128]`
	show("both work", fibre+`; lte up true false 50+0 true "3 of 3 checks answer" "" []`)
	h.fold(DrainWished{WAN: "lte"})
	show("one is drained", fibre+`; lte up true false 50+100 true "it is being drained" "" []`)
	h.fold(DrainWished{Off: true})
	h.usedUp(Never)
	h.cable("wan0", false)
	show("no cable, no data", `fibre down false false 0+100 false "no cable in wan0, or nothing behind it has power" "cable" [2001:db8:f100::/56 2001:db8:f::7/128]; `+
		`lte up true false 50+100 true "3 of 3 checks answer; its data is used up: nobody may use it but who always may" "" []`)
}

func TestNothingToLend(t *testing.T) {
	config := shared(0)
	config.WANs = config.WANs[1:]
	h := &house{t: t, now: noon, links: newWorld().links}
	h.state = NewState(config, h.links, Earlier{}, h.now)
	h.decide()
	if all := h.state.lending(h.last); all == nil || len(all) != 0 {
		t.Errorf("lends %v, want a list of none: the other router is to know", all)
	}
}

func TestLinesAreReadAsWritten(t *testing.T) {
	all := []PartnerLine{cableLine(), broken(cableLine()), {Name: strings.Repeat("ü", 150), Cost: 253, Lost: 100, Blame: BlameISP}}
	text, err := FormatLines(all)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseLines(text)
	if err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("%v, %v", got, err)
	}
	if none, err := FormatLines(nil); err != nil || string(none) != "[]" {
		t.Errorf("none is %s, %v", none, err)
	}
	if got, err := ParseLines([]byte(`[{"name":"fibre","colour":"red"}]`)); err != nil || len(got) != 1 {
		t.Errorf("of a newer program: %v, %v", got, err)
	}
}

func TestLinesThatCannotBe(t *testing.T) {
	long := strings.Repeat("x", 301)
	for text, want := range map[string]string{
		``:                                      "EOF",
		`null`:                                  "want a list",
		`{}`:                                    "cannot unmarshal",
		`[] []`:                                 "more than one list",
		`[{}]`:                                  "line 1: it has no name",
		`[{"name":"a"},{"name":"b","cost":-1}]`: "line 2: cost -1",
		`[{"name":"a","lost":101}]`:             "lost 101",
		`[{"name":"a","blame":"you"}]`:          `blame "you" is unknown`,
		`[{"name":"` + long + `"}]`:             "want 300 printable bytes",
		`[{"name":"a","reason":"\n"}]`:          "printable",
		`[{"name":"a","dns":["fe80::1"]}]`:      "want addresses of IPv4",
		`[{"name":"a","dns":["127.0.0.1"]}]`:    "want addresses of IPv4",
		`[{"name":"a","sources6":["::/0"]}]`:    "want one of IPv6 of a provider",
		`[{"name":"a","sources6":["10.0.0.0/8"]}]`:                                     "want one of IPv6 of a provider",
		`[{"name":"a","sources6":["fd00::/64"]}]`:                                      "want one of IPv6 of a provider",
		`[{"name":"a","sources6":["2000::/3"]}]`:                                       "want one of IPv6 of a provider",
		"[" + strings.Repeat(`{"name":"a"},`, 16) + `{"name":"a"}]`:                    "17 of them",
		`[{"name":"a","dns":["192.0.2.1"` + strings.Repeat(`,"192.0.2.1"`, 16) + `]}]`: "17 servers",
	} {
		if got, err := ParseLines([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzParseLines(f *testing.F) {
	text, _ := FormatLines([]PartnerLine{cableLine(), broken(cableLine())})
	f.Add(text)
	f.Add([]byte(`[{"name":"a","sources6":["2001:db8::/32"],"dns":["192.0.2.1"]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := ParseLines(text)
		if err != nil {
			return
		}
		again, err := FormatLines(all)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseLines(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if twice, err := FormatLines(got); err != nil || string(twice) != string(again) {
			t.Errorf("%s is read, and written as %s, %v", again, twice, err)
		}
	})
}

// The other router hears of a dead line before this one's priority is lowered, and nobody hears anything of a router alone.
func TestBadNewsLeaveFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		config := twin(tracking("fibre"))
		config.Pair = Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "correct horse battery"}
		ports := w.ports()
		ports.Offer = func(all []PartnerLine) {
			w.change(func(w *world) { w.steps = append(w.steps, fmt.Sprintf("offer %s %v", all[0].Name, all[0].Usable)) })
		}
		r, stop := w.run(t, config, ports)
		defer stop()
		time.Sleep(settle + introduction)
		w.walked()
		w.say("fibre", health.Verdict{State: health.Down, Lost: 100, Reason: "none of 3 checks answers", Broken: health.Everything})
		synctest.Wait()
		if steps := w.walked(); len(steps) < 3 || steps[0] != "offer fibre false" || !strings.HasPrefix(steps[1], "lan 1 ") {
			t.Errorf("in this order: %q", steps)
		}
		config.Pair.Secret = ""
		if err := r.Reconfigure(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		w.walked()
		w.say("fibre", health.Verdict{State: health.Up, Reason: "3 of 3 checks answer"})
		synctest.Wait()
		for _, step := range w.walked() {
			if strings.HasPrefix(step, "offer") {
				t.Errorf("told without a secret: %s", step)
			}
		}
	})
}
