package lab

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// handOverRounds are few: each is played in a new home.
const handOverRounds = 3

// BenchmarkHandOver gives the house back to main while so many flows run by the backup's line.
func BenchmarkHandOver(b *testing.B) {
	for _, flows := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			var all passed
			for range handOverRounds {
				b.Run("round", func(b *testing.B) { handOver(b, flows, &all) })
			}
			note("%d flows, %d rounds, load %s (min / median / max)", flows, handOverRounds, load())
			note("from main's having the address to its keeping what is the backup's: %s ms", all.flip.text("%.0f"))
			note("the list over the link, from the session's beginning to the last flow known: %s ms", all.list.text("%.0f"))
			for i, name := range []string{"main", "backup"} {
				note("%s resident, without flows, with the list, and with it handed over: %s MB, %s MB, %s MB", name,
					all.size[i][0].text("%.1f"), all.size[i][1].text("%.1f"), all.size[i][2].text("%.1f"))
			}
		})
	}
}

// passed is what was measured of hand-overs.
type passed struct {
	flip, list figures       // in milliseconds
	size       [2][3]figures // of main and the backup, at three moments, in MB
}

// weigh takes the resident sizes of both daemons at a moment.
func (m *passed) weigh(b *testing.B, p *duo, moment int) {
	for i, box := range p.Boxes[:2] {
		size, _ := memory(b, []int{box.PID()})
		m.size[i][moment] = append(m.size[i][moment], size)
	}
}

func handOver(b *testing.B, flows int, m *passed) {
	p := onBackup(b, duoHome())
	m.weigh(b, p, 0)
	must(b, p.backup.space.Do(func() error { return established(flows) }))
	await(b, p.backup, "the backup knows of its flows", func(s Status) bool { return s.Pair.Left >= flows })
	must(b, pause(b.Context(), time.Second)) // for main, which says nothing of them yet
	m.weigh(b, p, 1)
	must(b, p.Heal("fibre"))
	p.held(b, "main")
	m.flip = append(m.flip, float64(keeping(b, p).Milliseconds()))
	await(b, p.main, "main knows of all flows", func(s Status) bool { return s.Pair.FlowsHandedOver >= flows })
	m.weigh(b, p, 2)
	must(b, p.main.Kill())
	must(b, p.main.Restart(b.Context()))
	m.list = append(m.list, float64(p.transferred(b, flows).Milliseconds()))
}

// onBackup is a pair that works together, with the house on the backup.
func onBackup(b *testing.B, home Home) *duo {
	b.Helper()
	p := &duo{pair: build(b, home)}
	for _, box := range []*Box{p.backup, p.main} {
		must(b, box.Start(b.Context(), built(b), duoTOML(box)))
	}
	p.held(b, "main")
	p.carried(b, "fibre")
	for _, box := range p.Boxes[:2] {
		await(b, box, "linked", func(s Status) bool { return s.Pair.Linked })
	}
	must(b, p.Blackhole("fibre", Beyond))
	p.held(b, "backup")
	p.carried(b, "lte")
	return p
}

// keeping is how long it takes from now until main keeps what is the backup's.
func keeping(b *testing.B, p *duo) time.Duration {
	b.Helper()
	start := time.Now()
	for time.Since(start) < 20*time.Second {
		if s, err := p.main.Status(b.Context()); err == nil && s.Pair.Phase == "keeps" {
			return time.Since(start)
		}
		time.Sleep(2 * time.Millisecond)
	}
	b.Fatal("main did not come to keep what is the backup's")
	return 0
}

var knownAfter = regexp.MustCompile(`connections are known.* flows=(\d+) took=(\S+)`)

// transferred is how long main's newest session took until it knew so many flows.
func (p *duo) transferred(b *testing.B, flows int) (took time.Duration) {
	b.Helper()
	p.await(b, "main knows all flows of the backup", func() bool {
		all := knownAfter.FindAllStringSubmatch(p.main.Log(), -1)
		if len(all) == 0 {
			return false
		}
		newest := all[len(all)-1]
		n, err := strconv.Atoi(newest[1])
		if err == nil {
			took, err = time.ParseDuration(newest[2])
		}
		return err == nil && n >= flows
	})
	return took
}

// The ways of a packet to the backup's line or, for comparison, by main's own.
const (
	handed = "handed over" // by main and the backup
	owner  = "owner"       // by the backup alone, whose line it is
	taker  = "taker"       // by main's own line
)

// BenchmarkHandedOver compares a flow that was handed over with those that go straight to a router.
func BenchmarkHandedOver(b *testing.B) {
	home := duoHome()
	home.Clients = append(home.Clients, Client{Name: "of-backup", Address: "192.168.1.101/24", Gateway: "192.168.1.3"})
	p := onBackup(b, home)
	p.recorder.close() // it would look at each datagram on the LAN, where some pass twice
	answerSome(b, p.House)
	must(b, p.openDevice(Client{Name: direct, Address: "192.0.2.50/24", Gateway: "192.0.2.1"}))
	_, err := p.lan.Run("ip link set " + direct + " netns " + p.Lines[1].space.Name)
	must(b, err)
	must(b, ip(p.Lines[1].space, "link set "+direct+" master access up"))
	flows := map[string]underway{handed: p.open(b, p.laptop), owner: p.open(b, p.Devices[1])}
	must(b, p.Heal("fibre"))
	p.held(b, "main")
	p.carried(b, "fibre")
	await(b, p.main, "main keeps what is the backup's", func(s Status) bool { return s.Pair.Phase == "keeps" && s.Pair.FlowsHandedOver >= 4 })
	flows[taker], flows[direct] = p.open(b, p.laptop), p.open(b, p.Devices[2])
	p.wantWays(b, flows)
	b.Run("udp", func(b *testing.B) { p.comparePackets(b, flows) })
	b.Run("tcp", func(b *testing.B) { p.compareStreams(b, flows) })
}

// underway are two flows, one of each protocol.
type underway struct {
	conn   net.Conn
	socket int
}

// open begins flows that live as long as the benchmark.
func (p *duo) open(b *testing.B, d *Device) underway {
	b.Helper()
	online(b, d)
	conn, err := d.Dial(b.Context(), "tcp4", fmt.Sprintf("%s:%d", EchoAddress, discardPort))
	must(b, err)
	socket, err := d.flooder()
	must(b, err)
	b.Cleanup(func() { _, _ = conn.Close(), unix.Close(socket) })
	_, err = bulk(b.Context(), conn, forwardSpan/4)
	must(b, err)
	_, err = p.throughput(b.Context(), socket, smallest, forwardSpan/4)
	must(b, err)
	return underway{conn, socket}
}

// wantWays sees that the flows take the ways that they are named for.
func (p *duo) wantWays(b *testing.B, flows map[string]underway) {
	for way, by := range map[string][2]bool{direct: {}, taker: {true, false}, owner: {false, true}, handed: {true, true}} {
		for i, box := range p.Boxes[:2] {
			before := forwarded(b, box)
			r, err := p.throughput(b.Context(), flows[way].socket, smallest, forwardSpan/4)
			must(b, err)
			n, sent := forwarded(b, box)-before, int(r.Packets*forwardSpan.Seconds()/4)
			if (n > sent/2) != by[i] {
				b.Fatalf("%s: %s forwarded %d of %d datagrams", way, box.Name, n, sent)
			}
		}
	}
}

// forwarded is how many packets of IPv4 a router has passed on (Ip: ForwDatagrams in proc_net_snmp).
func forwarded(b *testing.B, box *Box) int {
	b.Helper()
	text, err := box.Run("cat /proc/net/snmp")
	must(b, err)
	var names []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch at := slices.Index(names, "ForwDatagrams"); {
		case len(words) == 0 || words[0] != "Ip:":
		case names == nil:
			names = words
		case at > 0:
			n, err := strconv.Atoi(words[at])
			must(b, err)
			return n
		}
	}
	b.Fatal("the kernel does not count what it forwards")
	return 0
}

func (p *duo) comparePackets(b *testing.B, flows map[string]underway) {
	rate, cost := map[string]figures{}, map[string]figures{}
	inTurns(flows, func(way string, f underway) {
		r, err := p.throughput(b.Context(), f.socket, smallest, forwardSpan)
		must(b, err)
		rate[way], cost[way] = append(rate[way], r.Packets/1e3), append(cost[way], float64(r.PerPacket))
	})
	note("UDP, %d bytes, one flow, %d rounds, load %s (min / median / max)", smallest, forwardRounds, load())
	for _, way := range []string{direct, taker, owner, handed} {
		note("%-11s %s thousand packets/s, %s ns CPU a packet", way, rate[way].text("%.0f"), cost[way].text("%.0f"))
	}
	note("rate of handed over to owner %s", rate[handed].by(rate[owner]).text("%.3f"))
	note("rate of handed over to taker %s", rate[handed].by(rate[taker]).text("%.3f"))
	note("CPU of owner to handed over  %s", cost[owner].by(cost[handed]).text("%.3f"))
	note("main's part of the CPU, own to handed over %s", cost[taker].less(cost[direct]).by(cost[handed].less(cost[owner])).text("%.3f"))
	note("main adds to the backup's flow %s ns a packet, to its own %s ns", cost[handed].less(cost[owner]).text("%.0f"), cost[taker].less(cost[direct]).text("%.0f"))
	only(b, rate[handed].by(rate[owner]).median(), "of-owner")
}

func (p *duo) compareStreams(b *testing.B, flows map[string]underway) {
	rate, busy := map[string]figures{}, map[string]figures{}
	inTurns(flows, func(way string, f underway) {
		r, err := bulk(b.Context(), f.conn, forwardSpan)
		must(b, err)
		rate[way], busy[way] = append(rate[way], r.Bits/1e9), append(busy[way], 100*r.Busy)
		must(b, settled(b.Context(), f.conn))
	})
	note("TCP, one stream, %d rounds, load %s (min / median / max)", forwardRounds, load())
	for _, way := range []string{direct, taker, owner, handed} {
		note("%-11s %s Gbit/s, machine %s %% busy", way, rate[way].text("%.2f"), busy[way].text("%.0f"))
	}
	note("rate of handed over to owner %s", rate[handed].by(rate[owner]).text("%.3f"))
	note("rate of handed over to taker %s", rate[handed].by(rate[taker]).text("%.3f"))
	only(b, rate[handed].by(rate[owner]).median(), "of-owner")
}

// settled waits until nothing of a stream is on its way any more: it would take the next one's time.
func settled(ctx context.Context, conn net.Conn) error {
	for unacknowledged(conn) > 0 {
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// inTurns measures every way in every round, each time beginning with another one.
func inTurns(flows map[string]underway, measure func(way string, f underway)) {
	all := []string{direct, taker, owner, handed}
	for round := range forwardRounds {
		for i := range all {
			way := all[(round+i)%len(all)]
			measure(way, flows[way])
		}
	}
}
