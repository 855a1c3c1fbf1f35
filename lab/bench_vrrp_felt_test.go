package lab

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// benchRuns is how often each fault is tried: LAB_RUNS, 10 for the published figures.
func benchRuns() int {
	n, err := strconv.Atoi(os.Getenv("LAB_RUNS"))
	if err != nil {
		return 3
	}
	return n
}

// felt is what one fault did to the house.
type felt struct {
	gateway time.Duration // (a) the client's longest UDP gap through the gateway
	address time.Duration // (b) the longest gap of the virtual address itself, by ping or query
	several time.Duration // (c) how long several routers had the address
	late    time.Duration // the probes' own delay: what the figures are good for
}

// feeling is felt while it is measured.
type feeling struct {
	p       *pair
	from    time.Time
	gateway *UDPProbe
	address *AddressProbe
}

func (p *pair) feel(tb testing.TB) feeling {
	tb.Helper()
	gateway, err := p.laptop.StartUDP(UDPInterval)
	must(tb, err)
	address, err := p.laptop.StartAddress(virtual.Addr())
	must(tb, err)
	answered := func(u *UDPProbe) bool {
		r := u.Since(time.Now().Add(-200 * time.Millisecond))
		return r.Sent > 5 && r.Lost < r.Sent
	}
	p.await(tb, "the probes are answered", func() bool { return answered(gateway) && answered(address.udp) })
	return feeling{p: p, from: time.Now(), gateway: gateway, address: address}
}

func (f feeling) end() felt {
	times := f.p.holders.Since(f.from)
	ping, query := f.address.Stop()
	gateway := f.gateway.Stop()
	return felt{gateway: gateway.Gap, address: max(ping.Gap, query.Gap), several: times.Several, late: max(gateway.Late, query.Late)}
}

// feltText is the median and the largest of one of the figures, in milliseconds.
func feltText(all []felt, of func(felt) time.Duration) string {
	if len(all) == 0 {
		return "–"
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b felt) int { return cmp.Compare(of(a), of(b)) })
	middle := (of(sorted[(len(sorted)-1)/2]) + of(sorted[len(sorted)/2])) / 2
	return fmt.Sprintf("%s / %s", milliseconds(middle), milliseconds(of(sorted[len(sorted)-1])))
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
	}
	return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10)
}
