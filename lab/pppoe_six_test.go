package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

// TestPPPoEAndIPv6 dials a line and gets its IPv6 in the session: a link-local address of IPV6CP, adverts of dnsmasq, and a delegated
// prefix, which the laptop uses.
func TestPPPoEAndIPv6(t *testing.T) {
	needsPPP(t)
	plan := dialHome()
	plan.ISPs[0].IPv6 = "2001:db8:f::/48"
	h, b, d := home(t, plan, dialling(account.Password))
	confess(t, h, b)
	s := &dialled{T: t, House: h, b: b, d: d, since: time.Now()}
	s.becomes("both lines are up", on("fibre"))
	l := h.Lines[0]
	session := s.session(l)
	must(t, ip(l.space, fmt.Sprintf("addr add %s/64 dev %s nodad", l.six.own(), session)))
	p, err := l.dnsmasq(t.Context(), "ra", "--port=0", "--interface="+session, "--except-interface=lo", "--bind-dynamic",
		"--enable-ra", "--dhcp-leasefile="+l.dir+"/ra.leases", "--dhcp-range="+l.six.link().Addr().String()+",ra-only,64")
	must(t, err)
	t.Cleanup(p.kill)
	l.delegateBy(t, session)
	for end := time.Now().Add(emulated); ; time.Sleep(10 * look) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		o, err := d.Open(ctx, Only6)
		cancel()
		if err == nil {
			s.Logf("%6.1f s: the laptop uses IPv6 as %s", time.Since(s.since).Seconds(), o.From)
			if !l.six.pool().Contains(o.From) {
				t.Errorf("the laptop is %s, which is not of %s", o.From, l.six.pool())
			}
			break
		}
		if time.Now().After(end) {
			addresses, _ := d.Run("ip -6 addr show dev eth0")
			routes, _ := b.Run("ip -6 route show table all")
			own, _ := b.Run("ip -6 addr")
			status, _ := b.Get(t.Context(), "/api/v1/status")
			t.Fatalf("no IPv6: %v\n%s\n%s\n%s\n%s", err, addresses, own, routes, status)
		}
	}
}

// session is the provider's end of the only one there is.
func (s *dialled) session(l *Line) string {
	s.Helper()
	out, err := l.space.Run("ip -o link show up")
	must(s.T, err)
	for line := range strings.Lines(out) {
		if words := strings.Fields(line); len(words) > 1 && strings.HasPrefix(words[1], "ppp") {
			return strings.TrimSuffix(words[1], ":")
		}
	}
	s.Fatalf("no session: %s", out)
	return ""
}

// delegateBy gives the customer at the other end of a session the first prefix of the pool. The servers of Debian know Ethernet alone.
func (l *Line) delegateBy(t *testing.T, session string) {
	t.Helper()
	var conn *net.UDPConn
	must(t, l.space.Do(func() error {
		device, err := net.InterfaceByName(session)
		if err != nil {
			return err
		}
		conn, err = net.ListenMulticastUDP("udp6", device, &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547})
		return err
	}))
	prefix := netip.PrefixFrom(l.six.pool().Addr(), 56)
	l.mu.Lock()
	l.six.routes[prefix] = netip.Addr{}
	err := l.load()
	l.mu.Unlock()
	must(t, err)
	must(t, ip(l.space, fmt.Sprintf("route replace %s dev %s", prefix, session)))
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if a := delegation(buffer[:n], prefix); a != nil {
				_, _ = conn.WriteToUDPAddrPort(a, from) // a lost answer
			}
		}
	}()
}

// delegation answers a solicitation, and everything else by a reply; nil is no answer.
func delegation(raw []byte, prefix netip.Prefix) []byte {
	d, err := dhcpv6.FromBytes(raw)
	if err != nil {
		return nil
	}
	q, ok := d.(*dhcpv6.Message)
	if !ok || len(q.Options.IAPD()) == 0 {
		return nil
	}
	r := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: q.TransactionID}
	if q.MessageType == dhcpv6.MessageTypeSolicit {
		r.MessageType = dhcpv6.MessageTypeAdvertise
	}
	r.AddOption(dhcpv6.OptClientID(q.Options.ClientID()))
	r.AddOption(dhcpv6.OptServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 0, 0x64, 0, 0, 1}}))
	ia := &dhcpv6.OptIAPD{IaId: q.Options.IAPD()[0].IaId, T1: 30 * time.Minute, T2: 48 * time.Minute}
	ia.Options.Add(&dhcpv6.OptIAPrefix{PreferredLifetime: time.Hour, ValidLifetime: 2 * time.Hour,
		Prefix: &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 128)}})
	r.AddOption(ia)
	return r.ToBytes()
}
