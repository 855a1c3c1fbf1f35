package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// rehearse runs "twinpath drill" to its end and returns its result and whether its exit status was 0.
func rehearse(t *testing.T, b *Box, args ...string) (router.DrillView, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := b.Call(ctx, append([]string{"drill", "--json"}, args...)...)
	return rehearsed(t, out), err == nil
}

// rehearsed reads what "twinpath drill --json" has printed.
func rehearsed(t *testing.T, out string) router.DrillView {
	t.Helper()
	var v router.DrillView
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("drill: %v: %s", err, out)
	}
	for _, s := range v.Steps {
		t.Logf("%-6s %-5t %4.0f ms  %s", s.What, s.OK, time.Duration(s.Took).Seconds()*1000, s.Detail)
	}
	t.Logf("in %s: %s %q", v.End.Sub(v.Start), v.Sentence, v.Felt)
	return v
}

func toldOf(v router.DrillView) string { return strings.Join(v.Felt, " ") }

// TestDrillOfAGoodBackup proves both lines while the house is busy, which notices nothing.
func TestDrillOfAGoodBackup(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	f := busy(t, d)
	p, err := d.StartPinger("1.1.1.1", 50*time.Millisecond)
	must(t, err)
	start := time.Now()
	v, done := rehearse(t, b, "fibre")
	if !done || !v.OK || v.Through != "lte" || v.Sentence != "If fibre fails, lte can carry the house." {
		t.Errorf("%+v", v)
	}
	steps := map[string]string{}
	for _, s := range v.Steps {
		steps[s.What] = s.Detail
	}
	for what, want := range map[string]string{"ping": "20 of 20 answered", "dns": "192.0.2.1 in", "tls": "speed.cloudflare.com in", "fetch": "1.0 MB in", "mtu": "1500 bytes"} {
		if !strings.Contains(steps[what], want) {
			t.Errorf("%s: %q, want %q", what, steps[what], want)
		}
	}
	for _, want := range []string{"instead of", "over fibre", "about 1.0 MB of the data of lte", "would be noticed within 0."} {
		if !strings.Contains(toldOf(v), want) {
			t.Errorf("what the house would feel lacks %q: %q", want, v.Felt)
		}
	}
	awaitEvent(t, b, start, v.Sentence)
	if v, done := rehearse(t, b, "lte"); !done || !v.OK || v.Sentence != "lte works and could carry the house." {
		t.Errorf("the idle line by itself: %+v", v)
	}
	if r := p.Stop(); r.Lost > 0 {
		t.Errorf("the laptop's pings: %s", r)
	}
	f.wantUnharmed(t, h.Lines[0])
	if out, done := call(t, b, "drill", "cable"); done || !strings.Contains(out, `"cable": there is no such WAN`) {
		t.Errorf("a line that is not there: %s", out)
	}
	if out, done := call(t, b, "drill", "--full", "lte"); done || !strings.Contains(out, "lte carries nothing") {
		t.Errorf("a move off a line that carries nothing: %s", out)
	}
}

// TestDrillOfABadBackup has backups that every check calls well, and that could not carry the house.
func TestDrillOfABadBackup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hinder func(*House) error
		says   string
		failed string // the steps
	}{
		"dns":    {func(h *House) error { return h.KillDNS("lte") }, "its name server 192.0.2.1: no answer", "dns"},
		"tls":    {func(h *House) error { return h.BlockTLS("lte") }, "no TLS connection to speed.cloudflare.com: no answer", "tls fetch"},
		"stall":  {func(h *House) error { return h.Stall("lte", 100_000) }, "fetching from speed.cloudflare.com: it stalled after", "fetch"},
		"mtu":    {func(h *House) error { return h.Narrow("lte", 1400) }, "packets of more than 1400 bytes vanish on it without a word (it is measured now, and TCP told to send smaller ones)", "tls fetch mtu"},
		"portal": {func(h *House) error { return h.Portal("lte") }, "no TLS connection to speed.cloudflare.com: no answer", "tls fetch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tagged := Default()
			tagged.Tag = name + "-"
			h, b, _ := home(t, tagged, quick())
			await(t, b, "both lines are up", on("fibre"))
			must(t, c.hinder(h))
			start := time.Now()
			v, done := rehearse(t, b, "fibre")
			want := fmt.Sprintf("If fibre fails, lte could not carry the house: %s", c.says)
			if done || v.OK || !strings.HasPrefix(v.Sentence, want) {
				t.Errorf("%q, want %q", v.Sentence, want)
			}
			var failed []string
			for _, s := range v.Steps {
				if !s.OK {
					failed = append(failed, s.What)
				}
			}
			if got := strings.Join(failed, " "); got != c.failed {
				t.Errorf("failed steps: %q, want %q", got, c.failed)
			}
			if e := awaitEvent(t, b, start, v.Sentence); e.Cause != router.CauseDrill || e.To != "begins" {
				t.Errorf("the event is no beginning of an incident: %+v", e)
			}
			eventually(t, "there is an incident", func() bool {
				i, is := drillIncident(t, b)
				return is && i.Open() && i.WAN == "fibre" && i.Sentence == v.Sentence
			})
			if took := v.End.Sub(v.Start); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			must(t, h.Heal("lte"))
			must(t, h.Narrow("lte", 0))
			if v, done = rehearse(t, b, "fibre"); !done || !v.OK {
				t.Errorf("healed: %+v", v)
			}
			if e := awaitEvent(t, b, start, v.Sentence); e.Cause != router.CauseDrill || e.To != "ends" {
				t.Errorf("the event does not end the incident: %+v", e)
			}
			eventually(t, "the incident is over", func() bool { i, is := drillIncident(t, b); return is && !i.Open() })
		})
	}
}

// drillIncident is the only incident of a rehearsal that failed.
func drillIncident(t *testing.T, b *Box) (router.Incident, bool) {
	t.Helper()
	text, err := b.Get(t.Context(), "/api/v1/incidents")
	must(t, err)
	var all []router.Incident
	must(t, json.Unmarshal(text, &all))
	all = slices.DeleteFunc(all, func(i router.Incident) bool { return i.Cause != router.CauseDrill })
	if len(all) != 1 {
		return router.Incident{}, false
	}
	return all[0], true
}

// TestDrillWithTheMTUThatWasNamed has an owner who knows what fits.
func TestDrillWithTheMTUThatWasNamed(t *testing.T) {
	h, b, _ := home(t, Default(), strings.Replace(quick(), "metered   = true\n", "metered   = true\nmtu       = 1400\n", 1))
	await(t, b, "both lines are up", on("fibre"))
	must(t, h.Narrow("lte", 1400))
	if v, done := rehearse(t, b, "fibre"); !done || !v.OK {
		t.Errorf("%+v", v)
	}
}

// TestDrillOfAShortPath has a backup whose packets are a little smaller, as those of PPPoE are, and which says so.
func TestDrillOfAShortPath(t *testing.T) {
	short := Default()
	short.ISPs[1].MTU = 1492
	_, b, _ := home(t, short, quick())
	await(t, b, "both lines are up", on("fibre"))
	v, done := rehearse(t, b, "fibre")
	if last := v.Steps[len(v.Steps)-1]; !done || !v.OK || !strings.HasPrefix(last.Detail, "1492 bytes") {
		t.Errorf("%+v", v)
	}
}

// TestDrillWithoutTheFarHost has nobody at home to blame.
func TestDrillWithoutTheFarHost(t *testing.T) {
	t.Parallel()
	tagged := Default()
	tagged.Tag = "far-"
	h, b, _ := home(t, tagged, quick())
	await(t, b, "both lines are up", on("fibre"))
	must(t, h.KillTarget(EchoAddress))
	start := time.Now()
	v, done := rehearse(t, b, "fibre")
	if done || !v.Stopped || !strings.HasPrefix(v.Sentence, "Nothing is proven, for it is no better over fibre, which works: fetching from speed.cloudflare.com: no answer") {
		t.Errorf("%+v", v)
	}
	if e := awaitEvent(t, b, start, v.Sentence); e.Cause != "" {
		t.Errorf("it is an incident: %+v", e)
	}
}

// TestStopDuringADrill has the daemon told to end while it tries a line that does not answer.
func TestStopDuringADrill(t *testing.T) {
	h, b, _ := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	must(t, h.BlockTLS("lte"))
	if out, err := b.Run("curl -s -X POST --unix-socket " + b.Socket() + " http://d/api/v1/drill?wan=fibre"); err != nil {
		t.Fatal(out, err)
	}
	eventually(t, "the line's name server is asked", func() bool {
		text, err := b.Get(t.Context(), "/api/v1/drills")
		return err == nil && strings.Contains(string(text), `"dns"`)
	})
	began := time.Now()
	must(t, b.Stop())
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("SIGTERM took %s, want 2 s at most (design §5)", took)
	}
	must(t, b.Restart(t.Context()))
	eventually(t, "the stopped one is remembered", func() bool {
		var all []router.DrillView
		text, err := b.Get(t.Context(), "/api/v1/drills")
		return err == nil && json.Unmarshal(text, &all) == nil && len(all) == 1 && all[0].Stopped
	})
}

func TestDrillWithoutABackup(t *testing.T) {
	h, b, _ := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	must(t, h.Cut("main", "lte"))
	await(t, b, "lte is down", func(s Status) bool { return s.state("lte") == "down" })
	v, done := rehearse(t, b, "fibre")
	if done || v.OK || !strings.HasPrefix(v.Sentence, "If fibre fails, nothing can carry the house: lte is down: no cable in wan1") {
		t.Errorf("%q", v.Sentence)
	}
	if out, done := call(t, b, "drill", "--full", "fibre"); done || !strings.Contains(out, "no other line could carry the house") {
		t.Errorf("a full one: %s", out)
	}
}

// TestFullDrill moves the house for a minute and back: a call that runs stays where it is, new flows move.
func TestFullDrill(t *testing.T) {
	t.Parallel()
	tagged := Default()
	tagged.Tag = "full-"
	h, b, d := home(t, tagged, quick())
	await(t, b, "both lines are up", on("fibre"))
	f := busy(t, d)
	result := make(chan string, 1)
	go func() {
		out, _ := b.Call(t.Context(), "drill", "--json", "--full", "fibre") // it says itself whether it passed
		result <- out
	}()
	await(t, b, "the house is on lte", carriedBy("lte"))
	if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "lte" {
		t.Errorf("a new flow uses %q, %v", h.LineOf(from), err)
	}
	if out, done := call(t, b, "drill", "lte"); done || !strings.Contains(out, "a rehearsal goes on") {
		t.Errorf("a second one: %s", out)
	}
	v := rehearsed(t, <-result)
	if !v.OK || v.Sentence != "lte has carried the house while fibre counted as failed." {
		t.Errorf("%+v", v)
	}
	for _, want := range []string{"The switch took", "pings by the house's own way", "What was running stayed on fibre"} {
		if !strings.Contains(toldOf(v), want) {
			t.Errorf("what was felt lacks %q: %q", want, v.Felt)
		}
	}
	await(t, b, "the house is back on fibre", carriedBy("fibre"))
	if text, err := b.Get(t.Context(), "/api/v1/incidents"); err != nil || string(text) != "[]\n" {
		t.Errorf("a rehearsal is an incident: %s, %v", text, err)
	}
	f.wantUnharmed(t, h.Lines[0])
}

// TestFullDrillEndsEarly: when the backup fails, when its owner has another wish, and when the daemon is killed.
func TestFullDrillEndsEarly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*testing.T, *House, *Box)
		says string // of the result; empty: there is none
	}{
		"fails":   {func(t *testing.T, h *House, _ *Box) { must(t, h.Cut("main", "lte")) }, "lte failed while it carried the house: no cable in wan1"},
		"silence": {func(t *testing.T, h *House, _ *Box) { must(t, h.Blackhole("lte", Beyond)) }, "lte failed while it carried the house: none of 4 checks answers"},
		"stop": {func(t *testing.T, _ *House, b *Box) {
			if _, err := b.Run("curl -s -X POST --unix-socket " + b.Socket() + " http://d/api/v1/drill?stop=1"); err != nil {
				t.Error(err)
			}
		}, "lte has carried the house"},
		"kill": {func(t *testing.T, _ *House, b *Box) {
			must(t, b.Kill())
			must(t, b.Restart(t.Context()))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tagged := Default()
			tagged.Tag = name + "-"
			h, b, d := home(t, tagged, quick())
			await(t, b, "both lines are up", on("fibre"))
			if out, err := b.Run("curl -s -X POST --unix-socket " + b.Socket() + " http://d/api/v1/drill?wan=fibre&full=1"); err != nil {
				t.Fatal(out, err)
			}
			await(t, b, "the house is on lte", carriedBy("lte"))
			ended := time.Now()
			c.end(t, h, b)
			await(t, b, "the house is back on fibre", func(s Status) bool { return s.Active() == "fibre" && s.state("fibre") == "up" })
			t.Logf("back after %s", time.Since(ended))
			online(t, d)
			var all []router.DrillView
			eventually(t, "the rehearsal is over", func() bool {
				text, err := b.Get(t.Context(), "/api/v1/drills")
				return err == nil && json.Unmarshal(text, &all) == nil && len(all) > 0 && !all[0].End.IsZero()
			})
			t.Logf("%s %q", all[0].Sentence, all[0].Felt)
			if c.says == "" {
				if !all[0].Stopped || !strings.Contains(all[0].Sentence, "was interrupted") {
					t.Errorf("after a crash: %+v", all[0])
				}
			} else if !strings.Contains(all[0].Sentence, c.says) {
				t.Errorf("%q, want %q", all[0].Sentence, c.says)
			}
		})
	}
}

// TestCtrlCEndsAFullDrill has the house back before the command has ended.
func TestCtrlCEndsAFullDrill(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	cmd := exec.Command(b.binary, "drill", "--full", "fibre", "--socket", b.Socket())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	await(t, b, "the house is on lte", carriedBy("lte"))
	must(t, cmd.Process.Signal(os.Interrupt))
	must(t, cmd.Wait()) // what was proven until then was good
	if from, err := d.Seen(t.Context()); err != nil || h.LineOf(from) != "fibre" {
		t.Errorf("afterwards a new flow uses %q, %v", h.LineOf(from), err)
	}
	if !strings.Contains(out.String(), "It was stopped after ") {
		t.Errorf("it says %s", &out)
	}
	t.Logf("%s", &out)
}
