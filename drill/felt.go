package drill

import (
	"fmt"
	"slices"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// expect says what the house would feel if the line that carries it, now, failed.
func (t *trial) expect(s *router.Snapshot, now *router.WANSnapshot) {
	say := func(format string, args ...any) { t.felt = append(t.felt, fmt.Sprintf(format, args...)) }
	for _, p := range t.proofs {
		if p.Broken == "" {
			say("%s", t.compared(p, now))
		}
		if p.Lost > 0 && p.Lost < p.Pings {
			say("%d of %d pings were lost on %s.", p.Lost, p.Pings, p.Line)
		}
		if p.Hole && p.Broken == "" {
			say("Packets of more than %d bytes vanish on %s, which costs some pages a wait: %s.", p.MTU, p.Line, t.line(*find(s, p.Line)).remedy(p.MTU))
		}
		if text := over6(p, now); text != "" {
			say("%s", text)
		}
		if w := find(s, p.Line); w.Metered && p.Bytes > 0 {
			say("The rehearsal took about %s of the data of %s.", size(p.Bytes), p.Line)
		}
	}
	if t.choice.Idle || t.broken != "" {
		return
	}
	say("%s", t.noticed(now))
	for _, v := range t.cfg.VRRP {
		if priority, tracks := t.without(s, v); tracks && s.Pair != nil {
			say("This router's priority for %s would be %d: the other router takes the house over instead if its own is higher.", v.Name, priority)
		}
	}
}

// over6 says what becomes of IPv6.
func over6(p Proof, now *router.WANSnapshot) string {
	switch {
	case p.Broken6 != "":
		return fmt.Sprintf("IPv6 does not work on %s: %s. What can uses IPv4.", p.Line, p.Broken6)
	case p.Hole6:
		return fmt.Sprintf("IPv6 packets of more than %d bytes vanish on %s.", p.MTU6, p.Line)
	case p.Six:
		return fmt.Sprintf("IPv6 works on %s, too.", p.Line)
	case now != nil && now.IPv6 != nil && now.IPv6.State == health.Up.String():
		return fmt.Sprintf("%s has no IPv6: what uses it over %s now uses IPv4 then.", p.Line, now.Name)
	}
	return ""
}

// compared says what a line is like beside the one that carries the house.
func (t *trial) compared(p Proof, now *router.WANSnapshot) string {
	instead := func(figure string) string {
		if figure == "" || now == nil {
			return ""
		}
		return " instead of " + figure + " over " + now.Name
	}
	was := ""
	if t.compare.Rate() > 0 {
		was = rate(t.compare.Rate())
	}
	text := fmt.Sprintf("Over %s %s came at %s%s", p.Line, size(p.Bytes), rate(p.Rate()), instead(was))
	if p.RTT > 0 {
		was = ""
		if now != nil && now.RTT > 0 {
			was = milliseconds(time.Duration(now.RTT))
		}
		text += fmt.Sprintf(", and an answer takes %s%s", milliseconds(p.RTT), instead(was))
	}
	return text + "."
}

// noticed says how long the house is without Internet until the router knows.
func (t *trial) noticed(now *router.WANSnapshot) string {
	i := slices.IndexFunc(t.cfg.WANs, func(w router.WANConfig) bool { return w.Name == t.view.WAN })
	if i < 0 {
		return ""
	}
	var rtt time.Duration
	for _, c := range now.Checks {
		rtt = max(rtt, time.Duration(c.RTT))
	}
	return fmt.Sprintf("A silent failure of %s would be noticed within %.1f s, as it is checked; a pulled cable at once.", t.view.WAN, onset(t.cfg.WANs[i].Health, rtt).Seconds())
}

// onset rounds up what health says: it is a promise.
func onset(c health.Config, rtt time.Duration) time.Duration {
	const tenth = 100 * time.Millisecond
	return (c.Onset(rtt) + tenth - 1).Truncate(tenth)
}

// without is a virtual router's priority when the line is down, and whether it depends on lines at all.
func (t *trial) without(s *router.Snapshot, v router.VirtualRouter) (priority int, tracks bool) {
	const down = 100
	cost := 0
	for i, c := range t.cfg.WANs {
		w := find(s, c.Name)
		if w == nil || !v.Tracks(t.cfg.WANs[i]) {
			continue
		}
		lost := w.Lost
		if c.Name == t.view.WAN || w.Drained {
			lost = down
		}
		if !tracks || c.Cost+lost < cost {
			cost, tracks = c.Cost+lost, true
		}
	}
	return min(max(v.Base-cost, 1), 254), tracks
}
