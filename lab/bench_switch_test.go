package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// switchRounds is how often each cable is pulled, each time in a new home: a line that came back once is held.
const switchRounds = 5

// BenchmarkSwitch pulls the cable of the line in use while so many flows run over it.
func BenchmarkSwitch(b *testing.B) {
	for _, flows := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(flows), func(b *testing.B) {
			var apply, ended figures
			for range switchRounds {
				b.Run("round", func(b *testing.B) {
					a, e := pull(b, flows)
					apply, ended = append(apply, a), append(ended, e)
				})
			}
			note("%d flows, %d rounds, load %s (min / median / max)", flows, switchRounds, load())
			note("decision to last route or nft change %s ms", apply.text("%.1f"))
			note("decision to nine of ten flows ended  %s ms", ended.text("%.1f"))
		})
	}
}

// pull returns how long the kernel took for the new plan, and when after the decision nine of ten
// flows were gone, in milliseconds: some new ones may have come meanwhile.
func pull(b *testing.B, flows int) (applied, ended float64) {
	h, main, _ := home(b, Default(), DefaultConfig)
	await(b, main, "both lines are up", on("fibre"))
	must(b, main.space.Do(func() error { return established(flows) }))
	must(b, h.Cut("main", "fibre"))
	var gone time.Time
	must(b, main.space.Do(func() error {
		for end := time.Now().Add(switchBound); ; time.Sleep(time.Millisecond / 2) {
			n := numberIn("/proc/sys/net/netfilter/nf_conntrack_count")
			if gone = time.Now(); n < flows/10 || gone.After(end) {
				return nil
			}
		}
	}))
	await(b, main, "the other line carries", carriedBy("lte"))
	body, err := main.Get(b.Context(), "/api/v1/status")
	must(b, err)
	var status struct {
		Kernel struct {
			Took float64 `json:"took_ms"`
		} `json:"kernel"`
	}
	must(b, json.Unmarshal(body, &status))
	return status.Kernel.Took, float64(gone.Sub(decided(b, main)).Microseconds()) / 1000
}

// decided is the time of the last decision to move the house.
func decided(b *testing.B, box *Box) time.Time {
	body, err := box.Get(b.Context(), "/api/v1/events")
	must(b, err)
	var events []struct {
		Time time.Time `json:"time"`
		Kind string    `json:"kind"`
	}
	must(b, json.Unmarshal(body, &events))
	for _, e := range slices.Backward(events) {
		if e.Kind == "switch" {
			return e.Time
		}
	}
	b.Fatal("nothing was decided")
	return time.Time{}
}

// established gives the calling thread's namespace established TCP flows over the first line.
func established(flows int) error {
	c, err := conntrack.Dial(nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for n := range flows {
		f := conntrack.NewFlow(unix.IPPROTO_TCP, conntrack.StatusAssured|conntrack.StatusSeenReply|conntrack.StatusConfirmed,
			netip.AddrFrom4([4]byte{192, 168, 1, byte(10 + n%200)}), netip.AddrFrom4([4]byte{198, 18, byte(n >> 16), byte(n >> 8)}),
			uint16(10000+n%50000), uint16(1000+n%256), 432000, 0x100)
		f.ProtoInfo.TCP = &conntrack.ProtoInfoTCP{State: 3}
		if err := c.Create(f); err != nil {
			return fmt.Errorf("flow %d: %w", n, err)
		}
	}
	return nil
}

// numberIn reads a file with one number, 0 when there is none.
func numberIn(path string) (n int) {
	text, err := os.ReadFile(path)
	if err == nil {
		_, _ = fmt.Sscan(string(text), &n)
	}
	return n
}
