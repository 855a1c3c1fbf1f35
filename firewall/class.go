package firewall

import (
	"slices"
	"strconv"
	"time"
)

// Class says what of the house's traffic may use a metered line.
type Class uint8

const (
	Unclassed Class = iota // nothing is said: as everybody
	Always                 // all of it
	Essential              // what is essential as fast as it goes, the rest slowly
	Never                  // nothing
)

func (c Class) String() string { return [...]string{"", "always", "essential", "never"}[c] }

// MarkSlow is carried by connections that are held to SlowRate over a metered line, so that what comes back is held to it, too.
const MarkSlow Mark = 0x80000

const (
	// SlowRate is what a device has each way for what is not essential, in bytes per second: 1 Mbit/s opens pages and carries
	// a call, and a day of it is 10 GB at the very worst. Chosen by us.
	SlowRate = 125_000
	// slowBurst is what goes through at once, in bytes, beside a second's worth (the kernel adds that, nft_limit.c). Together they let a
	// small page pass at full speed, and the 64 KiB that the kernel may pass in one piece.
	slowBurst = 128 << 10
	// slowDevices and slowMemory bound what the kernel remembers. A device is an address: IPv6 gives a phone a handful.
	slowDevices = 4096
	slowMemory  = time.Minute
)

// What everybody in the house may use freely of a line that is for essentials. Numbers from IANA's registry of services.
func essentialTCP() []PortRange {
	return single(22, // SSH
		25, 110, 143, 465, 587, 993, 995, // mail
		53, 853, // names
		1194,       // OpenVPN
		3478, 5349, // finding one's way through NAT, for calls
		5060, 5061, // SIP
		5222, 5223, // messages: XMPP and others, Apple's push
		5228, 5229, 5230) // Google's push
}

func essentialUDP() []PortRange {
	return single(53, 853, // names
		123,       // time
		500, 4500, // IPsec
		1194,       // OpenVPN
		51820,      // WireGuard
		3478, 5349, // as above
		5060, 5061)
}

func single(list ...uint16) []PortRange {
	var all []PortRange
	for _, n := range list {
		all = append(all, PortRange{n, n})
	}
	return all
}

// classes keeps off metered lines what may not use them. It stands before the filter, which lets known flows pass: those that were
// running when the house moved are met here as well.
func (b *builder) classes() {
	var there, back []Rule
	for _, w := range b.uplinks() {
		if !b.restricted(w) {
			continue
		}
		b.chain("class_"+w.word, b.classify(w)...)
		there = append(there, Rule{leaving(w.Device), goTo("class_" + w.word)})
		back = append(back, Rule{from(w.Device), marked(MarkSlow), goTo("slowly_back")})
	}
	if len(there) == 0 {
		return
	}
	b.essentials()
	b.chain("free", Rule{marked(MarkSlow), SetMark{Field: ConnMark, Mask: MarkSlow}})
	b.chain("kept_off",
		Rule{b.count("kept_off")},
		Rule{tcp(), Reject{Reset: true}},
		Rule{Reject{}})
	b.base("metered_forward", Hook{Type: "filter", At: "forward", Priority: priorityFilter - 1}, append(there, back...)...)
}

// restricted reports whether there is anybody who may not use all of a line.
func (b *builder) restricted(w way) bool {
	return w.Metered && (w.Class >= Essential || slices.ContainsFunc(b.policy.Uses, func(u Use) bool { return u.Class >= Essential }))
}

// classify sends packets for a metered line to the chain of their class: that of the first policy that fits, as with their way.
func (b *builder) classify(w way) []Rule {
	var rules []Rule
	for i, u := range b.policy.Uses {
		class := u.Class
		if class == Unclassed {
			class = w.Class
		}
		var start []Expr
		if len(u.Ports) > 0 {
			// An answer's port is the other end's choice: it says nothing.
			start = []Expr{Match{Field: ConnSide, Value: small("original", 0)}}
		}
		for _, fit := range b.fits(useName(i), u) {
			rules = append(rules, concat(start, fit, []Expr{goTo(class.chain())}))
		}
	}
	return append(rules, Rule{goTo(w.Class.chain())})
}

func (c Class) chain() string {
	switch c {
	case Essential:
		return "essential"
	case Never:
		return "kept_off"
	}
	return "free"
}

// essentials are the chains that let pass what is essential, and the rest slowly.
func (b *builder) essentials() {
	b.chain("slowly", append([]Rule{{SetMark{Field: ConnMark, Mask: MarkSlow, Mark: MarkSlow}}}, b.slow("slow_up", Source4, Source6)...)...)
	b.chain("slowly_back", b.slow("slow_down", Destination4, Destination6)...)
	protocols := b.set("essential_protocol", Protocols, false, []Element{number("icmp", 1), number("esp", 50), number("ipv6-icmp", 58)})
	tcp := b.set("essential_tcp", Port, true, ports(essentialTCP()))
	udp := b.set("essential_udp", Port, true, ports(essentialUDP()))
	b.chain("essential",
		Rule{in(Protocol, protocols), goTo("free")},
		Rule{in(TCPPort, tcp), goTo("free")},
		Rule{in(UDPPort, udp), goTo("free")},
		Rule{goTo("slowly")})
}

// slow drops what is more than a device's share.
func (b *builder) slow(name string, four, six Field) []Rule {
	kinds := map[Field]Type{four: Address4, six: Address6}
	var rules []Rule
	for i, f := range []Field{four, six} {
		set := Set{Name: name + strconv.Itoa(4+2*i), Type: kinds[f], Size: slowDevices, Timeout: slowMemory}
		b.rules.Sets = append(b.rules.Sets, set)
		rules = append(rules, Rule{Throttle{Set: set.Name, Field: f, Rate: SlowRate, Burst: slowBurst}, b.count("slowed"), drop()})
	}
	return rules
}
