package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// hear takes in one packet.
func (e *Engine) hear(now time.Time, s *slot) {
	p, w := &s.packet, s.wire
	in := w.members[memberKey{p.ID, FamilyOf(p.Source)}]
	if s.reject != packet.Accepted && s.reject != packet.CARP {
		e.refuse(now, in, p, s.reject)
		return
	}
	speaker := e.speakers.note(now, w, p, in, s.reject == packet.CARP)
	if s.reject == packet.CARP {
		if in != nil {
			e.alarm(now, in, "carp", "%s speaks CARP with the same number (VHID %d): both use the same virtual MAC address", p.Source, p.ID)
		}
		return
	}
	if in == nil {
		return
	}
	if reject := in.link.Judge(now, p); reject != packet.Accepted {
		speaker.refuse(reject)
		e.refuse(now, in, p, reject)
		return
	}
	in.received++
	speaker.accept(now, p, in)
	if p.Form == packet.Message || p.Form == packet.Pseudo {
		if in.wish.Checksum == ChecksumAuto {
			in.form = p.Form
		}
	}
	e.compare(now, in, p)
	e.decide(now, in, p)
}

// refuse counts a packet that is no advert for us, under the election that it names if there is one.
func (e *Engine) refuse(now time.Time, in *instance, p *packet.Packet, why packet.Reject) {
	if in == nil || why == packet.Protocol { // IPsec has the same number as VRRP's AH
		e.rejected[why]++
		return
	}
	in.rejected[why]++
	e.alarm(now, in, why.String(), "an advert of %s is rejected: %s", p.Source, why.Sentence())
}

// decide hands an accepted advert to its machine.
func (e *Engine) decide(now time.Time, in *instance, p *packet.Packet) {
	e.cause = p.Raw
	defer func() { e.cause = nil }()
	if v := in.group.View(in.key); v.State == Active && p.Priority > 0 && !v.Settings.outranked(Heard{Source: p.Source, Priority: p.Priority}) {
		in.auth.Overtake()
		// Shortly after a take-over it is the last word of the one before.
		if now.Sub(v.Since) > in.wish.Interval {
			e.say(now, in, Conflict, "conflict", fmt.Sprintf("%s is Active, too, with priority %d; this router stays Active with %d",
				p.Source, p.Priority, v.Priority))
		}
	}
	e.act(now, in.group.Step(now, in.key, Event{
		Kind: Hear, Heard: Heard{Source: p.Source, Priority: p.Priority, Interval: p.Interval},
	}))
}

// compare alarms when a peer advertises other addresses. RFC 9568 §7.1 does not let that be a reason to discard: during a
// change of the list both would become Active.
func (e *Engine) compare(now time.Time, in *instance, p *packet.Packet) {
	e.scratch = p.Addresses(e.scratch[:0])
	theirs := e.scratch
	same := len(theirs) == len(in.list)
	for _, a := range theirs {
		same = same && slices.Contains(in.list, a)
	}
	if in.place.Family == IPv6 && len(theirs) > 0 && !theirs[0].IsLinkLocalUnicast() {
		e.alarm(now, in, "link-local", "%s advertises no link-local address first: hosts cannot use it as a router (RFC 9568 §5.2.9)", p.Source)
	}
	if !same && p.Priority > 0 {
		e.alarm(now, in, "addresses", "%s advertises other addresses: %s instead of %s", p.Source, list(theirs), list(in.list))
	}
}

func list(addresses []netip.Addr) string {
	text := ""
	for i, a := range addresses {
		if i == 5 {
			return text + " …"
		}
		if i > 0 {
			text += ", "
		}
		text += a.String()
	}
	if text == "" {
		return "none"
	}
	return text
}
