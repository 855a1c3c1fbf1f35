package lab

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/dhcpv6/nclient6"
)

// dual is a home whose first provider has IPv6.
func dual() Home {
	h := Default()
	h.ISPs[0].IPv6 = "2001:db8:f::/48"
	return h
}

func TestAProviderWithIPv6(t *testing.T) {
	t.Parallel()
	home := dual()
	home.Tag = "six-"
	h, err := Build(t.Context(), home)
	must(t, err)
	t.Cleanup(h.Close)
	l, b := h.Lines[0], h.Boxes[0]
	must(t, ip(b.space, "link set wan0 up"))
	link := netip.MustParsePrefix("2001:db8:f::/64")
	router := &Device{Name: "main", space: b.space}
	var own netip.Addr
	eventually(t, "the router has made an address of an advert", func() bool {
		out, _ := b.Run("ip -6 addr show dev wan0 scope global -tentative")
		_, rest, found := strings.Cut(out, "inet6 ")
		word, _, _ := strings.Cut(rest, "/")
		own, _ = netip.ParseAddr(word)
		return found && link.Contains(own)
	})
	for _, a := range Targets6() {
		eventually(t, a+" answers", func() bool { _, err := b.Run("ping -c1 -W1 " + a); return err == nil })
	}
	if from, err := router.Seen6(t.Context()); err != nil || from != own || h.LineOf(from) != "fibre" {
		t.Errorf("the Internet sees %s, %v", from, err)
	}
	if o, err := router.Open(t.Context(), Eyeballs); err != nil || o.From != own {
		t.Errorf("opened %+v, %v", o, err)
	}
	if n, err := b.Run("curl -s -m 2 -o /dev/null -w %{http_code} http://[2606:4700:4700::1111]/"); err != nil || n != "204" {
		t.Errorf("a page by IPv6: %s, %v", n, err)
	}
	delegated := delegate(t, b)
	eventually(t, "the prefix is routed", func() bool { return slices.Equal(l.Delegated(), []netip.Prefix{delegated}) })
	host := delegated.Addr().Next()
	must(t, ip(b.space, "addr add "+host.String()+"/128 dev lo nodad"))
	pinged(t, b, host.String())
	foreign(t, b, l)
	must(t, h.Blackhole6("fibre", Beyond))
	if _, err := router.Seen6(t.Context()); err == nil {
		t.Error("IPv6 works through a black hole")
	}
	must(t, h.Heal("fibre"))
	eventually(t, "healed", func() bool { _, err := router.Seen6(t.Context()); return err == nil })
	must(t, h.ForgetDHCP6(t.Context(), "fibre"))
	if p := l.Delegated(); len(p) != 0 {
		t.Errorf("still routes %v", p)
	}
	must(t, h.Renumber6(t.Context(), "fibre", "2001:db8:e::/48"))
	eventually(t, "the new network is advertised", func() bool {
		out, _ := b.Run("ip -6 addr show dev wan0 scope global")
		return strings.Contains(out, "2001:db8:e:")
	})
}

// foreign sees a packet with somebody else's address dropped and counted.
func foreign(t *testing.T, b *Box, l *Line) {
	t.Helper()
	before, err := l.Foreign6()
	must(t, err)
	must(t, ip(b.space, "addr add 2001:db8:bad::1/128 dev lo nodad"))
	if _, err := b.Run("ping -c1 -W1 -I 2001:db8:bad::1 2606:4700:4700::1111"); err == nil {
		t.Error("a packet with a foreign address was answered")
	}
	if after, err := l.Foreign6(); err != nil || after != before+1 {
		t.Errorf("counted %d foreign packets, then %d, %v", before, after, err)
	}
}

// delegate asks for a prefix, once.
func delegate(t *testing.T, b *Box) netip.Prefix {
	t.Helper()
	var client *nclient6.Client
	must(t, b.space.Do(func() (err error) {
		link, err := net.InterfaceByName("wan0")
		if err != nil {
			return err
		}
		conn, err := nclient6.NewIPv6UDPConn("wan0", dhcpv6.DefaultClientPort)
		if err != nil {
			return err
		}
		client, err = nclient6.NewWithConn(conn, link.HardwareAddr)
		return err
	}))
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	ia := dhcpv6.WithIAPD([4]byte{1})
	advert, err := client.Solicit(ctx, ia)
	must(t, err)
	request, err := dhcpv6.NewRequestFromAdvertise(advert, ia)
	must(t, err)
	request.Options.Add(advert.Options.OneIAPD())
	reply, err := client.SendAndRead(ctx, client.RemoteAddr(), request, nil)
	must(t, err)
	pd := reply.Options.OneIAPD()
	if pd == nil || len(pd.Options.Prefixes()) != 1 {
		t.Fatalf("delegated %v", reply.Summary())
	}
	p, _ := netip.ParsePrefix(pd.Options.Prefixes()[0].Prefix.String())
	return p
}
