package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// UDPProbe is one flow of numbered datagrams from a device to the echo server, at fixed times. It stands for a
// call or a game: the longest run of lost ones is what its user would have felt.
type UDPProbe struct {
	conn     net.PacketConn
	to       net.Addr
	patience time.Duration // an answer that comes later is none; 0: any time
	interval time.Duration
	start    time.Time
	stop     chan struct{}
	tasks    sync.WaitGroup

	mu     sync.Mutex
	probes []probe
	late   time.Duration
}

// probe is one datagram; times count from the start.
type probe struct {
	sent     time.Duration
	answered time.Duration
	via      netip.Addr // the source address the server saw; invalid while there is no answer
}

// UDPInterval is the usual time between two probes: the resolution of a gap.
const UDPInterval = 2 * time.Millisecond

// StartUDP starts a probe. The socket is not connected, so that an ICMP error does not end it.
func (d *Device) StartUDP(interval time.Duration) (*UDPProbe, error) {
	return d.startUDP(echoServer(), interval, 0)
}

func (d *Device) startUDP(to netip.AddrPort, interval, patience time.Duration) (*UDPProbe, error) {
	p, err := d.openUDP(to, interval, patience)
	if err == nil {
		p.tasks.Go(p.send)
	}
	return p, err
}

// openUDP is a probe that sends nothing by itself. Of IPv6 it keeps the source that it begins with, as a call does: a device has several, and
// chooses anew for each datagram of a socket that has none.
func (d *Device) openUDP(to netip.AddrPort, interval, patience time.Duration) (*UDPProbe, error) {
	return d.openProbe(net.UDPAddrFromAddrPort(to), interval, patience, func() (net.PacketConn, error) {
		if to.Addr().Is4() {
			return net.ListenPacket("udp4", ":0")
		}
		chosen, err := net.Dial("udp6", to.String())
		if err != nil {
			return nil, err
		}
		defer chosen.Close()
		return net.ListenUDP("udp6", &net.UDPAddr{IP: chosen.LocalAddr().(*net.UDPAddr).IP})
	})
}

func (d *Device) openProbe(to net.Addr, interval, patience time.Duration, open func() (net.PacketConn, error)) (*UDPProbe, error) {
	p := &UDPProbe{to: to, patience: patience, interval: interval, start: time.Now(), stop: make(chan struct{})}
	err := d.space.Do(func() (err error) {
		p.conn, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	p.tasks.Go(p.receive)
	return p, nil
}

func (p *UDPProbe) send() {
	runtime.LockOSThread() // a thread of its own wakes up on time; the runtime's timers are a millisecond coarse
	defer runtime.UnlockOSThread()
	for due := p.start; ; due = due.Add(p.interval) {
		sleepUntil(due)
		if stopped(p.stop) {
			return
		}
		if late := time.Since(due); late > 5*p.interval {
			due = due.Add(late) // a burst of late ones would hide a gap
		}
		p.one(due)
	}
}

// one sends the next probe.
func (p *UDPProbe) one(due time.Time) {
	packet := binary.BigEndian.AppendUint64(nil, p.book(due))
	_, _ = p.conn.WriteTo(packet, p.to) // what cannot be sent is a lost probe
}

// book notes the next probe and returns its number.
func (p *UDPProbe) book(due time.Time) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.late = max(p.late, now.Sub(due))
	p.probes = append(p.probes, probe{sent: now.Sub(p.start)})
	return uint64(len(p.probes) - 1)
}

func sleepUntil(t time.Time) {
	for {
		rest := time.Until(t)
		if rest <= 0 {
			return
		}
		ts := unix.NsecToTimespec(int64(rest))
		_ = unix.Nanosleep(&ts, nil) // interrupted by a signal: once more
	}
}

func (p *UDPProbe) receive() {
	buffer := make([]byte, 64)
	for {
		n, _, err := p.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		var via netip.AddrPort
		if n < 8 || via.UnmarshalBinary(buffer[8:n]) != nil {
			continue
		}
		p.answer(binary.BigEndian.Uint64(buffer), via.Addr())
	}
}

func (p *UDPProbe) answer(number uint64, via netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Since(p.start)
	switch {
	case number >= uint64(len(p.probes)) || p.probes[number].via.IsValid():
	case p.patience > 0 && now-p.probes[number].sent > p.patience:
	default:
		p.probes[number].answered, p.probes[number].via = now, via
	}
}

// Stop ends the probe after the last answers had time to arrive, and returns the whole result.
func (p *UDPProbe) Stop() UDPResult {
	p.hush()
	const grace = 100 * time.Millisecond // the lab's round trip is under 1 ms, on a busy machine some 10
	time.Sleep(grace)
	return p.finish()
}

// hush ends the sending; answers still count.
func (p *UDPProbe) hush() { close(p.stop) }

// finish ends the probe.
func (p *UDPProbe) finish() UDPResult {
	_ = p.conn.Close()
	p.tasks.Wait()
	return p.Since(p.start)
}

// settled reports whether every datagram has been answered.
func (p *UDPProbe) settled() bool { return p.Since(p.start).Lost == 0 }

// Since is the result for the probes sent from a moment on.
func (p *UDPProbe) Since(from time.Time) UDPResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	return measure(p.probes, p.start, from.Sub(p.start), p.late)
}

// First is when the first answer to a probe sent after a moment arrived that went by a line; zero if none did.
func (p *UDPProbe) First(after time.Time, by *Line) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.probes {
		if one.via.IsValid() && one.sent >= after.Sub(p.start) && by.Carries(one.via) {
			return p.start.Add(one.answered)
		}
	}
	return time.Time{}
}

// UDPResult is what a UDPProbe has measured.
type UDPResult struct {
	Sent, Lost int
	Gap        time.Duration // from the first of the longest run of lost probes to the next answered one
	GapStart   time.Time     // zero without a loss
	Late       time.Duration // the worst delay of the sender itself: the precision of the rest
	Via        []netip.Addr  // the source addresses that the server saw, in order of change
}

func (r UDPResult) String() string {
	return fmt.Sprintf("longest gap %s, %d of %d lost, via %v, sender up to %s late",
		round(r.Gap), r.Lost, r.Sent, r.Via, round(r.Late))
}

func measure(probes []probe, start time.Time, from, late time.Duration) UDPResult {
	r := UDPResult{Late: late}
	lost := time.Duration(-1) // when the current run of losses began
	ends := func(at time.Duration) {
		if lost >= 0 && at-lost > r.Gap {
			r.Gap, r.GapStart = at-lost, start.Add(lost)
		}
		lost = -1
	}
	for _, one := range probes {
		if one.sent < from {
			continue
		}
		r.Sent++
		if !one.via.IsValid() {
			r.Lost++
			if lost < 0 {
				lost = one.sent
			}
			continue
		}
		ends(one.sent)
		if len(r.Via) == 0 || r.Via[len(r.Via)-1] != one.via {
			r.Via = append(r.Via, one.via)
		}
	}
	if len(probes) > 0 {
		ends(probes[len(probes)-1].sent)
	}
	return r
}

// round makes a duration readable: milliseconds below a second, tens of them above.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(10 * time.Millisecond)
}
