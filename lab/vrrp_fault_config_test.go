package lab

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// until is a context that ends after a time.
func until(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), d)
	tb.Cleanup(cancel)
	return ctx
}

// settled waits until one of both alone holds the address and speaks, and returns its name.
func (p *pair) settled(tb testing.TB, interval time.Duration) (name string) {
	tb.Helper()
	p.await(tb, "one of both holds and speaks", func() bool {
		held := p.holders.Now()
		if len(held) == 1 {
			name = held[0]
		}
		return len(held) == 1 && p.speaksAlone(name, interval)
	})
	return name
}

func TestEqualPriorities(t *testing.T) {
	t.Parallel()
	p := raised(t, pairHome())
	p.chatter(t)
	ourDaemon.start(t, p.main, shared(high))
	ourDaemon.start(t, p.backup, shared(high))
	first := p.settled(t, calm)
	mark := time.Now()
	must(t, pause(t.Context(), 4*calm)) // it stays so
	if times := p.holders.Since(mark); times.Changes > 0 || first != p.settled(t, calm) {
		t.Errorf("equal priorities: %s\n%s", times, p.holders.Story())
	}
}

func TestTwoOwners(t *testing.T) {
	t.Parallel()
	p := raised(t, pairHome())
	p.chatter(t)
	ourDaemon.start(t, p.main, shared(255))
	ourDaemon.start(t, p.backup, shared(255))
	if name := p.settled(t, calm); name != "backup" {
		t.Errorf("%s is Active, want the higher address", name)
	}
}

func TestIntervalIsLearned(t *testing.T) {
	t.Parallel()
	slow := shared(high)
	slow.Interval = 2 * calm
	p := brothers(t, pairHome(), slow, shared(low))
	mark := time.Now()
	must(t, pause(t.Context(), 3*slow.Interval)) // longer than the Backup's own down-interval
	if said := p.recorder.Adverts(mark, "backup"); len(said) > 0 {
		t.Errorf("backup did not learn the interval: %s", said[0])
	}
	mark = time.Now()
	must(t, p.main.KillAll())
	p.await(t, "backup has taken over", func() bool { return !p.holders.Taken(mark, "backup").IsZero() })
	took := p.holders.Taken(mark, "backup").Sub(mark)
	if least := slow.Interval + 3*calm; took < least {
		t.Errorf("taken over after %s, want more than %s: three learned intervals", took, least)
	}
}

func TestIntervalMismatchInVersion2(t *testing.T) {
	t.Parallel()
	p := raised(t, pairHome())
	p.chatter(t)
	one, other := shared(high), shared(low)
	one.Version, one.Interval, other.Version, other.Interval = 2, time.Second, 2, 2*time.Second
	ourDaemon.start(t, p.main, one)
	ourDaemon.start(t, p.backup, other)
	p.await(t, "both have the address", func() bool { return len(p.holders.Now()) == 2 })
	told(t, p.backup, "interval")
	reconfigure(t, p.backup, one.with(low))
	p.held(t, "main")
}

// with is the same with another priority.
func (v Virtual) with(priority int) Virtual {
	v.Priority = priority
	return v
}

// and is the same with one more address.
func (v Virtual) and(more string) Virtual {
	v.Addresses = append([]netip.Prefix{virtual}, netip.MustParsePrefix(more))
	return v
}

func TestAddressListMismatch(t *testing.T) {
	t.Parallel()
	p := brothers(t, pairHome(), shared(high).and("192.168.1.4/24"), shared(low))
	told(t, p.backup, "192.168.1.4")
	mark := time.Now()
	must(t, pause(t.Context(), 6*calm))
	if said := p.recorder.Adverts(mark, "backup"); len(said) > 0 {
		t.Errorf("backup does not accept the other list: %s", said[0])
	}
}

func TestReloadKeepsTheAddress(t *testing.T) {
	t.Parallel()
	p := usual(t)
	s := p.steady(t)
	second := Virtual{ID: 52, Version: 3, Priority: high, Interval: calm, Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24")}}
	group := "group = \"house\"\n"
	first, grouped := shared(high), second
	first.Extra, grouped.Extra = group, group
	for what, sections := range map[string][]Virtual{
		"nothing":        {shared(high)},
		"an address":     {shared(high).and("192.168.1.4/24")},
		"a router":       {shared(high), second},
		"a group member": {first, grouped},
		"priority up":    {shared(120)},
		"priority down":  {shared(60)},
	} {
		reconfigure(t, p.main, sections...)
		wanted := sections[0].Priority
		await(t, p.main, what+" is taken over", func(s Status) bool {
			return len(s.VRRP) == len(sections) && s.VRRP[0].Priority == wanted && s.VRRP[0].State == "active" && s.VRRP[len(sections)-1].State == "active"
		})
		eventually(t, what+": only the wanted addresses are there", func() bool {
			out, err := p.main.Run("ip -br -4 addr show dev lan0")
			return err == nil && len(strings.Fields(out)) == 2+1+addresses(sections)
		})
	}
	reconfigure(t, p.main, shared(high))
	await(t, p.main, "it is as before", func(s Status) bool { return len(s.VRRP) == 1 && s.VRRP[0].Priority == high })
	s.wantUnnoticed(t, "main", calm)
}

func addresses(sections []Virtual) (n int) {
	for _, v := range sections {
		n += len(v.Addresses)
	}
	return n
}

func TestPreemptIsOff(t *testing.T) {
	t.Parallel()
	main := shared(high)
	main.NoPreempt = true
	p := brothers(t, pairHome(), main, shared(low))
	must(t, p.CutLAN("main"))
	p.held(t, "backup")
	mark := time.Now()
	must(t, p.PlugLAN("main"))
	election(t, p.main, "backup")
	must(t, pause(t.Context(), 5*calm))
	if times := p.holders.Since(mark); times.Changes > 0 {
		t.Errorf("without preempt: %s\n%s", times, p.holders.Story())
	}
}
