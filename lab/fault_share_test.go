package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// equal is quick with both lines at the same cost, three parts of the flows for fibre and one for lte.
func equal() string {
	return strings.NewReplacer("cost      = 0\n", "cost      = 0\nweight    = 3\n", "cost      = 50\n", "cost      = 0\n").Replace(quick())
}

// seenFrom is Device.Seen for one of the device's own addresses.
func seenFrom(ctx context.Context, d *Device, source netip.Addr) (seen netip.Addr, err error) {
	var conn net.Conn
	err = d.space.Do(func() (err error) {
		from := &net.UDPAddr{IP: source.AsSlice()}
		conn, err = (&net.Dialer{LocalAddr: from}).DialContext(ctx, "udp4", echoServer().String())
		return err
	})
	if err != nil {
		return seen, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := conn.Write(make([]byte, 8)); err != nil {
		return seen, err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil {
		return seen, err
	}
	var from netip.AddrPort
	err = from.UnmarshalBinary(answer[min(n, 8):n])
	return from.Addr(), err
}

// crowd gives a device many addresses, so that it stands for as many devices.
func crowd(t *testing.T, d *Device) (all []netip.Addr) {
	t.Helper()
	const devices = 120
	var lines strings.Builder
	for i := range devices {
		a := hosts(netip.MustParsePrefix("192.168.1.0/24"), 101+i)
		fmt.Fprintf(&lines, "addr replace %s/24 dev eth0\n", a)
		all = append(all, a)
	}
	must(t, ip(d.space, lines.String()))
	return all
}

// ways asks for each address by which line a new flow of it leaves.
func ways(t *testing.T, h *House, d *Device, all []netip.Addr) map[netip.Addr]string {
	t.Helper()
	found := map[netip.Addr]string{}
	for _, a := range all {
		seen, err := seenFrom(t.Context(), d, a)
		if err != nil {
			t.Errorf("a flow of %s: %v", a, err)
		}
		found[a] = h.LineOf(seen)
	}
	return found
}

func count(found map[netip.Addr]string, line string) (n int) {
	for _, l := range found {
		if l == line {
			n++
		}
	}
	return n
}

func TestEqualCostsShare(t *testing.T) {
	h, b, d := home(t, Default(), equal())
	both := func(s Status) bool { return s.All("up") && s.WANs[0].Active && s.WANs[1].Active }
	await(t, b, "both lines carry", both)
	online(t, d)
	all := crowd(t, d)
	first := ways(t, h, d, all)
	// 120 devices, each with a chance of 3/4: 90 ± 4.7. Six deviations.
	if n := count(first, "fibre"); n < 62 || n > 118 {
		t.Errorf("fibre has %d of %d devices, want about three quarters", n, len(all))
	}
	t.Logf("fibre %d, lte %d of %d devices", count(first, "fibre"), count(first, "lte"), len(all))
	for a, line := range ways(t, h, d, all) {
		if line != first[a] {
			t.Errorf("the next flow of %s to the same host uses %s, the first used %s", a, line, first[a])
		}
	}
	must(t, h.Blackhole("fibre", Beyond))
	await(t, b, "only lte carries", func(s Status) bool { return !s.WANs[0].Active && s.WANs[1].Active })
	if n := count(ways(t, h, d, all), "lte"); n != len(all) {
		t.Errorf("after fibre's death lte has %d of %d devices", n, len(all))
	}
	must(t, h.Heal("fibre"))
	await(t, b, "both lines carry again", both)
}

func TestPolicies(t *testing.T) {
	h, b := unstarted(t, family("camera", "printer"))
	laptop, camera, printer := h.Devices[0], h.Devices[1], h.Devices[2]
	must(t, b.Start(t.Context(), built(t), quick()+fmt.Sprintf(`
[[policy]]
device = [%q]
wan    = ["lte"]
else   = "block"

[[policy]]
source = ["192.168.1.21/32"]
wan    = ["lte"]
else   = "any"
`, mac(t, camera.Run, "eth0"))))
	await(t, b, "both lines are up", on("fibre"))
	awaitLine(t, h, laptop, "fibre")
	awaitLine(t, h, camera, "lte")
	awaitLine(t, h, printer, "lte")

	must(t, h.Cut("main", "lte"))
	await(t, b, "lte is down", func(s Status) bool { return s.state("lte") == "down" })
	awaitLine(t, h, printer, "fibre")
	awaitLine(t, h, laptop, "fibre")
	if from, err := camera.Seen(t.Context()); err == nil {
		t.Errorf("the camera may use lte only and is seen as %s", from)
	}
	must(t, h.Plug("main", "lte"))
	await(t, b, "lte is back", on("fibre"))
	awaitLine(t, h, camera, "lte")
}

// ask opens a TCP connection and wants its record echoed.
func ask(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := dial(ctx, "tcp4", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 5))
	return err
}

func TestPortForward(t *testing.T) {
	h, b := unstarted(t, family("guest"))
	laptop, guest := h.Devices[0], h.Devices[1]
	must(t, h.serveStreams(laptop.space, 8443, echoStream))
	must(t, b.Start(t.Context(), built(t), quick()+`
[[firewall.forward]]
proto = "tcp"
port  = "443"
to    = "192.168.1.100:8443"
`))
	s := await(t, b, "both lines are up", on("fibre"))
	inet := &Device{Name: "inet", space: h.internet.space}
	for _, line := range []string{"fibre", "lte"} {
		address := s.line(line).Address + ":443"
		for _, from := range []*Device{inet, guest, laptop} {
			if err := ask(t.Context(), from.Dial, address); err != nil {
				t.Errorf("%s asks %s (%s) while fibre is active: %v", from.Name, address, line, err)
			}
		}
		foreign, err := h.Lines[0].Foreign()
		must(t, err)
		if foreign > 0 {
			t.Errorf("%d answers left by the wrong line", foreign)
		}
		if err := ask(t.Context(), inet.Dial, s.line(line).Address+":444"); err == nil {
			t.Errorf("port 444 of %s answers, which is not forwarded", line)
		}
	}
	must(t, h.Blackhole("fibre", Beyond))
	await(t, b, "the house is on lte", carriedBy("lte"))
	if err := ask(t.Context(), inet.Dial, s.line("lte").Address+":443"); err != nil {
		t.Errorf("after the switch: %v", err)
	}
}
