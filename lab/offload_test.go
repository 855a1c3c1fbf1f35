package lab

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// offloading is a home whose established flows pass by the ruleset, with two lines or with fibre alone.
func offloading(t *testing.T, alone bool) (*House, *Box, *Device) {
	t.Helper()
	needsFlowTable(t)
	config := strings.Replace(quick(), "metered   = true\n", "metered   = false\n", 1)
	if alone {
		config = without(t, config, "lte")
	}
	place := Default()
	place.Tag = fmt.Sprintf("f%d-", tags.Add(1))
	return home(t, place, config+"\n[firewall]\noffload = \"auto\"\n")
}

// needsFlowTable skips a test where the kernel has no flow tables; where it is known to have them, that is a failure.
func needsFlowTable(t *testing.T) {
	t.Helper()
	h, err := Build(t.Context(), Home{Tag: fmt.Sprintf("f%d-", tags.Add(1)), Routers: []Router{{Name: "try", LAN: "192.168.1.1/24"}}})
	must(t, err)
	defer h.Close()
	_, err = h.Boxes[0].Run("nft add table inet try ; add flowtable inet try f { hook ingress priority 0 ; devices = { lan0 } ; }")
	switch {
	case err == nil:
	case slices.Contains(strings.Split(os.Getenv("TWINPATH_NEEDS"), ","), "flowtable"):
		t.Fatalf("this kernel is to have flow tables: %v", err)
	default:
		t.Skip("this kernel has no flow tables: image/vmtest runs it")
	}
}

// offloaded waits until so many flows pass by the ruleset.
func offloaded(t *testing.T, b *Box, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d flows pass by the ruleset", n), func() bool {
		text, err := b.Run("cat /proc/net/nf_conntrack")
		must(t, err)
		return strings.Count(text, "[OFFLOAD]") >= n
	})
}

// passing are flows that go on for a whole test.
type passing struct {
	udp    *UDPProbe
	stream *Stream
}

func pass(t *testing.T, b *Box, d *Device) passing {
	t.Helper()
	const interval = 20 * time.Millisecond
	udp, err := d.StartUDP(interval)
	must(t, err)
	stream, err := d.StartStream(t.Context(), interval)
	must(t, err)
	offloaded(t, b, 2)
	return passing{udp, stream}
}

// ended wants a stream to have been ended soon after a moment: it would hang for minutes otherwise.
func ended(t *testing.T, what string, s *Stream) {
	t.Helper()
	eventually(t, what+": its client is told", func() bool { return s.Result().Cause != nil })
}

// reaches wants datagrams sent from now on to be answered by a line.
func reaches(t *testing.T, h *House, what string, p *UDPProbe, line string) {
	t.Helper()
	l, err := h.Line(line)
	must(t, err)
	from := time.Now()
	eventually(t, what+": datagrams go by "+line, func() bool { return !p.First(from, l).IsZero() })
	t.Logf("%s: answered by %s after %s", what, line, round(p.First(from, l).Sub(from)))
}

// TestOffloadLeavesADeadLine: whatever way a line dies, its flows are told or move, and are offloaded on the line that they moved to.
func TestOffloadLeavesADeadLine(t *testing.T) {
	h, b, d := offloading(t, false)
	await(t, b, "both lines are up", on("fibre"))
	p := pass(t, b, d)
	defer p.udp.Stop()

	must(t, h.Blackhole("fibre", Beyond))
	await(t, b, "lte carries", carriedBy("lte"))
	ended(t, "a black hole", p.stream)
	reaches(t, h, "a black hole", p.udp, "lte")
	stream, err := d.StartStream(t.Context(), 20*time.Millisecond)
	must(t, err)
	defer stream.Stop()
	offloaded(t, b, 2)

	must(t, h.Heal("fibre"))
	await(t, b, "fibre is back", on("fibre"))
	alive(t, "a flow on the line that was left, which still works", stream)
	reaches(t, h, "back again", p.udp, "lte")

	must(t, h.Cut("main", "lte"))
	ended(t, "a pulled cable", stream)
	reaches(t, h, "a pulled cable", p.udp, "fibre")
	offloaded(t, b, 1)

	must(t, h.Plug("main", "lte"))
	await(t, b, "both lines are up again", on("fibre"))
	reaches(t, h, "the cable is in again", p.udp, "fibre")
}

// TestOffloadOutlivesWhatItsLineOutlives: on a line that stays, flows survive what they survive without a flow table.
func TestOffloadOutlivesWhatItsLineOutlives(t *testing.T) {
	h, b, d := offloading(t, true)
	await(t, b, "fibre is up", carriedBy("fibre"))
	await(t, b, "fibre is checked", func(s Status) bool { return s.state("fibre") == "up" })
	p := pass(t, b, d)
	defer p.udp.Stop()
	defer p.stream.Stop()
	step := func(what string, does func() error) {
		t.Helper()
		must(t, does())
		alive(t, what, p.stream)
		reaches(t, h, what, p.udp, "fibre")
		offloaded(t, b, 2)
	}
	runs := func(line string) func() error {
		return func() error { _, err := b.Run(line); return err }
	}
	step("a cable out and in", func() error {
		if err := h.Cut("main", "fibre"); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
		return h.Plug("main", "fibre")
	})
	step("a smaller link", runs("ip link set wan0 mtu 1400"))
	step("a larger link", runs("ip link set wan0 mtu 1500"))
	// Not the firewall: while there is none, answers are not translated back, and the box itself resets their connections.
	step("somebody flushes the routes", runs("ip route flush table 20101"))
	step("somebody flushes the neighbours", runs("ip neigh flush all"))
	step("the house's side off and on", func() error {
		return errors.Join(runs("ip link set lan0 down")(), runs("ip link set lan0 up")())
	})
}
