package wan

import (
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// answered is a server's message to a discover of ours.
func answered(t *testing.T, discover []byte, kind dhcpv4.MessageType, with ...dhcpv4.Modifier) []byte {
	t.Helper()
	asked, err := dhcpv4.FromBytes(discover)
	if err != nil {
		t.Fatal(err)
	}
	p, err := dhcpv4.NewReplyFromRequest(asked, append([]dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind), dhcpv4.WithServerIP(net.IPv4(198, 51, 100, 1)), dhcpv4.WithYourIP(net.IPv4(198, 51, 100, 7)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(198, 51, 100, 1))), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		dhcpv4.WithLeaseTime(3600),
	}, with...)...)
	if err != nil {
		t.Fatal(err)
	}
	return p.ToBytes()
}

func TestUpstreamHears(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	discover := Discover(mac, "twinpath", 0x01020304)
	gateway := dhcpv4.WithRouter(net.IPv4(198, 51, 100, 1))
	good := answered(t, discover, dhcpv4.MessageTypeOffer, gateway)
	for name, c := range map[string]struct {
		raw      []byte
		exchange uint32
		heard    bool
		trouble  Fault
	}{
		"offer":            {good, 0x01020304, true, NoFault},
		"other exchange":   {good, 0x01020305, false, NoFault},
		"no gateway":       {answered(t, discover, dhcpv4.MessageTypeOffer), 0x01020304, true, NoGateway},
		"ack":              {answered(t, discover, dhcpv4.MessageTypeAck, gateway), 0x01020304, false, NoFault},
		"our own question": {discover, 0x01020304, false, NoFault},
		"cut off":          {good[:100], 0x01020304, false, NoFault},
	} {
		var u Upstream
		if got := u.Hear(c.raw, mac, c.exchange); got != c.heard || u.Trouble != c.trouble || u.Silent() == c.heard {
			t.Errorf("%s: heard %t: %+v", name, got, u)
		}
		if offered := c.heard && c.trouble == NoFault; offered != (u.Offer != nil) {
			t.Errorf("%s: offer %+v", name, u.Offer)
		}
	}
	if (&Upstream{}).Hear(good, net.HardwareAddr{2, 0, 0, 0, 0, 2}, 0x01020304) {
		t.Error("an offer to another port counts")
	}
}

// A second server without a way out does not spoil the first one's offer; a better second one counts.
func TestUpstreamPrefersAUsableOffer(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	discover := Discover(mac, "", 9)
	good := answered(t, discover, dhcpv4.MessageTypeOffer, dhcpv4.WithRouter(net.IPv4(198, 51, 100, 1)))
	poor := answered(t, discover, dhcpv4.MessageTypeOffer)
	for _, order := range [][][]byte{{good, poor}, {poor, good}} {
		var u Upstream
		for _, raw := range order {
			u.Hear(raw, mac, 9)
		}
		if u.Offer == nil || u.Trouble != NoFault || u.Offer.Address != netip.MustParsePrefix("198.51.100.7/24") {
			t.Errorf("%+v", u)
		}
	}
}

func TestDiscoverAsksForNoLease(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	p, err := dhcpv4.FromBytes(Discover(mac, "twinpath", 1))
	if err != nil {
		t.Fatal(err)
	}
	if p.MessageType() != dhcpv4.MessageTypeDiscover || p.ClientHWAddr.String() != mac.String() || p.HostName() != "twinpath" ||
		p.Options.Has(dhcpv4.OptionRequestedIPAddress) {
		t.Errorf("%s", p.Summary())
	}
}
