package lab

import (
	"fmt"
	"testing"
	"time"
)

// forwardRounds and forwardSpan are chosen so that a busy neighbour spoils a few short rounds and not the median.
const (
	forwardRounds = 21
	forwardSpan   = 200 * time.Millisecond
	smallest      = 18 // bytes of payload in the smallest Ethernet frame
)

// The ways that packets can take to the Internet. All are in one home, so that a round compares like with like.
const (
	direct   = "direct"   // no router at all: a host at the provider
	bare     = "bare"     // one masquerade rule
	ruled    = "ruled"    // the same, and routing rules as any router with a table for each line has
	routed   = "routed"   // no filter, no NAT, no conntrack
	twinpath = "twinpath" // the daemon with its default config
)

func waysOut() []string { return []string{direct, routed, bare, ruled, twinpath} }

// rivals is the default home with three routers more, each with a client of its own.
func rivals() Home {
	home := Default()
	for _, r := range []struct{ name, router, client string }{
		{bare, "192.168.1.2", "192.168.1.102"}, {routed, "192.168.1.3", "192.168.1.103"}, {ruled, "192.168.1.4", "192.168.1.104"},
	} {
		home.Routers = append(home.Routers, Router{Name: r.name, WANs: []string{"fibre", "lte"}, LAN: r.router + "/24"})
		home.Clients = append(home.Clients, Client{Name: "of-" + r.name, Address: r.client + "/24", Gateway: r.router})
	}
	return home
}

// race sets all ways up and returns a device for each.
func race(b *testing.B) (*House, map[string]*Device) {
	b.Helper()
	h, main, laptop := home(b, rivals(), DefaultConfig)
	await(b, main, "both lines are up", on("fibre"))
	must(b, h.Boxes[1].SetUp(ByHand{ISP: "fibre", Masquerade: true}))
	must(b, h.Boxes[2].SetUp(ByHand{ISP: "fibre"}))
	must(b, h.Boxes[3].SetUp(ByHand{ISP: "fibre", Masquerade: true}))
	must(b, ip(h.Boxes[3].space, `
rule add priority 20100 lookup main suppress_prefixlength 0
rule add priority 20101 fwmark 0x100/0xff00 lookup 20101
rule add priority 20102 fwmark 0x200/0xff00 lookup 20102`))
	must(b, h.openDevice(Client{Name: direct, Address: "198.51.100.50/24", Gateway: "198.51.100.1"}))
	devices := map[string]*Device{twinpath: laptop, bare: h.Devices[1], routed: h.Devices[2],
		ruled: h.Devices[3], direct: h.Devices[4]}
	_, err := h.lan.Run("ip link set " + direct + " netns isp-fibre")
	must(b, err)
	must(b, ip(h.Lines[0].space, "link set "+direct+" master access up"))
	for _, d := range devices {
		online(b, d)
	}
	return h, devices
}

// answerSome makes the discard port answer ten datagrams a second, so that a flow is one with two directions.
func answerSome(b *testing.B, h *House) {
	b.Helper()
	must(b, h.servePackets(h.internet.space, fmt.Sprintf("%s:%d", EchoAddress, discardPort), echoAnswer))
	rule := fmt.Sprintf("insert rule ip targets input udp dport %d limit rate 10/second accept", discardPort)
	_, err := h.internet.space.Feed("nft -f -", rule)
	must(b, err)
}

// BenchmarkForward compares ways through a router. A ratio of rates is that of a round's two rates.
func BenchmarkForward(b *testing.B) {
	h, devices := race(b)
	b.Run("udp-unanswered", func(b *testing.B) { forwardUDP(b, h, devices) })
	answerSome(b, h)
	b.Run("udp", func(b *testing.B) { forwardUDP(b, h, devices) })
	b.Run("tcp", func(b *testing.B) { forwardTCP(b, h, devices) })
}

func forwardUDP(b *testing.B, h *House, devices map[string]*Device) {
	rate, cost := map[string]figures{}, map[string]figures{}
	rounds(func(way string) {
		r, err := h.Throughput(b.Context(), devices[way], smallest, forwardSpan)
		must(b, err)
		rate[way] = append(rate[way], r.Packets/1e3)
		cost[way] = append(cost[way], float64(r.PerPacket))
	})
	note("UDP, %d bytes, one flow, %d rounds, load %s (min / median / max)", smallest, forwardRounds, load())
	for _, way := range waysOut() {
		note("%-9s %s thousand packets/s, %s ns CPU a packet", way, rate[way].text("%.0f"), cost[way].text("%.0f"))
	}
	note("rate of twinpath to bare   %s", rate[twinpath].by(rate[bare]).text("%.3f"))
	note("rate of twinpath to ruled  %s", rate[twinpath].by(rate[ruled]).text("%.3f"))
	note("rate of twinpath to routed %s", rate[twinpath].by(rate[routed]).text("%.3f"))
	note("CPU of bare to twinpath    %s", cost[bare].by(cost[twinpath]).text("%.3f"))
	note("CPU of the router's part, bare to twinpath %s",
		cost[bare].less(cost[direct]).by(cost[twinpath].less(cost[direct])).text("%.3f"))
	note("twinpath adds to bare      %s ns a packet", cost[twinpath].less(cost[bare]).text("%.0f"))
	only(b, rate[twinpath].by(rate[bare]).median(), "of-bare")
}

func forwardTCP(b *testing.B, h *House, devices map[string]*Device) {
	rate, busy := map[string]figures{}, map[string]figures{}
	rounds(func(way string) {
		r, err := h.Bulk(b.Context(), devices[way], forwardSpan)
		must(b, err)
		rate[way] = append(rate[way], r.Bits/1e9)
		busy[way] = append(busy[way], 100*r.Busy)
	})
	note("TCP, one stream, %d rounds, load %s (min / median / max)", forwardRounds, load())
	for _, way := range waysOut() {
		note("%-9s %s Gbit/s, machine %s %% busy", way, rate[way].text("%.2f"), busy[way].text("%.0f"))
	}
	note("rate of twinpath to bare   %s", rate[twinpath].by(rate[bare]).text("%.3f"))
	note("rate of twinpath to ruled  %s", rate[twinpath].by(rate[ruled]).text("%.3f"))
	note("rate of twinpath to routed %s", rate[twinpath].by(rate[routed]).text("%.3f"))
	only(b, rate[twinpath].by(rate[bare]).median(), "of-bare")
}

// rounds measures every way in every round, each time beginning with another one.
func rounds(measure func(way string)) {
	all := waysOut()
	for round := range forwardRounds {
		for i := range all {
			measure(all[(round+i)%len(all)])
		}
	}
}
