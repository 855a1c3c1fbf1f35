package lab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// shows waits until the page says what the daemon does, by itself: nobody loads it again.
func (v *visitor) shows(s Status) {
	v.t.Helper()
	v.reads(s.Sentence)
}

// opens is open for a page whose process has only just been started.
func (v *visitor) opens(address string) {
	v.t.Helper()
	eventually(v.t, address+" opens", func() bool { return v.page.Open(v.t.Context(), address) == nil })
}

// TestPageOfEachVerdict shows the page in each verdict, in windows from a small phone's to a large desk's.
func TestPageOfEachVerdict(t *testing.T) {
	h, b := unstarted(t, Default())
	must(t, h.StopDHCP("fibre"))
	must(t, h.StopDHCP("lte"))
	v := visit(t, browser(t, h.Devices[0]))
	must(t, b.Start(t.Context(), built(t), withPage()))
	v.opens(gatewayPage + "/")

	verdict := func(want string) func(Status) bool {
		return func(s Status) bool { return s.Verdict == want }
	}
	for _, c := range []struct {
		verdict string
		happen  func() error
	}{
		{"unknown", func() error { return nil }},
		{"ok", func() error {
			if err := h.StartDHCP(t.Context(), "fibre"); err != nil {
				return err
			}
			return h.StartDHCP(t.Context(), "lte")
		}},
		{"degraded", func() error { return h.KillTarget("203.0.113.1") }},
		{"backup", func() error { return h.Cut("main", "fibre") }},
		{"offline", func() error { return h.Cut("main", "lte") }},
	} {
		t.Run(c.verdict, func(t *testing.T) {
			at := *v
			at.t = t
			must(t, c.happen())
			at.shows(await(t, b, "the verdict", verdict(c.verdict)))
			at.looks("status-"+c.verdict, c.verdict == "ok")
		})
	}
	if foreign := slices.DeleteFunc(v.page.Requests(), func(u string) bool { return strings.HasPrefix(u, gatewayPage+"/") || strings.HasPrefix(u, "data:") }); len(foreign) > 0 {
		t.Errorf("requests to other hosts: %q", foreign)
	}
}

// PagePromise is how soon an open page shows that a cable was pulled (issue 5, "must show").
const pagePromise = time.Second

// stopwatch notes when a phrase is first on the page and has been drawn, as Unix time in milliseconds.
const stopwatch = `(phrase => {
	const look = () => {
		if (window.seen || !document.body.innerText.includes(phrase)) return
		window.seen = true
		requestAnimationFrame(() => { window.drawn = performance.timeOrigin + performance.now() })
	}
	window.seen = false; window.drawn = 0
	new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true})
	look()
})(%s)`

// TestPageIsLive pulls a cable and sees how long the open page keeps quiet about it.
func TestPageIsLive(t *testing.T) {
	h, b, d := home(t, Default(), withPage())
	v := visit(t, browser(t, d))
	v.opens(gatewayPage + "/")
	measure := func() time.Duration {
		v.shows(await(t, b, "both lines are up", on("fibre")))
		v.eval(fmt.Sprintf(stopwatch, quoted("no cable")), nil)
		cut := time.Now()
		must(t, h.Cut("main", "fibre"))
		v.awaits(patience, "window.drawn")
		var drawn float64
		v.eval("window.drawn", &drawn)
		must(t, h.Plug("main", "fibre"))
		return time.UnixMicro(int64(drawn * 1000)).Sub(cut)
	}
	took := measure()
	t.Logf("the page shows the cut cable after %s", round(took))
	if took > pagePromise || took <= 0 {
		again := measure()
		t.Logf("again: after %s", round(again))
		if again > pagePromise || again <= 0 {
			t.Errorf("the page shows a cut cable after %s and %s, want at most %s", round(took), round(again), pagePromise)
		}
	}
}

// TestPageOutlivesTheDaemon kills the daemon under an open page, which says so and recovers by itself.
func TestPageOutlivesTheDaemon(t *testing.T) {
	_, b, d := home(t, Default(), withPage())
	v := visit(t, browser(t, d))
	v.opens(gatewayPage + "/")
	v.shows(await(t, b, "both lines are up", on("fibre")))
	must(t, b.Kill())
	killed := time.Now()
	v.awaits(40*time.Second, `/no word/i.test(document.body.innerText)`)
	t.Logf("the page says that it hears nothing %s after the daemon's end", round(time.Since(killed)))
	v.shot("status-stale")
	v.fits()
	v.audit("stale")
	must(t, b.Restart(t.Context()))
	restarted := time.Now()
	v.awaits(40*time.Second, `!/no word/i.test(document.querySelector("main").innerText)`)
	v.shows(await(t, b, "both lines are up", on("fibre")))
	t.Logf("it recovers %s after the daemon's start", round(time.Since(restarted)))
	v.page.Forgive("ERR_", "status of 503") // there was nobody
}

// TestPageWithoutScript looks at the page of a browser that runs none.
func TestPageWithoutScript(t *testing.T) {
	_, b, d := home(t, Default(), withPage())
	s := await(t, b, "both lines are up", on("fibre"))
	v := visit(t, browser(t, d))
	must(t, v.page.Script(t.Context(), false))
	v.opens(gatewayPage + "/")
	for _, want := range []string{s.Sentence, "fibre", "lte", s.WANs[0].Address, "Round trip"} {
		v.reads(want)
	}
	v.shot("status-without-script")
}
