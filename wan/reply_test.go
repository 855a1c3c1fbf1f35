package wan

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// option sets an option to these bytes.
func option(code dhcpv4.OptionCode, raw ...byte) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptGeneric(code, raw))
}

func without(codes ...dhcpv4.OptionCode) dhcpv4.Modifier {
	return func(p *dhcpv4.DHCPv4) {
		for _, c := range codes {
			p.DeleteOption(c)
		}
	}
}

func yours(a, b, c, d byte) dhcpv4.Modifier { return dhcpv4.WithYourIP(net.IP{a, b, c, d}) }

// ackWith is the ACK of an ordinary home line with something changed.
func ackWith(change ...dhcpv4.Modifier) []byte {
	to := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, ClientHWAddr: ourMAC, Options: dhcpv4.Options{}}
	return answer(to, ack, server1, address7, change...).ToBytes()
}

func parse(raw []byte) (*reply, Fault) {
	p, fault := decode(raw, ourMAC)
	if fault != NoFault {
		return nil, fault
	}
	r, fault := read(p, nil)
	if fault != NoFault {
		return nil, fault
	}
	return r, NoFault
}

func TestRefused(t *testing.T) {
	tests := map[string]struct {
		change dhcpv4.Modifier
		want   Fault
	}{
		"address 0":             {yours(0, 0, 0, 0), BadAddress},
		"this network":          {yours(0, 1, 2, 3), BadAddress},
		"loopback":              {yours(127, 0, 0, 1), BadAddress},
		"multicast":             {yours(224, 0, 0, 1), BadAddress},
		"reserved":              {yours(240, 0, 0, 1), BadAddress},
		"limited broadcast":     {yours(255, 255, 255, 255), BadAddress},
		"link-local":            {yours(169, 254, 1, 1), BadAddress},
		"the network's":         {yours(198, 51, 100, 0), BadAddress},
		"its broadcast":         {yours(198, 51, 100, 255), BadAddress},
		"the server's own":      {yours(198, 51, 100, 1), BadAddress},
		"no server":             {without(dhcpv4.OptionServerIdentifier), NoServer},
		"server 0":              {option(dhcpv4.OptionServerIdentifier, 0, 0, 0, 0), NoServer},
		"two servers":           {option(dhcpv4.OptionServerIdentifier, 1, 2, 3, 4, 5, 6, 7, 8), NoServer},
		"no gateway":            {without(dhcpv4.OptionRouter), NoGateway},
		"gateway elsewhere":     {option(dhcpv4.OptionRouter, 203, 0, 113, 1), NoGateway},
		"gateway ourselves":     {option(dhcpv4.OptionRouter, 198, 51, 100, 7), NoGateway},
		"gateway cut short":     {option(dhcpv4.OptionRouter, 198, 51, 100), NoGateway},
		"gateway broadcast":     {option(dhcpv4.OptionRouter, 198, 51, 100, 255), NoGateway},
		"a request":             {func(p *dhcpv4.DHCPv4) { p.OpCode = dhcpv4.OpcodeBootRequest }, NotDHCP},
		"for someone else":      {dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 0x11}), NotDHCP},
		"no type":               {without(dhcpv4.OptionDHCPMessageType), WrongTurn},
		"type of a client":      {dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover), WrongTurn},
		"overload with rubbish": {both(option(dhcpv4.OptionOptionOverload, 2), func(p *dhcpv4.DHCPv4) { p.ServerHostName = "\x06\xff" }), NotDHCP},
	}
	for name, test := range tests {
		if r, got := parse(ackWith(test.change)); got != test.want {
			t.Errorf("%s: %v (%+v), want %v", name, got, r, test.want)
		}
	}
}

func both(m ...dhcpv4.Modifier) dhcpv4.Modifier {
	return func(p *dhcpv4.DHCPv4) {
		for _, m := range m {
			m(p)
		}
	}
}

func TestTrimmed(t *testing.T) {
	long := strings.Repeat("x", 64)
	plain := "198.51.100.7/24 via 198.51.100.1 dns [198.51.100.53] mtu 0 domain \"\" routes [] 1h0m0s 30m0s 52m30s"
	with := func(old, new string) string { return strings.Replace(plain, old, new, 1) }
	times := func(lease, renew, rebind uint32) dhcpv4.Modifier {
		second := func(n uint32) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }
		return both(option(dhcpv4.OptionIPAddressLeaseTime, second(lease)...),
			option(dhcpv4.OptionRenewTimeValue, second(renew)...), option(dhcpv4.OptionRebindingTimeValue, second(rebind)...))
	}
	tests := map[string]struct {
		change dhcpv4.Modifier
		want   string
		faults []Fault
	}{
		"nothing":              {both(), plain, nil},
		"no mask":              {without(dhcpv4.OptionSubnetMask), plain, []Fault{BadMask}},
		"mask /0":              {option(dhcpv4.OptionSubnetMask, 0, 0, 0, 0), plain, []Fault{BadMask}},
		"mask with holes":      {option(dhcpv4.OptionSubnetMask, 255, 0, 255, 0), plain, []Fault{BadMask}},
		"mask cut short":       {option(dhcpv4.OptionSubnetMask, 255, 255), plain, []Fault{BadMask}},
		"mask /32":             {both(option(dhcpv4.OptionSubnetMask, 255, 255, 255, 255), option(dhcpv4.OptionRouter, 10, 0, 0, 1)), "198.51.100.7/32 via 10.0.0.1" + plain[32:], nil},
		"mask /31":             {both(yours(198, 51, 100, 0), option(dhcpv4.OptionSubnetMask, 255, 255, 255, 254)), "198.51.100.0/31" + plain[15:], nil},
		"second gateway":       {option(dhcpv4.OptionRouter, 203, 0, 113, 1, 198, 51, 100, 1), plain, []Fault{BadGateway}},
		"dns twice, dns bad":   {option(dhcpv4.OptionDomainNameServer, 9, 9, 9, 9, 127, 0, 0, 1, 9, 9, 9, 9, 0, 0, 0, 0), with("198.51.100.53", "9.9.9.9"), []Fault{BadDNS, BadDNS}},
		"dns cut short":        {option(dhcpv4.OptionDomainNameServer, 9, 9, 9), with("198.51.100.53", ""), []Fault{BadDNS}},
		"mtu":                  {option(dhcpv4.OptionInterfaceMTU, 5, 0xd4), with("mtu 0", "mtu 1492"), nil},
		"mtu 68":               {option(dhcpv4.OptionInterfaceMTU, 0, 68), plain, []Fault{BadMTU}},
		"mtu of one byte":      {option(dhcpv4.OptionInterfaceMTU, 68), plain, []Fault{BadMTU}},
		"domain":               {option(dhcpv4.OptionDomainName, []byte("isp.example.")...), with(`""`, `"isp.example"`), nil},
		"domain ended by zero": {option(dhcpv4.OptionDomainName, []byte("isp.example\x00")...), with(`""`, `"isp.example"`), nil},
		"domain for a shell":   {option(dhcpv4.OptionDomainName, []byte("$(reboot).example")...), plain, []Fault{BadDomain}},
		"domain as an option":  {option(dhcpv4.OptionDomainName, []byte("-rf.example")...), plain, []Fault{BadDomain}},
		"domain label long":    {option(dhcpv4.OptionDomainName, []byte(long)...), plain, []Fault{BadDomain}},
		"domain long":          {option(dhcpv4.OptionDomainName, []byte(strings.Repeat("abc.", 80))...), plain, []Fault{BadDomain}},
		"routes": {option(dhcpv4.OptionClasslessStaticRoute,
			0, 198, 51, 100, 2, 8, 10, 0, 0, 0, 0, 24, 10, 1, 2, 198, 51, 100, 3), // the router option says .1
			strings.Replace(with("via 198.51.100.1", "via 198.51.100.2"), "[]", "[{10.0.0.0/8 0.0.0.0} {10.1.2.0/24 198.51.100.3}]", 1), nil},
		"routes without default": {option(dhcpv4.OptionClasslessStaticRoute, 8, 10, 198, 51, 100, 3), with("[]", "[{10.0.0.0/8 198.51.100.3}]"), []Fault{NoDefault}},
		"routes cut short":       {option(dhcpv4.OptionClasslessStaticRoute, 0, 198, 51), plain, []Fault{BadRoutes}},
		"routes of /33":          {option(dhcpv4.OptionClasslessStaticRoute, 33, 1, 2, 3, 4, 5, 198, 51, 100, 1), plain, []Fault{BadRoutes}},
		"routes by a stranger":   {option(dhcpv4.OptionClasslessStaticRoute, 0, 203, 0, 113, 1, 0, 198, 51, 100, 1), plain, []Fault{BadRoutes}},
		"route to loopback":      {option(dhcpv4.OptionClasslessStaticRoute, 8, 127, 198, 51, 100, 1, 0, 198, 51, 100, 1), plain, []Fault{BadRoutes}},
		"lease 0":                {times(0, 0, 0), with("1h0m0s 30m0s 52m30s", "1m0s 30s 52.5s"), []Fault{BadLeaseTime}},
		"lease missing":          {without(dhcpv4.OptionIPAddressLeaseTime), with("1h0m0s 30m0s 52m30s", "1m0s 30s 52.5s"), []Fault{BadLeaseTime}},
		"T1 after T2":            {times(3600, 3000, 2000), plain, []Fault{BadLeaseTime}},
		"T2 after the end":       {times(3600, 1000, 4000), plain, []Fault{BadLeaseTime}},
		"T1 at once":             {times(3600, 1, 2000), plain, []Fault{BadLeaseTime}},
		"T1 and T2":              {times(3600, 1000, 2000), with("30m0s 52m30s", "16m40s 33m20s"), nil},
		"T1 alone":               {times(3600, 3400, 0), with("30m0s 52m30s", "56m40s 58m20s"), nil},
		"T2 alone":               {times(3600, 0, 1000), with("30m0s 52m30s", "8m20s 16m40s"), nil},
		"overload":               {both(option(dhcpv4.OptionOptionOverload, 3), func(p *dhcpv4.DHCPv4) { p.ServerHostName = "\x0f\x03isp\xff"; p.BootFileName = "\x1a\x02\x05\xd4\xff" }), with(`mtu 0 domain ""`, `mtu 1492 domain "isp"`), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, fault := parse(ackWith(test.change))
			if fault != NoFault {
				t.Fatal(fault)
			}
			l := r.lease
			got := fmt.Sprintf("%v via %v dns %v mtu %d domain %q routes %v %v %v %v",
				l.Address, l.Gateway, l.DNS, l.MTU, l.Domain, l.Routes, r.terms.lease, r.terms.renew, r.terms.rebind)
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if !slices.Equal(r.faults, test.faults) {
				t.Errorf("faults %v, want %v", r.faults, test.faults)
			}
		})
	}
}

func TestHundredsOfRoutes(t *testing.T) {
	raw := []byte{0, 198, 51, 100, 1}
	for i := range 300 {
		raw = append(raw, 24, 10, byte(i/256), byte(i), 198, 51, 100, 1)
	}
	r, fault := parse(ackWith(option(dhcpv4.OptionClasslessStaticRoute, raw...)))
	if fault != NoFault || len(r.lease.Routes) != 64 || !slices.Equal(r.faults, []Fault{TooMany}) {
		t.Errorf("%v: %d routes, faults %v", fault, len(r.lease.Routes), r.faults)
	}
}

func FuzzReply(f *testing.F) {
	f.Add(ackWith())
	f.Add(ackWith(option(dhcpv4.OptionOptionOverload, 3)))
	f.Add(ackWith(option(dhcpv4.OptionClasslessStaticRoute, 0, 198, 51, 100, 2, 24, 10, 1, 2, 0, 0, 0, 0)))
	f.Add(ackWith(option(dhcpv4.OptionDomainName, []byte("isp.example")...)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, fault := parse(raw); fault == NoFault && r.kind != nak {
			sane(t, r.stamp(noon))
		}
	})
}

// sane checks what may be asked of every lease, whatever the server sent.
func sane(t *testing.T, l Lease) {
	t.Helper()
	switch {
	case !usable(l.Address.Addr()) || edge(l.Address) || l.Address.Bits() < 8:
		t.Errorf("address %v", l.Address)
	case !usable(l.Gateway) || l.Gateway == l.Address.Addr() || l.Address.Bits() < 32 && !l.Address.Contains(l.Gateway):
		t.Errorf("gateway %v of %v", l.Gateway, l.Address)
	case len(l.DNS) > 8 || !all(l.DNS, usable):
		t.Errorf("dns %v", l.DNS)
	case l.MTU != 0 && (l.MTU < 576 || l.MTU > 65535):
		t.Errorf("mtu %d", l.MTU)
	case len(l.Routes) > 64:
		t.Errorf("%d routes", len(l.Routes))
	case strings.Trim(l.Domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" || len(l.Domain) > 253:
		t.Errorf("domain %q", l.Domain)
	case l.Expire.IsZero():
	case l.Renew.Before(noon.Add(15*time.Second)) || !l.Renew.Before(l.Rebind) || !l.Rebind.Before(l.Expire):
		t.Errorf("times %v %v %v", l.Renew, l.Rebind, l.Expire)
	}
}

func all(list []netip.Addr, good func(netip.Addr) bool) bool {
	return !slices.ContainsFunc(list, func(a netip.Addr) bool { return !good(a) })
}
