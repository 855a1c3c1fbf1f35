package firewall

import "net/netip"

// policies are the homes that the golden files show.
func policies() map[string]Policy {
	return map[string]Policy{
		"one_wan":  {LAN: []string{"lan0"}, Subnets: house(), WANs: []WAN{fibre()}},
		"two_wans": twoWANs(),
		"one_dead": oneDead(),
		"peer": {LAN: []string{"lan0"}, Subnets: house(), WANs: []WAN{fibre(),
			{Name: "other", Device: "lan0", Mark: MarkOf(1), Alive: true, Peer: true}}},
		"no_lan":  {WANs: []WAN{fibre(), dsl()}},
		"ports":   rangesOfPorts(),
		"odd":     oddNames(),
		"virtual": virtual(),
		"counted": {LAN: []string{"lan0"}, Subnets: house(), WANs: []WAN{fibre(), stick(), {Name: "away", Mark: MarkOf(5), Metered: true}}},
		"metered": metered(),
		"used_up": usedUp(),
		"six":     six(),
		"lent":    lent(),
		"inner":   inner(),
		"server":  {Own: []string{"eth0"}, Refused: []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fd00:1::1")}},
	}
}

// virtual is a home whose gateway is a virtual address with a MAC address of its own, and a second network of servers.
func virtual() Policy {
	return Policy{LAN: []string{"lan0", "vr2-51-4"}, Subnets: house(), WANs: []WAN{fibre()}, Own: []string{"eth5", "eth6", "a b"},
		Refused: []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("::ffff:192.168.1.9"), {}}}
}

func house() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("fd00:1::/64")}
}

func fibre() WAN {
	return WAN{Name: "fibre", Device: "wan0", Mark: MarkOf(0), MTU: 1492, Alive: true,
		Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.2")}}
}

func dsl() WAN {
	return WAN{Name: "dsl", Device: "wan1", Mark: MarkOf(1), Alive: true,
		Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("2001:db8:2::2")}}
}

func stick() WAN {
	return WAN{Name: "stick", Device: "wwan0", Mark: MarkOf(2), MTU: 1500, Alive: true, Metered: true}
}

// metered is a home with a line that is paid by volume, and something to say on who may use it.
func metered() Policy {
	return Policy{LAN: []string{"lan0"}, Subnets: house(), WANs: []WAN{fibre(), stick()}, Uses: []Use{
		{Devices: []string{"02:00:00:00:00:22"}, Class: Never},
		{Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.64/26"), netip.MustParsePrefix("fd00:1::40/122")}, Class: Essential},
		{Ports: []PortRange{{8000, 8010}}, Class: Always},
		{Destinations: []netip.Prefix{netip.MustParsePrefix("8.8.8.0/24")}, Via: []Share{{MarkOf(0), 1}}},
	}}
}

// six is a home with IPv6 by two lines, the second of which does not work, and by none of the third and the other router's.
func six() Policy {
	p := Policy{LAN: []string{"lan0"}, Subnets: append(house(), netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("2001:db8:2::/64")), Six: true,
		WANs: []WAN{fibre(), dsl(), stick(), {Name: "other", Device: "lan0", Mark: MarkOf(3), Alive: true, Peer: true}}}
	p.WANs[0].Sources6, p.WANs[0].MTU6, p.WANs[0].Alive6, p.WANs[0].Open6 = prefixes6("2001:db8:1::/56", "2001:db8:f1::2/128"), 1452, true, true
	p.WANs[1].Sources6 = prefixes6("2001:db8:2::/56")
	p.WANs[3].Sources6, p.WANs[3].Alive6, p.WANs[3].Open6 = prefixes6("2001:db8:3::/56"), true, true
	p.Uses = []Use{
		{Devices: []string{"02:00:00:00:00:22"}, Via: []Share{{MarkOf(1), 1}}},
		{Ports: []PortRange{{25, 25}}, Via: []Share{{MarkOf(0), 1}, {MarkOf(1), 1}}},
		{Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.64/26")}},
	}
	p.Forwards = []Forward{
		{Proto: "tcp", Ports: PortRange{443, 443}, To: netip.MustParseAddrPort("[::ff:fe00:10]:443"), WANs: []string{"fibre"}},
		{Proto: "udp", Ports: PortRange{5060, 5061}, To: netip.MustParseAddrPort("[2001:db8:1::11]:0")},
	}
	return p
}

// lent is a home that shares with the other router, which sends its packets here as well, and whose own lines are two.
func lent() Policy {
	p := Policy{LAN: []string{"lan0", "vr2-51-4"}, Subnets: house(), WANs: []WAN{fibre(), dsl(), {Name: "other", Device: "lan0", Mark: MarkOf(2), Alive: true, Peer: true}}, Six: true,
		Partner: "02:00:00:00:00:99", PartnerAddress: netip.MustParseAddr("192.168.1.3"), Shares: []Share{{MarkOf(0), 3}, {MarkOf(2), 1}}, Lent: []Share{{MarkOf(0), 3}}}
	p.WANs[0].Sources6, p.WANs[0].Alive6, p.WANs[0].Open6 = prefixes6("2001:db8:1::/56"), true, true
	p.WANs[2].Sources6, p.WANs[2].Alive6, p.WANs[2].Open6 = prefixes6("2001:db8:3::/56"), true, true
	p.Uses = []Use{
		{Devices: []string{"02:00:00:00:00:22"}, Via: []Share{{MarkOf(1), 1}}}, // not to be told from the other router
		{Ports: []PortRange{{25, 25}}, Via: []Share{{MarkOf(1), 1}, {MarkOf(2), 1}}},
		{Ports: []PortRange{{26, 26}}, Via: []Share{{MarkOf(1), 1}}},
		{Ports: []PortRange{{27, 27}}, Via: []Share{{MarkOf(2), 1}}, Block: true},
		{Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.66/32")}, Block: true},
	}
	return p
}

// inner is a home whose IPv6 network is its own, and both lines take its place.
func inner() Policy {
	p := Policy{LAN: []string{"lan0"}, Subnets: house(), WANs: []WAN{fibre(), dsl(), stick()}, Six: true, Inner: netip.MustParsePrefix("fd00:1::/64"),
		Shares: []Share{{MarkOf(0), 1}, {MarkOf(1), 2}, {MarkOf(2), 3}}}
	for i, network := range []string{"2001:db8:1::/64", "2001:db8:2:5::/64", ""} {
		if w := &p.WANs[i]; network != "" {
			w.Alive6, w.Open6, w.Translate, w.Sources6 = true, true, netip.MustParsePrefix(network), prefixes6(network)
		}
	}
	return p
}

func prefixes6(list ...string) []netip.Prefix {
	var found []netip.Prefix
	for _, p := range list {
		found = append(found, netip.MustParsePrefix(p))
	}
	return found
}

// usedUp is a home whose metered line has carried all that it should.
func usedUp() Policy {
	p := metered()
	p.WANs[1].Class, p.Uses = Essential, p.Uses[:1]
	p.WANs = append(p.WANs, WAN{Name: "other", Device: "lan0", Mark: MarkOf(3), Alive: true, Peer: true, Metered: true, Class: Never})
	return p
}

func twoWANs() Policy {
	return Policy{
		LAN: []string{"lan0"}, Subnets: house(), WANs: []WAN{fibre(), dsl()},
		Shares: []Share{{MarkOf(0), 3}, {MarkOf(1), 1}},
		Uses: []Use{
			{Devices: []string{"02:00:00:00:00:22", "02:00:00:00:00:0A"}, Via: []Share{{MarkOf(0), 1}}},
			{Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.64/26")}, Block: true},
			{Destinations: []netip.Prefix{netip.MustParsePrefix("8.8.8.0/24"), netip.MustParsePrefix("2001:db8:8::/48")},
				Via: []Share{{MarkOf(0), 1}, {MarkOf(1), 1}}},
			{Sources: []netip.Prefix{netip.MustParsePrefix("192.168.1.7/32")}},
		},
		Forwards: []Forward{
			{Proto: "tcp", Ports: PortRange{443, 443}, To: netip.MustParseAddrPort("192.168.1.10:443"), WANs: []string{"fibre"}},
			{Proto: "udp", Ports: PortRange{5060, 5061}, To: netip.MustParseAddrPort("192.168.1.11:0")},
			{Proto: "tcp", Ports: PortRange{22, 22}, To: netip.MustParseAddrPort("[fd00:1::10]:2222")},
		},
	}
}

func oneDead() Policy {
	p := twoWANs()
	p.WANs[1].Alive = false
	p.Shares = p.Shares[:1]
	return p
}

func rangesOfPorts() Policy {
	p := Policy{LAN: []string{"lan0"}, Subnets: house(), WANs: []WAN{fibre(), dsl()}}
	p.Uses = []Use{
		{Ports: []PortRange{{80, 80}, {443, 443}, {81, 99}, {90, 95}}, Via: []Share{{MarkOf(1), 1}}},
		{Devices: []string{"02:00:00:00:00:22"}, Ports: []PortRange{{0, 65535}}, Block: true,
			Sources:      []netip.Prefix{netip.MustParsePrefix("192.168.1.0/25"), netip.MustParsePrefix("192.168.1.128/26"), netip.MustParsePrefix("192.168.1.9/32")},
			Destinations: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}},
	}
	p.Forwards = []Forward{
		{Proto: "tcp", Ports: PortRange{6000, 6010}, To: netip.MustParseAddrPort("192.168.1.10:0")},
		{Proto: "udp", Ports: PortRange{7000, 7010}, To: netip.MustParseAddrPort("192.168.1.10:7000"), WANs: []string{"dsl"}},
		{Proto: "sctp", Ports: PortRange{9, 9}, To: netip.MustParseAddrPort("192.168.1.10:9")},
	}
	return p
}

// oddNames has everything that cannot be named in nft text as it is.
func oddNames() Policy {
	return Policy{LAN: []string{"lan0", "lan0", `la"n`, "lan*"}, Subnets: house(), WANs: []WAN{
		{Name: "Мой провайдер", Device: "wan0", Mark: MarkOf(0), MTU: 40, Alive: true},
		{Name: "no device", Mark: MarkOf(1)},
		{Name: "a b", Device: "wwan-0.5", Mark: MarkOf(2), MTU: 70000},
		{Name: "ab", Device: "wan2", Mark: MarkOf(3)},
		{Name: "mark twice", Device: "wan3", Mark: MarkOf(3)},
		{Name: "no mark", Device: "wan4"},
	}}
}
