package vrrp

import (
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// again is when addresses are announced after they were taken over: at once, and more often while a switch or a host may
// have missed it. Then every minute, for those that were away.
func again() []time.Duration {
	return []time.Duration{100 * time.Millisecond, 900 * time.Millisecond, 4 * time.Second}
}

const (
	steady = time.Minute
	// calm is the least time between two rows of announcements that others cause: a forger must not make us shout.
	calm = time.Second
)

// announcing is the schedule of telling the network where the addresses are.
type announcing struct {
	pending bool      // once they are there, with the next order to the hands
	awaited uint64    // the order that puts them there; 0: none
	first   Action    // the advert that goes out once they are there; zero: none waits
	next    time.Time // zero: nothing to tell
	step    int
	last    time.Time
}

// announce tells the network once where an election's addresses are: IPv4 by gratuitous ARP in both forms (some hosts
// heed only one of them), IPv6 by unsolicited neighbour advertisement.
func (e *Engine) announce(now time.Time, in *instance) {
	in.last = now
	wait := steady
	if rest := again()[min(in.step, len(again())):]; len(rest) > 0 {
		wait = rest[0]
	}
	in.step++
	in.next = now.Add(wait)
	if in.wire == nil {
		return
	}
	for _, a := range in.list {
		if in.place.Family == IPv6 {
			in.frame = packet.AppendNA(in.frame[:0], in.address(), a, true)
			e.complain(now, in, in.wire.Transmit(in.frame))
			continue
		}
		for _, reply := range []bool{false, true} {
			in.frame = packet.AppendARP(in.frame[:0], reply, in.address(), a)
			e.complain(now, in, in.wire.Transmit(in.frame))
		}
	}
}

// announceAgain begins the row anew: somebody else may have been believed meanwhile.
func (e *Engine) announceAgain(now time.Time, in *instance) {
	if in.next.IsZero() {
		return // not there yet: they will be
	}
	in.step, in.next = 0, now
	if wait := in.last.Add(calm).Sub(now); wait > 0 {
		in.next = now.Add(wait)
	}
}

// probe asks who has the addresses: whoever answers, or asks back, proves that this machine can hear.
func (e *Engine) probe(in *instance) {
	for _, a := range in.list[:min(1, len(in.list))] {
		in.frame = packet.AppendProbe(in.frame[:0], in.mac, a, in.source)
		_ = in.wire.Transmit(in.frame) // the next one comes soon
	}
}
