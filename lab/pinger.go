package lab

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Pinger sends ICMP echo requests from a device to one address at each interval.
type Pinger struct {
	conn  *icmp.PacketConn
	to    *net.IPAddr
	kinds echoKinds
	late  time.Duration // when an answer is too late to count
	stop  chan struct{}
	tasks sync.WaitGroup

	mu   sync.Mutex
	sent []time.Time
	rtt  map[int]time.Duration
}

// echoKinds is how one family pings.
type echoKinds struct {
	network, any   string
	protocol       int // IANA's number
	request, reply icmp.Type
}

var (
	echo4 = echoKinds{"ip4:icmp", "0.0.0.0", 1, ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply}
	echo6 = echoKinds{"ip6:ipv6-icmp", "::", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply}
)

// pingPatience is when an answer is too late to count: a neighbour that nobody is yet keeps some packets
// waiting, and they are answered when it is found.
const pingPatience = 100 * time.Millisecond

// pingID tells our answers from those of a ping command on the same device.
const pingID = 0x7470

// StartPinger starts pinging; after 65,536 requests the numbers would repeat, which no lab run reaches.
func (d *Device) StartPinger(target string, interval time.Duration) (*Pinger, error) {
	return d.startPinger(target, interval, pingPatience)
}

func (d *Device) startPinger(target string, interval, late time.Duration) (*Pinger, error) {
	a, err := netip.ParseAddr(target)
	if err != nil {
		return nil, err
	}
	p := &Pinger{to: &net.IPAddr{IP: a.AsSlice()}, kinds: echo4, late: late, stop: make(chan struct{}), rtt: map[int]time.Duration{}}
	if a.Is6() {
		p.kinds = echo6
	}
	err = d.space.Do(func() (err error) {
		p.conn, err = icmp.ListenPacket(p.kinds.network, p.kinds.any)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ping %s: %w", target, err)
	}
	p.tasks.Go(func() { p.send(interval) })
	p.tasks.Go(p.receive)
	return p, nil
}

func (p *Pinger) send(interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		p.mu.Lock()
		number := len(p.sent)
		p.sent = append(p.sent, time.Now())
		p.mu.Unlock()
		m := icmp.Message{Type: p.kinds.request, Body: &icmp.Echo{ID: pingID, Seq: number}}
		if packet, err := m.Marshal(nil); err == nil {
			_, _ = p.conn.WriteTo(packet, p.to) // what cannot be sent is a lost ping
		}
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
	}
}

func (p *Pinger) receive() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := p.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		m, err := icmp.ParseMessage(p.kinds.protocol, buffer[:n])
		if err != nil || m.Type != p.kinds.reply || from.String() != p.to.String() {
			continue
		}
		echo, ok := m.Body.(*icmp.Echo)
		if ok && echo.ID == pingID {
			p.answered(echo.Seq)
		}
	}
}

func (p *Pinger) answered(number int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, again := p.rtt[number]; again || number >= len(p.sent) {
		return
	}
	if rtt := time.Since(p.sent[number]); rtt <= p.late {
		p.rtt[number] = rtt
	}
}

// Stop ends the pinger and returns the result.
func (p *Pinger) Stop() PingResult {
	close(p.stop)
	_ = p.conn.SetReadDeadline(time.Now().Add(pingPatience)) // for the last answers
	p.tasks.Wait()
	_ = p.conn.Close()
	r := PingResult{Sent: len(p.sent), Lost: len(p.sent) - len(p.rtt)}
	all := make([]time.Duration, 0, len(p.rtt))
	for _, d := range p.rtt {
		all = append(all, d)
	}
	if len(all) > 0 {
		slices.Sort(all)
		r.Median, r.Slowest = all[len(all)/2], all[len(all)-1]
	}
	r.Gap = p.gap()
	return r
}

// gap is from the first of the longest run of lost pings to the next answered one.
func (p *Pinger) gap() (longest time.Duration) {
	var lost time.Time
	for number, sent := range p.sent {
		if _, yes := p.rtt[number]; yes {
			lost = time.Time{}
			continue
		}
		if lost.IsZero() {
			lost = sent
		}
		next := sent
		if number+1 < len(p.sent) {
			next = p.sent[number+1]
		}
		longest = max(longest, next.Sub(lost))
	}
	return longest
}

// PingResult is what a Pinger has measured.
type PingResult struct {
	Sent, Lost      int
	Median, Slowest time.Duration
	Gap             time.Duration // from the first of the longest run of lost pings to the next answered one
}

func (r PingResult) String() string {
	return fmt.Sprintf("%d of %d lost, gap %s, median %s, slowest %s", r.Lost, r.Sent, round(r.Gap), round(r.Median), round(r.Slowest))
}
