package lab

import (
	"fmt"
	"net/netip"
	"time"
)

// TrafficResult is what became of a Traffic.
type TrafficResult struct {
	Streams, Broken int           // TCP connections, and how many of them ended or did not answer all
	Stall           time.Duration // the longest time in which one of them heard nothing
	Flows, Moved    int           // of datagrams, and how many were seen with more than one source address
	Sent, Lost      int           // datagrams
	Gap             time.Duration // the longest time in which one flow of datagrams lost all
	Pings, Silent   int           // echo requests, and how many had no answer in time
	PingGap         time.Duration
	Late            time.Duration // the worst delay of a sender itself: the precision of the rest
	First           error         // why the first stream broke
	Mover           string        // the first flow that moved, and the source addresses that it was seen with
	Loser           string        // the first flow that lost something, and what
}

func (r *TrafficResult) stream(s StreamResult) {
	r.Streams++
	r.Stall = max(r.Stall, s.Stall)
	if s.Cause == nil && s.Answered == s.Sent {
		return
	}
	r.Broken++
	if r.First == nil {
		r.First = s.Cause
	}
}

func (r *TrafficResult) datagrams(kind string, u UDPResult) {
	r.Flows++
	r.Sent, r.Lost = r.Sent+u.Sent, r.Lost+u.Lost
	r.Gap, r.Late = max(r.Gap, u.Gap), max(r.Late, u.Late)
	r.ways(kind, u.Via)
	r.losses(kind, u.Lost, u.String)
}

func (r *TrafficResult) losses(kind string, lost int, what func() string) {
	if lost > 0 && r.Loser == "" {
		r.Loser = kind + ": " + what()
	}
}

func (r *TrafficResult) ways(kind string, via []netip.Addr) {
	if len(via) < 2 {
		return
	}
	r.Moved++
	if r.Mover == "" {
		r.Mover = fmt.Sprintf("%s, seen from %s", kind, via)
	}
}

func (r *TrafficResult) tunnel(kind string, u TunnelResult) {
	r.Flows++
	r.Sent, r.Lost = r.Sent+u.Sent, r.Lost+u.Lost
	r.ways(kind, u.Via)
	r.losses(kind, u.Lost, u.String)
}

func (r *TrafficResult) ping(p PingResult) {
	r.Pings, r.Silent, r.PingGap = r.Pings+p.Sent, r.Silent+p.Lost, max(r.PingGap, p.Gap)
}

// Unharmed reports whether nothing was lost, broke or went another way.
func (r TrafficResult) Unharmed() bool {
	return r.Broken == 0 && r.Moved == 0 && r.Lost == 0 && r.Silent == 0
}

// AllLost reports whether every connection broke and every flow went another way.
func (r TrafficResult) AllLost() bool { return r.Broken == r.Streams && r.Moved == r.Flows }

func (r TrafficResult) String() string {
	s := fmt.Sprintf("%d of %d TCP connections broke, longest stall %s; %d of %d datagrams lost, longest gap %s, %d of %d flows moved",
		r.Broken, r.Streams, round(r.Stall), r.Lost, r.Sent, round(r.Gap), r.Moved, r.Flows)
	if r.Pings > 0 {
		s += fmt.Sprintf("; %d of %d pings lost, gap %s", r.Silent, r.Pings, round(r.PingGap))
	}
	if r.First != nil {
		s += fmt.Sprintf("; first: %v", r.First)
	}
	if r.Mover != "" {
		s += "; moved: " + r.Mover
	}
	if r.Loser != "" {
		s += "; lost: " + r.Loser
	}
	return s + fmt.Sprintf("; sender up to %s late", round(r.Late))
}
