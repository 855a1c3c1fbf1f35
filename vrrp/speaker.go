package vrrp

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

const (
	// maxSpeakers bounds the table: 255 elections with two peers each are remembered twice over.
	maxSpeakers = 1024
	// stale is how long a silent speaker stays in a full table.
	stale = time.Minute
)

// speakers is everybody who was heard, wanted or not. A flood from invented sources fills it and no more.
type speakers struct {
	table map[speakerKey]*entry
	swept time.Time
	spare entry // takes what no longer fits
}

type speakerKey struct {
	device  string
	source  netip.Addr
	id      uint8
	version uint8
	carp    bool
}

// entry is a Speaker in the making.
type entry struct {
	Speaker
	in      *instance
	mac     [6]byte
	arrived time.Time
	forms   packet.ChecksumForm
	list    []netip.Addr
}

func newSpeakers() speakers { return speakers{table: map[speakerKey]*entry{}} }

// note finds or makes the entry of a packet's source.
func (s *speakers) note(now time.Time, w *wire, p *packet.Packet, in *instance, carp bool) *entry {
	key := speakerKey{device: w.device, source: p.Source, id: p.ID, version: p.Version, carp: carp}
	h := s.table[key]
	if h == nil {
		h = s.add(now, key, p)
	}
	h.in, h.Last, h.mac = in, now, p.SourceMAC
	if in == nil {
		h.Foreign, h.Priority, h.Interval = true, int(p.Priority), p.Interval
		h.Adverts++
	} else {
		h.Foreign = false
	}
	return h
}

func (s *speakers) add(now time.Time, key speakerKey, p *packet.Packet) *entry {
	if len(s.table) >= maxSpeakers && now.Sub(s.swept) >= time.Second {
		s.swept = now
		for k, h := range s.table {
			if now.Sub(h.Last) > stale {
				delete(s.table, k)
			}
		}
	}
	h := &s.spare
	if len(s.table) < maxSpeakers {
		h = &entry{}
		s.table[key] = h
	}
	h.Speaker = Speaker{
		Interface: key.device, Source: key.source, Version: key.version, ID: key.id, Family: FamilyOf(key.source),
		First: now.Round(0), CARP: key.carp,
	}
	return h
}

// accept takes in an advert that was taken for true.
func (h *entry) accept(now time.Time, p *packet.Packet, in *instance) {
	if h.Adverts > 0 && h.Interval > 0 && h.Priority > 0 {
		h.punctual(now.Sub(h.arrived), p.Interval)
	}
	h.arrived = now
	h.Adverts++
	h.Priority, h.Interval, h.Verdict = int(p.Priority), p.Interval, packet.Accepted.String()
	h.forms = p.Form
	h.list = p.Addresses(h.list[:0])
}

// punctual compares the time since the last advert with what that one had announced (jitter as in RFC 3550 §6.4.1).
func (h *entry) punctual(gap, announced time.Duration) {
	off := (gap - h.Interval).Abs()
	if missed := (gap + h.Interval/2) / h.Interval; missed > 1 {
		h.Missed += uint64(missed - 1)
		return
	}
	if gap < h.Interval/2 || announced != h.Interval {
		return // out of turn: it answered somebody
	}
	h.Jitter += (off - h.Jitter) / 16
}

func (h *entry) refuse(r packet.Reject) { h.Verdict = r.Sentence() }

// all returns the table as people want it.
func (s *speakers) all() []Speaker {
	list := make([]Speaker, 0, len(s.table))
	for _, h := range s.table {
		out := h.Speaker
		out.MAC, out.Last, out.Addresses = net.HardwareAddr(h.mac[:]).String(), h.Last.Round(0), slices.Clone(h.list)
		out.Ours = ""
		if h.in != nil {
			out.Ours = h.in.wish.Name
		}
		if h.Version == 3 && h.Family == IPv4 && h.forms != packet.NoForm {
			out.Checksum = h.forms.String()
		}
		list = append(list, out)
	}
	slices.SortFunc(list, func(a, b Speaker) int {
		if a.Interface != b.Interface {
			return strings.Compare(a.Interface, b.Interface)
		}
		if a.ID != b.ID {
			return int(a.ID) - int(b.ID)
		}
		return a.Source.Compare(b.Source)
	})
	return list
}
