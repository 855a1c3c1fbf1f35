package lab

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"
)

// Load is what runs in a house at the same time. The zero value is nothing.
type Load struct {
	Streams  int            // TCP connections with a record at each Interval
	Idle     int            // TCP connections that say nothing between their first word and their last
	Calls    int            // UDP flows with a datagram at each Interval
	Interval time.Duration  // 0: StreamInterval
	Others   bool           // a UDP flow each 2 ms, pings, a busy and a quiet VPN, a protocol without ports
	Six      bool           // half as many streams and calls by IPv6, and pings
	Inbound  netip.AddrPort // a port forwarded to ServeInside's: one more stream, from the Internet; invalid: none
}

// Traffic is a Load that runs between a device and the Internet.
type Traffic struct {
	house   *House
	device  *Device
	load    Load
	began   time.Time
	streams []*Stream // those that idle are among them
	inbound *Stream
	calls   []*Calls
	single  []*UDPProbe
	pings   []*Pinger
	tunnels []*Tunnel
}

const pingEvery = 10 * time.Millisecond

// StartTraffic starts a load. ctx bounds the opening of its connections.
func (h *House) StartTraffic(ctx context.Context, d *Device, l Load) (*Traffic, error) {
	if l.Interval == 0 {
		l.Interval = StreamInterval
	}
	t := &Traffic{house: h, device: d, load: l, began: time.Now()}
	if err := t.open(ctx); err != nil {
		t.Stop()
		return nil, err
	}
	return t, nil
}

func (t *Traffic) open(ctx context.Context) error {
	l := t.load
	if err := t.family(ctx, l.Streams, l.Idle, l.Calls, echoServer()); err != nil {
		return err
	}
	if l.Six {
		if err := t.family(ctx, l.Streams/2, l.Idle/2, l.Calls/2, echoServer6()); err != nil {
			return err
		}
	}
	if l.Inbound.IsValid() {
		conn, err := t.house.dialIn(ctx, l.Inbound)
		if err != nil {
			return err
		}
		t.inbound = newStream(conn, l.Interval)
	}
	if !l.Others {
		return nil
	}
	return errors.Join(t.others(), t.ping("1.1.1.1"), t.ping6())
}

// family opens the streams and calls of one family.
func (t *Traffic) family(ctx context.Context, streams, idle, calls int, server netip.AddrPort) error {
	for i := range streams + idle {
		interval := t.load.Interval
		if i >= streams {
			interval = 0
		}
		s, err := t.device.startStream(ctx, server, interval)
		if err != nil {
			return err
		}
		t.streams = append(t.streams, s)
	}
	c, err := t.device.StartCalls(calls, t.load.Interval, server)
	if err == nil {
		t.calls = append(t.calls, c)
	}
	return err
}

func (t *Traffic) others() error {
	if err := t.house.serveRaw(); err != nil {
		return err
	}
	for _, start := range []func() (*UDPProbe, error){
		func() (*UDPProbe, error) { return t.device.StartUDP(UDPInterval) },
		func() (*UDPProbe, error) { return t.device.startRaw(t.load.Interval) },
	} {
		p, err := start()
		if err != nil {
			return err
		}
		t.single = append(t.single, p)
	}
	for i, interval := range []time.Duration{2 * StreamInterval, 0} {
		tunnel, err := t.house.StartTunnel(t.device, TunnelPort+i, interval)
		if err != nil {
			return err
		}
		t.tunnels = append(t.tunnels, tunnel)
	}
	return nil
}

func (t *Traffic) ping(target string) error {
	const late = 5 * time.Second // what a busy machine may take: an answer is not lost because of it
	p, err := t.device.startPinger(target, pingEvery, late)
	if err == nil {
		t.pings = append(t.pings, p)
	}
	return err
}

func (t *Traffic) ping6() error {
	if !t.load.Six {
		return nil
	}
	return t.ping(Targets6()[0])
}

// Stop has the quiet ones say a last word, waits for the last answers and ends everything.
func (t *Traffic) Stop() TrafficResult {
	for _, c := range t.calls {
		c.quiet()
	}
	for _, p := range t.single {
		p.hush()
	}
	for _, tunnel := range t.tunnels {
		tunnel.silence()
		tunnel.Wake()
	}
	t.settle()
	r := TrafficResult{}
	for _, s := range t.everyStream() {
		r.stream(s.Stop())
	}
	for _, c := range t.calls {
		for _, one := range c.results() {
			r.datagrams("a call", one)
		}
	}
	for i, p := range t.single {
		r.datagrams([]string{"the call each 2 ms", "the one without ports"}[i], p.finish())
	}
	for _, p := range t.pings {
		r.ping(p.Stop())
	}
	for i, tunnel := range t.tunnels {
		r.tunnel([]string{"the busy tunnel", "the quiet tunnel"}[i], tunnel.result())
	}
	return r
}

// settle has the idle streams say a word, and waits a while until everything is answered.
func (t *Traffic) settle() {
	for _, s := range t.everyStream() {
		s.hush()
		s.record()
	}
	const enough = 2 * time.Second
	for end := time.Now().Add(enough); !t.settled() && time.Now().Before(end); time.Sleep(look) {
	}
}

// settled reports whether every record and every datagram has been answered.
func (t *Traffic) settled() bool {
	probes := slices.Clone(t.single)
	for _, c := range t.calls {
		probes = append(probes, c.probes...)
	}
	return !slices.ContainsFunc(t.everyStream(), func(s *Stream) bool { return !s.settled() }) &&
		!slices.ContainsFunc(t.tunnels, func(u *Tunnel) bool { return !u.settled() }) &&
		!slices.ContainsFunc(probes, func(p *UDPProbe) bool { return !p.settled() })
}

func (t *Traffic) everyStream() []*Stream {
	if t.inbound == nil {
		return t.streams
	}
	return append(append([]*Stream(nil), t.streams...), t.inbound)
}

// Alive is how many streams have not broken.
func (t *Traffic) Alive() (n int) {
	for _, s := range t.everyStream() {
		if s.Result().Cause == nil {
			n++
		}
	}
	return n
}

// Told is how long after a moment the last of the streams broke; ok is false while one lives.
func (t *Traffic) Told(after time.Time) (last time.Duration, ok bool) {
	for _, s := range t.everyStream() {
		r := s.Result()
		if r.Cause == nil {
			return 0, false
		}
		last = max(last, r.Told(after))
	}
	return last, true
}
