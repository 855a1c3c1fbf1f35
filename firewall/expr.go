package firewall

import (
	"fmt"
	"net/netip"
)

// Expr is one part of a rule: Match, Masked, Within, Bits, Member or Hashed, which look at a packet, or one of
// the statements. The list is closed: internal/kernel lowers each of them.
type Expr interface {
	fmt.Stringer
	closed()
}

// Value is a constant: as nft writes it, and as the kernel compares it (marks and bits in host order).
type Value struct {
	Text  string
	Bytes []byte
}

// Match compares a field. Unless Not it must be equal.
type Match struct {
	Field Field
	Not   bool
	Value Value
}

// Masked compares some bits of a field.
type Masked struct {
	Field Field
	Mask  Value
	Not   bool
	Value Value
}

// Within wants an IPv6 address to be of a network or, with Not, of none but others.
type Within struct {
	Field  Field
	Not    bool
	Prefix netip.Prefix // masked
}

// Bits wants any of the bits of Value in the field.
type Bits struct {
	Field Field
	Value Value
}

// Member wants the field in a set or, with Not, outside it.
type Member struct {
	Field Field
	Not   bool
	Set   string
}

// Range wants a port within a range.
type Range struct {
	Field Field
	Ports PortRange
}

// Hashed spreads source and destination address over 0 to Modulus−1 and wants a result below Below.
// The same two addresses always have the same result.
type Hashed struct {
	Six            bool // IPv6
	Modulus, Below uint32
}

// Seed keeps the spread of Hashed the same over every reload: without it the kernel takes a new one each time.
const Seed = 0x7477696e // "twin"; any number would do

func (m Match) String() string {
	if m.Not {
		return fmt.Sprintf("%s != %s", m.Field, m.Value.Text)
	}
	return fmt.Sprintf("%s %s", m.Field, m.Value.Text)
}

func (m Masked) String() string {
	op := "=="
	if m.Not {
		op = "!="
	}
	return fmt.Sprintf("%s & %s %s %s", m.Field, m.Mask.Text, op, m.Value.Text)
}

func (w Within) String() string {
	text := w.Prefix.String()
	if w.Prefix.IsSingleIP() {
		text = w.Prefix.Addr().String()
	}
	return Match{Field: w.Field, Not: w.Not, Value: Value{Text: text}}.String()
}

// Mask has the bits of an address that are compared.
func (w Within) Mask() []byte {
	mask := make([]byte, w.Prefix.Addr().BitLen()/8)
	for bit := range w.Prefix.Bits() {
		mask[bit/8] |= 0x80 >> (bit % 8)
	}
	return mask
}

func (b Bits) String() string { return fmt.Sprintf("%s %s", b.Field, b.Value.Text) }

func (m Member) String() string {
	if m.Not {
		return fmt.Sprintf("%s != @%s", m.Field, m.Set)
	}
	return fmt.Sprintf("%s @%s", m.Field, m.Set)
}

func (r Range) String() string { return fmt.Sprintf("%s %d-%d", r.Field, r.Ports.First, r.Ports.Last) }

func (h Hashed) String() string {
	from, to := Source4, Destination4
	if h.Six {
		from, to = Source6, Destination6
	}
	return fmt.Sprintf("jhash %s . %s mod %d seed 0x%x < %d", from, to, h.Modulus, Seed, h.Below)
}

// Verdict ends the rule, and with all but Jump the chain.
type Verdict struct {
	Kind  VerdictKind
	Chain string // of Goto
}

// VerdictKind is what becomes of the packet.
type VerdictKind int

// The verdicts our rules end with.
const (
	NoVerdict VerdictKind = iota
	Accept
	Drop
	Goto
)

// String is the verdict as nft writes it.
func (k VerdictKind) String() string {
	switch k {
	case Accept:
		return "accept"
	case Drop:
		return "drop"
	case Goto:
		return "goto"
	}
	return fmt.Sprintf("verdict %d", int(k))
}

func (v Verdict) String() string {
	if v.Kind == Goto {
		return fmt.Sprintf("%s %s", v.Kind, v.Chain)
	}
	return v.Kind.String()
}

// Reject answers the packet: with a TCP reset, with ICMPv6's "source address failed policy", with "no route", else with "administratively prohibited".
type Reject struct{ Reset, Policy, Nowhere bool }

func (r Reject) String() string {
	switch {
	case r.Reset:
		return "reject with tcp reset"
	case r.Policy:
		return "reject with icmpv6 policy-fail"
	case r.Nowhere:
		return "reject with icmpx no-route"
	}
	return "reject with icmpx admin-prohibited"
}

// Count counts in a counter of the ruleset.
type Count struct{ Name string }

func (c Count) String() string { return fmt.Sprintf("counter name %q", c.Name) }

// Limit matches up to Rate packets a second, or a minute, after a first Burst.
type Limit struct {
	Rate, Burst int
	Minute      bool
}

func (l Limit) String() string {
	unit := "second"
	if l.Minute {
		unit = "minute"
	}
	return fmt.Sprintf("limit rate %d/%s burst %d packets", l.Rate, unit, l.Burst)
}

// Throttle matches packets of an address beyond Rate bytes a second, after a first Burst and one second's worth. The set remembers for each address
// what is left to it.
type Throttle struct {
	Set         string
	Field       Field
	Rate, Burst int // Burst in whole KiB
}

func (t Throttle) String() string {
	return fmt.Sprintf("update @%s { %s limit rate over %d bytes/second burst %d kbytes }", t.Set, t.Field, t.Rate, t.Burst>>10)
}

// Log writes the packet's headers to the kernel log.
type Log struct{ Prefix string }

func (l Log) String() string { return fmt.Sprintf("log prefix %q", l.Prefix) }

// SetMark changes the bits of Mask in a mark (ConnMark or PacketMark) to those of Mark, and no others.
type SetMark struct {
	Field      Field
	Mask, Mark Mark
}

func (s SetMark) String() string {
	return fmt.Sprintf("%s set %s & 0x%08x | 0x%08x", s.Field, s.Field, uint32(^s.Mask), uint32(s.Mark))
}

// Notrack keeps the packet out of connection tracking.
type Notrack struct{}

func (Notrack) String() string { return "notrack" }

// Masquerade gives the flow the address of the device it leaves by.
type Masquerade struct{}

func (Masquerade) String() string { return "masquerade" }

// Translate gives the flow's source another network and leaves it the rest of its address.
type Translate struct{ To netip.Prefix }

func (t Translate) String() string { return fmt.Sprintf("snat ip6 prefix to %s", t.To) }

// Redirect sends the flow to a host of the house. Port 0 keeps the port.
type Redirect struct{ To netip.AddrPort }

func (d Redirect) String() string {
	family, to := "ip", d.To.String()
	if d.To.Addr().Is6() {
		family = "ip6"
	}
	if d.To.Port() == 0 {
		to = d.To.Addr().String()
	}
	return fmt.Sprintf("dnat %s to %s", family, to)
}

// Clamp lowers the segment size that a TCP SYN announces, and never raises it (the kernel sees to that).
type Clamp struct{ Size uint16 } // 0: what the routes of both directions allow

func (c Clamp) String() string {
	if c.Size == 0 {
		return "tcp option maxseg size set rt mtu"
	}
	return fmt.Sprintf("tcp option maxseg size set %d", c.Size)
}

func (Match) closed()      {}
func (Masked) closed()     {}
func (Within) closed()     {}
func (Bits) closed()       {}
func (Member) closed()     {}
func (Range) closed()      {}
func (Hashed) closed()     {}
func (Verdict) closed()    {}
func (Reject) closed()     {}
func (Count) closed()      {}
func (Limit) closed()      {}
func (Log) closed()        {}
func (Throttle) closed()   {}
func (SetMark) closed()    {}
func (Notrack) closed()    {}
func (Masquerade) closed() {}
func (Redirect) closed()   {}
func (Translate) closed()  {}
func (Clamp) closed()      {}
