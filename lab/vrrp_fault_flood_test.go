package lab

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// floodRate and floodSpan are of issue 3: spoofed adverts, 10,000 a second for a few seconds.
const (
	floodRate = 10_000
	floodSpan = 3 * time.Second
)

var (
	everyRouter = [4]byte{224, 0, 0, 18}
	stranger    = [4]byte{192, 168, 1, 66}
)

// spoofed is a correct advert of version 3 for the pair's virtual router, but for what change does to it.
func spoofed(priority byte, change func(*forged)) []byte {
	f := forged{source: stranger, to: everyRouter, ttl: 255, pseudo: true,
		message: []byte{0x31, 51, priority, 1, 0, 50, 0, 0, 192, 168, 1, 1}}
	if change != nil {
		change(&f)
	}
	return f.frame()
}

// garbage are adverts that no router may believe, with or without authentication.
func garbage() (all [][]byte) {
	for _, change := range []func(*forged){
		func(f *forged) { f.ttl = 254 },
		func(f *forged) { f.message[0] = 0x41 },                                 // version 4
		func(f *forged) { f.message[0] = 0x32 },                                 // type 2
		func(f *forged) { f.message[0] = 0x21 },                                 // version 2, which this VRID does not speak
		func(f *forged) { f.message[3] = 0 },                                    // no address
		func(f *forged) { f.message[3] = 200 },                                  // more addresses than bytes
		func(f *forged) { f.message[4], f.message[5] = 0, 0 },                   // interval 0: an advert flood
		func(f *forged) { f.source = [4]byte{192, 168, 1, 2} },                  // from the Active's own address
		func(f *forged) { f.message = append(f.message, make([]byte, 900)...) }, // too long
	} {
		all = append(all, spoofed(254, change), spoofed(0, change))
	}
	wrong := spoofed(254, nil)
	wrong[14+20+6] ^= 0x55
	all = append(all, wrong)
	whole := spoofed(254, nil)
	for n := range len(whole) {
		if n >= 14 {
			all = append(all, whole[:n])
		}
	}
	return all
}

// flooded checks a pair under a flood: nothing moves, the daemons answer, the logs stay small.
func (p *pair) flooded(t *testing.T, next func(int) []byte) {
	t.Helper()
	sizes := map[*Box]int{}
	for _, b := range p.Boxes {
		sizes[b] = len(b.Log())
	}
	mark := time.Now()
	ctx := until(t, floodSpan)
	sent := make(chan int, 1)
	go func() {
		n, err := p.laptop.Inject(ctx, floodRate, next)
		if err != nil {
			t.Error(err)
		}
		sent <- n
	}()
	var slowest []time.Duration
	for ctx.Err() == nil {
		for _, b := range p.Boxes {
			asked := time.Now()
			if _, err := b.Status(t.Context()); err != nil {
				t.Errorf("status of %s: %v", b.Name, err)
			}
			slowest = append(slowest, time.Since(asked))
		}
		must(t, pause(t.Context(), 50*time.Millisecond))
	}
	slices.Sort(slowest)
	median, worst := slowest[len(slowest)/2], slowest[len(slowest)-1]
	n := <-sent
	gap := longestPause(slices.DeleteFunc(p.recorder.Adverts(mark, "main"), func(a Advert) bool { return a.Priority != high }), mark, time.Now())
	t.Logf("%d frames; status in %s, at worst %s; longest pause of main's adverts %s", n, round(median), round(worst), round(gap))
	if median > 100*time.Millisecond {
		t.Errorf("status takes %s under the flood, want 100 ms at most", median)
	}
	if times := p.holders.Since(mark); times.Changes > 0 {
		t.Errorf("the flood moved the address: %s\n%s", times, p.holders.Story())
	}
	if said := p.recorder.Adverts(mark, "backup"); len(said) > 0 {
		t.Errorf("backup spoke: %s", said[0])
	}
	if gap > 2*calm+slackHere {
		t.Errorf("main's adverts paused for %s", gap)
	}
	for b, before := range sizes {
		if news := b.Log()[before:]; strings.Count(news, "\n") > 60 {
			t.Errorf("%s logged %d lines", b.Name, strings.Count(news, "\n"))
		}
	}
}

func TestGarbageFlood(t *testing.T) {
	p := usual(t)
	all := garbage()
	p.flooded(t, func(i int) []byte { return all[i%len(all)] })
}

// TestSpoofedFlood floods a pair that authenticates with adverts of a stranger, and with its own ones again.
func TestSpoofedFlood(t *testing.T) {
	signed := func(priority int) Virtual {
		v := shared(priority)
		v.Auth, v.Key = "hmac", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		return v
	}
	p := brothers(t, pairHome(), signed(high), signed(low))
	old := p.recorder.Adverts(time.Time{}, "main")
	all := append(garbage(), spoofed(255, nil), spoofed(0, nil), spoofed(100, nil),
		old[0].Frame, old[len(old)-1].Frame) // replayed
	as := func(f *forged) { f.source = [4]byte{192, 168, 1, 2} }
	all = append(all, spoofed(0, as), spoofed(100, as))
	p.flooded(t, func(i int) []byte { return all[i%len(all)] })
}

// TestMessageChecksum elects against a made-up peer whose checksum is RFC 9568's: over the message only.
func TestMessageChecksum(t *testing.T) {
	t.Parallel()
	p := raised(t, pairHome())
	p.chatter(t)
	ours().start(t, p.main, shared(high))
	p.held(t, "main")
	better := func(priority byte) []byte { return spoofed(priority, func(f *forged) { f.pseudo = false }) }
	if _, err := p.laptop.Inject(until(t, 3*calm), 4, func(int) []byte { return better(200) }); err != nil {
		t.Fatal(err)
	}
	p.await(t, "main has given way", func() bool { return len(p.holders.Now()) == 0 })
	mark := time.Now()
	if _, err := p.laptop.Inject(until(t, 200*time.Millisecond), 100, func(int) []byte { return better(0) }); err != nil {
		t.Fatal(err)
	}
	p.held(t, "main")
	took := p.holders.Taken(mark, "main").Sub(mark)
	if took > calm+slackHere {
		t.Errorf("taken %s after the made-up peer's good-bye, want the skew time", took)
	}
	p.await(t, "main speaks in the peer's form", func() bool {
		all := p.recorder.Adverts(mark, "main")
		return len(all) > 0 && messageOnly(all[len(all)-1].Frame)
	})
}

// messageOnly reports whether an advert's checksum is over the message alone.
func messageOnly(frame []byte) bool {
	const header = 14 + 20
	count := int(frame[header+3])
	return checksum(frame[header:header+8+4*count]) == 0
}
