package lab

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// quick is DefaultConfig with checks that make up their mind fast: for tests that are about something else.
func quick() string {
	const health = `
  [wan.health]
  interval = "250ms"
  timeout  = "500ms"
  confirm  = "100ms"
  rise     = 2

  [[wan.check]]
  ping   = "1.1.1.1"
`
	return strings.ReplaceAll(DefaultConfig, "\n  [[wan.check]]\n  ping   = \"1.1.1.1\"\n", health)
}

// swapped is quick with the costs of both lines exchanged.
func swapped() string {
	return strings.NewReplacer("cost      = 0\n", "cost      = 50\n", "cost      = 50\n", "cost      = 0\n").Replace(quick())
}

// without is a config less one of its two lines.
func without(t *testing.T, config, name string) string {
	t.Helper()
	sections := strings.Split(config, "[[wan]]\n")
	if len(sections) != 3 {
		t.Fatalf("%d sections, want a head and two lines", len(sections)-1)
	}
	kept := sections[:1]
	for _, s := range sections[1:] {
		if !strings.Contains(s, `"`+name+`"`) {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "[[wan]]\n")
}

// footprint is everything that a daemon leaves in the kernel, without counters, ages and the kernel's own IPv6 addresses.
func footprint(t *testing.T, b *Box) string {
	t.Helper()
	var all strings.Builder
	for _, line := range []string{
		"ip -4 rule", "ip -6 rule", "ip -4 route show table all", "ip -6 route show table all proto 201",
		"ip -br -4 address", "nft -s list ruleset",
	} {
		out, err := b.Run(line)
		must(t, err)
		all.WriteString("# " + line + "\n" + out)
	}
	return all.String()
}

// same compares two footprints and names the first line that differs.
func same(t *testing.T, when, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	has := map[string]int{}
	for _, line := range strings.Split(want, "\n") {
		has[line]++
	}
	for _, line := range strings.Split(got, "\n") {
		has[line]--
	}
	for line, n := range has {
		switch {
		case n > 0:
			t.Errorf("%s: missing: %s", when, line)
		case n < 0:
			t.Errorf("%s: too much: %s", when, line)
		}
	}
	if !t.Failed() {
		t.Errorf("%s: the order has changed:\n%s\nwant\n%s", when, got, want)
	}
}

// settle waits until the footprint is as wanted: some of it follows the status by a moment.
func settle(t *testing.T, b *Box, when, want string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); footprint(t, b) != want && time.Now().Before(end); {
		time.Sleep(look)
	}
	same(t, when, footprint(t, b), want)
}

// traffic is what the house does while something happens to its router: a call and a download.
type traffic struct {
	udp    *UDPProbe
	stream *Stream
}

func busy(t *testing.T, d *Device) traffic {
	t.Helper()
	s, err := d.StartStream(t.Context(), StreamInterval)
	must(t, err)
	p, err := d.StartUDP(UDPInterval)
	must(t, err)
	eventually(t, "probes are answered", func() bool { r := p.Since(p.start); return r.Sent > 50 && r.Lost < r.Sent })
	return traffic{udp: p, stream: s}
}

// wantUnharmed ends the traffic: nothing of it was lost, and all of it used the line.
func (f traffic) wantUnharmed(t *testing.T, l *Line) {
	t.Helper()
	const late = 1500 * time.Millisecond // a daemon that ends flows does so again after a second
	sleepUntil(time.Now().Add(late))
	r, s := f.udp.Stop(), f.stream.Stop()
	t.Logf("udp: %s; stream: %s", r, s)
	if r.Lost > 0 {
		t.Errorf("the call lost packets: %s", r)
	}
	for _, via := range r.Via {
		if !l.Carries(via) {
			t.Errorf("the call went by %s, want %s only", via, l.Name)
		}
	}
	if !s.survived() {
		t.Errorf("the download: %s", s)
	}
}

// history asks the daemon for its events since a moment.
func history(t *testing.T, b *Box, since time.Time) []router.Event {
	t.Helper()
	body, err := b.Get(t.Context(), "/api/v1/events?since="+since.UTC().Format(time.RFC3339))
	must(t, err)
	var all, recent []router.Event
	must(t, json.Unmarshal(body, &all))
	for _, e := range all {
		if !e.Time.Before(since) {
			recent = append(recent, e)
		}
	}
	return recent
}

// awaitEvent waits until an event since a moment says a phrase.
func awaitEvent(t *testing.T, b *Box, since time.Time, phrase string) router.Event {
	t.Helper()
	var found router.Event
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(look) {
		for _, e := range history(t, b, since) {
			if strings.Contains(e.Sentence, phrase) {
				return e
			}
		}
	}
	t.Fatalf("no event says %q: %v", phrase, history(t, b, since))
	return found
}

// call runs a subcommand against the daemon and returns its output and whether it was done.
func call(t *testing.T, b *Box, args ...string) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	out, err := b.Call(ctx, args...)
	return out, err == nil
}

// file writes a config beside the daemon's and returns its name.
func file(t *testing.T, text string) string {
	t.Helper()
	name := t.TempDir() + "/next.toml"
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}
