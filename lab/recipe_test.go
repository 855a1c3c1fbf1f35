package lab

import (
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// recipe is the file below a heading of docs/vrrp.md, and what it says of the other machine's.
func recipe(tb testing.TB, heading string) (one, other string) {
	tb.Helper()
	one = block(tb, "### "+heading, "toml")
	return one, counterpart(one)
}

// block is the first code block of a language below a heading of docs/vrrp.md.
func block(tb testing.TB, heading, language string) string {
	tb.Helper()
	document, err := os.ReadFile("../docs/vrrp.md")
	must(tb, err)
	_, rest, found := strings.Cut(string(document), "\n"+heading+"\n")
	_, rest, opened := strings.Cut(rest, "\n```"+language+"\n")
	text, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !opened || !closed {
		tb.Fatalf("docs/vrrp.md has no %s below %q", language, heading)
	}
	return text + "\n"
}

var otherwise = regexp.MustCompile(`(?m)^(.*[= ])("[^"]*"|\d+)(\s*}|)\s*# the other(?: box| machine)?: ("[^"]*"|[\d./]+)$`)

// counterpart takes every "the other: …" behind a value for that value.
func counterpart(text string) string {
	return otherwise.ReplaceAllStringFunc(text, func(line string) string {
		part := otherwise.FindStringSubmatch(line)
		value := part[4]
		if part[2][0] == '"' {
			value = `"` + strings.Trim(value, `"`) + `"`
		}
		return part[1] + value + part[3]
	})
}

func TestCounterpart(t *testing.T) {
	const one = `
name     = "main"             # the other box: "backup"
address  = "192.168.1.2/24"   # the other box: 192.168.1.3/24
name     = "fibre"            # the other box: its own line
cost     = 50                 # only when the own line is worse
priority = 150                # the other: 100
peer = { gateway = "192.168.1.3" }  # the other box: 192.168.1.2
`
	const want = `
name     = "backup"
address  = "192.168.1.3/24"
name     = "fibre"            # the other box: its own line
cost     = 50                 # only when the own line is worse
priority = 100
peer = { gateway = "192.168.1.2" }
`
	if got := counterpart(one); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// substitute replaces parts of a recipe, each of which must be there: old, new, old, new.
func substitute(tb testing.TB, text string, pairs ...string) string {
	tb.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			tb.Fatalf("the recipe has no %q:\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// show is a pair on which a recipe is played, with its virtual addresses watched.
type show struct {
	*pair
	tb    testing.TB
	watch map[string]*Holders
}

func (p *pair) show(tb testing.TB, addresses ...string) *show {
	tb.Helper()
	s := &show{pair: p, tb: tb, watch: map[string]*Holders{}}
	for _, a := range addresses {
		w, err := p.Watch(netip.MustParseAddr(a))
		must(tb, err)
		s.watch[a] = w
	}
	return s
}

// on waits until a router alone has all of some addresses.
func (s *show) on(router string, addresses ...string) {
	s.tb.Helper()
	for _, a := range addresses {
		s.await(s.tb, router+" has "+a, func() bool { return slices.Equal(s.watch[a].Now(), []string{router}) })
	}
}

// still wants that nobody has got or lost some addresses since a moment.
func (s *show) still(from time.Time, addresses ...string) {
	s.tb.Helper()
	for _, a := range addresses {
		if times := s.watch[a].Since(from); times.Changes > 0 {
			s.tb.Errorf("%s: %s\n%s", a, times, s.watch[a].Story())
		}
	}
}

// seamless wants some addresses to have had one holder all the time since a moment: a planned change.
func (s *show) seamless(from time.Time, addresses ...string) {
	s.tb.Helper()
	for _, a := range addresses {
		times := s.watch[a].Since(from)
		s.tb.Logf("%s: %s", a, times)
		if times.None > 20*time.Millisecond || times.Several > both {
			s.tb.Errorf("%s: %s\n%s", a, times, s.watch[a].Story())
		}
	}
}

// both is how long two routers may have an address in a seamless move: an advert that cannot be believed yet (an authentication
// counter that began anew) is repeated a tenth of a second later; the rest is what a machine that builds twenty homes adds.
const both = 400 * time.Millisecond

// took logs how long after a moment a router got an address.
func (s *show) took(what string, from time.Time, router, address string) time.Duration {
	s.tb.Helper()
	d := s.watch[address].Taken(from, router).Sub(from)
	s.tb.Logf("%s: %s has %s after %s", what, router, address, round(d))
	return d
}

// hours is how long a test looks for what must not happen: more than a down-interval of a second's adverts.
const hours = 4 * time.Second

// script writes a program into a box's directory and returns its path.
func script(tb testing.TB, b *Box, name, text string) string {
	tb.Helper()
	path := b.dir + "/" + name
	must(tb, os.WriteFile(path, []byte(text), 0o700))
	return path
}

// wrote waits until a file of a box has exactly some lines. One that repeats the one before counts once: a service that is seen a moment
// too late at the start is one more change of state to tell the same to.
func wrote(tb testing.TB, b *Box, name string, want ...string) {
	tb.Helper()
	var text []byte
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(look) {
		text, _ = os.ReadFile(b.dir + "/" + name)
		if slices.Equal(slices.Compact(strings.Split(strings.TrimSpace(string(text)), "\n")), want) {
			return
		}
	}
	tb.Errorf("%s of %s:\n%swant\n%s", name, b.Name, text, strings.Join(want, "\n"))
}

// begin starts a box with a file and waits until it listens or is Active in each of its elections.
func begin(tb testing.TB, b *Box, file string) {
	tb.Helper()
	must(tb, b.Start(tb.Context(), built(tb), file))
}

// settles waits until every election of a box has a state.
func settles(tb testing.TB, b *Box, states ...string) Status {
	tb.Helper()
	return await(tb, b, b.Name+" is "+strings.Join(states, ", "), func(s Status) bool {
		if len(s.VRRP) != len(states) {
			return false
		}
		for i, e := range s.VRRP {
			if e.State != states[i] {
				return false
			}
		}
		return true
	})
}
