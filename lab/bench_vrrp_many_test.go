package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// manySpan is how long the CPU of many virtual routers is counted.
const manySpan = 20 * time.Second

// swarm is one daemon's pair with many virtual routers.
type swarm struct {
	*pair
	tb   testing.TB
	who  string
	size int
}

// manyFigures are what a swarm showed.
type manyFigures struct {
	start     time.Duration // until all are Active
	cpu, idle float64       // ms a second: Active's, Backup's
	pss       float64       // MB, the Active's
	first     time.Duration // from the cut cable until the first is on the Backup
	last      time.Duration // … and the last
}

// routers is the config of a swarm's box.
func (c swarm) routers(priority int) string {
	var s strings.Builder
	if c.who == "twinpath" {
		s.WriteString("[router]\nname = \"one\"\n")
	}
	for id := 1; id <= c.size; id++ {
		v := shared(priority)
		v.ID, v.Interval = id, time.Second
		v.Addresses = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, 1, byte(id)}), 32)}
		if id < 4 { // the routers' own addresses
			v.Addresses[0] = netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, 2, byte(id)}), 32)
		}
		if c.who == "twinpath" {
			s.WriteString(v.TOML())
		} else {
			s.WriteString(v.Keepalived())
		}
	}
	return s.String()
}

func (c swarm) open(b *Box, priority int) {
	if c.who == "twinpath" {
		must(c.tb, b.Start(c.tb.Context(), built(c.tb), c.routers(priority)))
		return
	}
	must(c.tb, b.StartKeepalived(c.tb.Context(), c.routers(priority)))
}

// all waits until a box has spoken for every virtual router since a moment, and returns when it did for the first and the last.
func (c swarm) all(from time.Time, box string) (first, last time.Duration) {
	heard := map[int]bool{}
	c.await(c.tb, fmt.Sprintf("%s speaks for all of %d", box, c.size), func() bool {
		clear(heard)
		for _, a := range c.recorder.Adverts(from, box) {
			if a.Priority == 0 || heard[a.ID] {
				continue
			}
			heard[a.ID] = true
			last = a.Time.Sub(from)
			if len(heard) == 1 {
				first = last
			}
		}
		return len(heard) == c.size
	})
	return first, last
}

// run plays a swarm's life.
func (c swarm) run(b *testing.B) (f manyFigures) {
	start := time.Now()
	c.open(c.main, high)
	_, f.start = c.all(start, "main")
	c.open(c.pair.backup, low)
	must(b, pause(b.Context(), 5*time.Second)) // announcements are over, the Backup has heard all
	main, err := c.main.processes()
	must(b, err)
	backup, err := c.pair.backup.processes()
	must(b, err)
	before, idle := spent(b, main), spent(b, backup)
	must(b, pause(b.Context(), manySpan))
	f.cpu = (spent(b, main) - before).Seconds() * 1000 / manySpan.Seconds()
	f.idle = (spent(b, backup) - idle).Seconds() * 1000 / manySpan.Seconds()
	_, f.pss = memory(b, main)
	cut := time.Now()
	must(b, c.CutLAN("main"))
	f.first, f.last = c.all(cut, "backup")
	return f
}

// BenchmarkMany runs 20, 100 and 255 virtual routers on a pair of each daemon, side by side.
func BenchmarkMany(b *testing.B) {
	note("| virtual routers | who | start to all Active, ms | CPU of the Active, ms/s | of the Backup | PSS of the Active, MB | cable: first .. all, ms |\n|---|---|---|---|---|---|---|")
	var ratio float64
	for _, size := range []int{20, 100, 255} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			built(b)
			figures := map[string]manyFigures{}
			var mu sync.Mutex
			var both sync.WaitGroup
			for _, who := range []string{"keepalived", "twinpath"} {
				c := swarm{pair: raised(b, pairHome()), tb: b, who: who, size: size}
				c.chatter(b)
				both.Go(func() {
					f := c.run(b)
					mu.Lock()
					defer mu.Unlock()
					figures[who] = f
				})
			}
			both.Wait()
			for _, who := range []string{"keepalived", "twinpath"} {
				f := figures[who]
				note("| %d | %s | %d | %.2f | %.2f | %.1f | %d .. %d |", size, who, f.start.Milliseconds(), f.cpu, f.idle, f.pss,
					f.first.Milliseconds(), f.last.Milliseconds())
			}
			ratio = figures["twinpath"].cpu / figures["keepalived"].cpu
			only(b, ratio, "of-keepalived-cpu")
		})
	}
}
