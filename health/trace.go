package health

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// TraceHops is how far a trace looks: to the provider's core in every home that was looked at. Chosen here.
	TraceHops = 8
	// traceRounds is how often a hop is asked that has not answered, traceEvery apart: routers answer some of such probes only
	// (Linux: six at once, then one a second, ip-sysctl.rst icmp_ratelimit).
	traceRounds = 3
	traceEvery  = 700 * time.Millisecond
	// traceFor is how long a trace takes at most.
	traceFor = 2500 * time.Millisecond
)

// Hop is a router on the way out that answered, or the target itself.
type Hop struct {
	Distance int // 1 is the next router
	Address  netip.Addr
	RTT      time.Duration
}

// Traced is what a trace found.
type Traced struct {
	Hops    []Hop // that answered, nearest first
	Reached bool  // the target answered itself
	Sent    int   // bytes, with their IP headers
}

// Last returns the farthest hop that answered; its Distance is 0 when none did.
func (t Traced) Last() Hop {
	if len(t.Hops) == 0 {
		return Hop{}
	}
	return t.Hops[len(t.Hops)-1]
}

// Trace finds the routers on the way to a target, by pings that may make 1 to TraceHops hops, all at once: each router that lets one
// expire says so (RFC 792, Time Exceeded). It takes two and a half seconds at most, and a second when everybody answers.
func Trace(ctx context.Context, path Path, target netip.Addr) (Traced, error) {
	ctx, cancel := context.WithTimeout(ctx, traceFor)
	defer cancel()
	t, err := newTrace(ctx, path, target)
	if err != nil {
		return Traced{}, plain(ctx, fmt.Errorf("trace %s: %w", target, err))
	}
	heard := make(chan struct{})
	go func() { defer close(heard); t.hear() }()
	err = t.ask(ctx)
	_ = t.conn.Close()
	<-heard
	if err != nil && len(t.found) == 0 {
		return t.traced(), plain(ctx, err)
	}
	return t.traced(), nil
}

// trace is one Trace. The probe of hop n in round r has the sequence number r*TraceHops+n.
type trace struct {
	family *family
	conn   *net.IPConn
	target netip.Addr
	id     uint16
	cookie uint64
	sent   [traceRounds * TraceHops]time.Time
	bytes  int

	news  chan returned
	found map[int]Hop // by distance
	end   int         // the distance of the target, or of what refuses; 0: not known
}

// returned is what came back for one probe.
type returned struct {
	message
	from netip.Addr
	at   time.Time
}

func newTrace(ctx context.Context, path Path, target netip.Addr) (*trace, error) {
	target = target.Unmap()
	t := &trace{
		family: echo4(), target: target, id: nonce16(), cookie: rand.Uint64(),
		news: make(chan returned, traceRounds*TraceHops), found: map[int]Hop{},
	}
	if target.Is6() {
		t.family = echo6()
	}
	if path.Control == nil && path.Device != "" {
		path.Control = bind(path.Device)
	}
	config := net.ListenConfig{Control: path.Control}
	packets, err := config.ListenPacket(ctx, t.family.network, t.family.any)
	if err != nil {
		return nil, err
	}
	if err := t.family.filter(packets, t.id); err != nil {
		_ = packets.Close()
		return nil, err
	}
	t.conn = packets.(*net.IPConn)
	return t, nil
}

// ask sends round after round until every hop up to the target has answered, or the time is up.
func (t *trace) ask(ctx context.Context) error {
	var failed error
	for round := range traceRounds {
		for hop := 1; hop <= TraceHops; hop++ {
			if _, answered := t.found[hop]; !answered && (t.end == 0 || hop < t.end) {
				failed = errors.Join(failed, t.send(round, hop))
			}
		}
		pause := time.NewTimer(traceEvery)
		for waiting := true; waiting && !t.complete(); {
			select {
			case a := <-t.news:
				t.take(a)
			case <-pause.C:
				waiting = false
			case <-ctx.Done():
				pause.Stop()
				return failed
			}
		}
		pause.Stop()
	}
	return failed
}

// send sends the probe of one hop. One goroutine sends, so that the socket's hop limit is that of the probe.
func (t *trace) send(round, hop int) error {
	var err error
	if t.target.Is6() {
		err = ipv6.NewPacketConn(t.conn).SetHopLimit(hop)
	} else {
		err = ipv4.NewPacketConn(t.conn).SetTTL(hop)
	}
	if err != nil {
		return err
	}
	seq := round*TraceHops + hop - 1
	packet := t.family.request(t.id, uint16(seq), t.cookie)
	t.sent[seq] = time.Now()
	t.bytes += len(packet) + t.family.inner
	_, err = t.conn.WriteToIP(packet, &net.IPAddr{IP: t.target.AsSlice(), Zone: t.target.Zone()})
	return err
}

// hear reads answers until the socket is closed.
func (t *trace) hear() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := t.conn.ReadFromIP(buffer)
		if err != nil {
			return
		}
		source, _ := netip.AddrFromSlice(from.IP)
		select {
		case t.news <- returned{t.family.parse(buffer[:n]), source.Unmap(), time.Now()}:
		default: // more answers than probes: not ours
		}
	}
}

// take notes an answer to a probe of this trace.
func (t *trace) take(a returned) {
	hop := int(a.seq)%TraceHops + 1
	if a.kind == foreign || a.id != t.id || int(a.seq) >= len(t.sent) || t.sent[a.seq].IsZero() {
		return
	}
	switch {
	case a.kind == echoed && (a.cookie != t.cookie || a.from != t.target.WithZone("")):
		return
	case a.kind == refused && (a.target != t.target.WithZone("") || a.from == a.source):
		return // of somebody else's packet, or of this machine's own kernel, which found nobody on the link
	case a.kind == refused && !a.expired && t.end > 0 && hop >= t.end:
		return // the same router refuses every probe that would go farther
	case a.kind == echoed || !a.expired:
		if t.end == 0 || hop < t.end {
			t.end = hop
		}
	}
	if _, known := t.found[hop]; !known {
		t.found[hop] = Hop{Distance: hop, Address: a.from, RTT: max(a.at.Sub(t.sent[a.seq]), 1)}
	}
}

// complete reports whether nothing more is to come.
func (t *trace) complete() bool {
	end := t.end
	if end == 0 {
		end = TraceHops
	}
	for hop := 1; hop <= end; hop++ {
		if _, answered := t.found[hop]; !answered {
			return false
		}
	}
	return true
}

func (t *trace) traced() Traced {
	out := Traced{Sent: t.bytes}
	for hop := 1; hop <= TraceHops; hop++ {
		h, answered := t.found[hop]
		if !answered || t.end > 0 && hop > t.end || len(out.Hops) > 0 && out.Last().Address == h.Address {
			continue
		}
		out.Hops = append(out.Hops, h)
		out.Reached = out.Reached || h.Address == t.target.WithZone("")
	}
	return out
}
