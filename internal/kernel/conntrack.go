package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ti-mo/conntrack"
	"github.com/ti-mo/netfilter"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/router"
	"golang.org/x/sys/unix"
)

// Flows returns how many conntrack entries carry a WAN's mark.
func (k *Kernel) Flows(mark firewall.Mark) (int, error) {
	c, err := track()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	flows, err := c.DumpFilter(marked(mark), nil)
	if err != nil {
		return 0, fmt.Errorf("list flows with mark %#x: %w", uint32(mark), err)
	}
	return len(flows), nil
}

// Vacate ends the flows of a WAN and then tells the TCP clients in the house. The flows are gone first, all of them,
// within milliseconds; telling goes on at 2000 flows a second after the first 2000, for at most ten seconds. A router
// that cannot wait that long calls it on a goroutine of its own.
//
// The rest of the house is told nothing: who is not told finds out with its next packet.
func (k *Kernel) Vacate(v router.Vacate) (router.Vacated, error) {
	c, err := track()
	if err != nil {
		return router.Vacated{}, err
	}
	defer c.Close()
	var done router.Vacated
	if v.Idle == 0 && !v.Tell {
		done.Flows, err = flush(c, chosen(v))
		return done, vacated(v, err)
	}
	flows, err := c.DumpFilter(chosen(v), nil)
	if err != nil {
		return done, vacated(v, fmt.Errorf("list flows: %w", err))
	}
	ended := flows
	if v.Idle > 0 {
		ended = speaking(flows, v.Idle, establishedTimeout())
	}
	if done.Flows, err = end(c, chosen(v), flows, ended); err != nil {
		return done, vacated(v, err)
	}
	if v.Tell {
		done.Told, err = tell(ended)
	}
	return done, vacated(v, err)
}

func vacated(v router.Vacate, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("vacate %s: %w", v.WAN, err)
}

func track() (*conntrack.Conn, error) {
	c, err := conntrack.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	// Best effort: a smaller buffer only makes more round trips of a long list.
	_ = c.SetReadBuffer(receiveBuffer)
	return c, nil
}

func marked(mark firewall.Mark) conntrack.Filter {
	return conntrack.NewFilter().Mark(uint32(mark)).MarkMask(uint32(firewall.MarkMask))
}

// chosen are the flows that are to be ended.
func chosen(v router.Vacate) conntrack.Filter {
	if v.OnlyIPv6 {
		return marked(v.Mark).Family(netfilter.ProtoIPv6)
	}
	return marked(v.Mark)
}

// flush ends all chosen flows in one message. How many there were is the change of the kernel's count, give or take
// the few that others opened and closed in the same millisecond.
func flush(c *conntrack.Conn, all conntrack.Filter) (int, error) {
	before := count()
	if err := c.FlushFilter(all); err != nil {
		return 0, fmt.Errorf("flush flows: %w", err)
	}
	return max(before-count(), 0), nil
}

func count() int { return readNumber("/proc/sys/net/netfilter/nf_conntrack_count") }

func readNumber(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// end removes the chosen flows: all in one message when none is spared, else by name.
func end(c *conntrack.Conn, filter conntrack.Filter, all, chosen []conntrack.Flow) (int, error) {
	if len(all) == len(chosen) {
		if err := c.FlushFilter(filter); err != nil {
			return 0, fmt.Errorf("flush flows: %w", err)
		}
		return len(all), nil
	}
	before := count()
	if err := removeFlows(chosen); err != nil {
		return 0, fmt.Errorf("remove flows: %w", err)
	}
	return min(max(before-count(), 0), len(chosen)), nil
}

// TCP states of conntrack (enum tcp_conntrack in nf_conntrack_tcp.h).
const (
	tcpEstablished = 3
	tcpLastAck     = 6
	tcpTimeWait    = 7
	tcpClose       = 8
)

// retransmitting is the timeout that a TCP flow gets when its packets remain unanswered
// (nf_conntrack_tcp_timeout_max_retrans), in seconds: it waits for the outage to end.
const retransmitting = 300

// establishedTimeout is how long an idle TCP flow is kept. The kernel's own default is five days.
func establishedTimeout() time.Duration {
	n := readNumber("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established")
	if n == 0 {
		n = 432000
	}
	return time.Duration(n) * time.Second
}

// speaking leaves out TCP flows that had no packet for idle: the time that they have left tells when the last one came.
func speaking(flows []conntrack.Flow, idle, full time.Duration) []conntrack.Flow {
	chosen := make([]conntrack.Flow, 0, len(flows))
	for _, f := range flows {
		left := time.Duration(f.Timeout) * time.Second
		waiting := f.Timeout <= retransmitting
		if stateOf(f) == tcpEstablished && !waiting && full-left > idle {
			continue
		}
		chosen = append(chosen, f)
	}
	return chosen
}

// stateOf returns a flow's TCP state, 0 for other protocols.
func stateOf(f conntrack.Flow) uint8 {
	if f.TupleOrig.Proto.Protocol != unix.IPPROTO_TCP || f.ProtoInfo.TCP == nil {
		return 0
	}
	return f.ProtoInfo.TCP.State
}
