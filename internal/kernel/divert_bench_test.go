package kernel

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/pair/flow"
	"github.com/twinpath/twinpath/pair/handover"
)

// house are so many flows of a house of 200 devices.
func houseOf(n int) []flow.Flow {
	flows := make([]flow.Flow, n)
	for i := range flows {
		flows[i] = flow.Of(6,
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, byte(10 + i%200)}), uint16(10000+i%50000)),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 16), byte(i >> 8)}), uint16(1000+i%256)))
	}
	return flows
}

// kernelMemory is what the kernel has of its own, in bytes, with everything else that the machine does.
func kernelMemory(b *testing.B) (sum int) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		if name == "SUnreclaim" || name == "VmallocUsed" {
			var kB int
			_, _ = fmt.Sscan(rest, &kB)
			sum += kB << 10
		}
	}
	return sum
}

// How long a list takes into the kernel and out of it, how much memory it has there, and how long the longest of its transactions keeps others from theirs.
func BenchmarkDivertKept(b *testing.B) {
	for _, n := range []int{10000, 100000} {
		b.Run(fmt.Sprintf("flows=%d", n), func(b *testing.B) {
			box := newBox(b)
			box.must("ip link set lan0 up")
			box.must("ip addr add 192.168.1.2/24 dev lan0")
			flows := houseOf(n)
			var in, out time.Duration
			memory := 0
			for b.Loop() {
				box.divert(testDiversion(handover.Listed, false))
				before, start := kernelMemory(b), time.Now()
				for part := range (flow.Change{Anew: true, Begun: flows}).Pieces() {
					box.kept(part)
				}
				in += time.Since(start)
				memory += kernelMemory(b) - before
				start = time.Now()
				for part := range (flow.Change{Ended: flows}).Pieces() {
					box.kept(part)
				}
				out += time.Since(start)
				box.divert(handover.Diversion{})
			}
			b.ReportMetric(float64(in.Milliseconds())/float64(b.N), "ms/in")
			b.ReportMetric(float64(out.Milliseconds())/float64(b.N), "ms/out")
			b.ReportMetric(float64(memory)/float64(b.N*n), "B/flow")
		})
	}
}
