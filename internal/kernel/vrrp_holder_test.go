package kernel

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// holder is a box whose house shares addresses with other routers.
type holder struct {
	*box
	virtual *Virtual
	lan     int
}

func newHolder(t testing.TB) *holder {
	b := newBox(t)
	b.must("ip link set lan0 up")
	h := &holder{b, NewVirtual(slog.New(slog.DiscardHandler)), b.index("lan0")}
	h.carrier("lan0")
	return h
}

// carrier waits until an interface is ready.
func (h *holder) carrier(name string) {
	h.t.Helper()
	h.until("carrier on "+name, func() bool { return strings.Contains(h.must("ip link show "+name), "state UP") })
}

// until polls the kernel, which does not tell of this.
func (h *holder) until(what string, ok func() bool) {
	h.t.Helper()
	for limit := time.Now().Add(8 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			h.t.Fatalf("no %s\n%s", what, h.must("ip addr"))
		}
	}
}

func (h *holder) try(refresh bool, all ...vrrp.Holding) (restored []vrrp.Holding, err error) {
	err = h.Do(func() (err error) {
		restored, err = h.virtual.Hold(all, refresh)
		return err
	})
	return restored, err
}

func (h *holder) hold(all ...vrrp.Holding) []vrrp.Holding {
	h.t.Helper()
	restored, err := h.try(true, all...)
	if err != nil {
		h.t.Fatal(err)
	}
	return restored
}

// of is a holding on lan0.
func (h *holder) of(id uint8, addresses ...string) vrrp.Holding {
	one := vrrp.Holding{Index: h.lan, ID: id}
	for _, a := range addresses {
		p := netip.MustParsePrefix(a)
		one.Family = vrrp.FamilyOf(p.Addr())
		one.Addresses = append(one.Addresses, p)
	}
	return one
}

func (h *holder) withMAC(id uint8, addresses ...string) vrrp.Holding {
	one := h.of(id, addresses...)
	one.VirtualMAC = true
	return one
}

// virtuals lists the virtual addresses, with their interfaces.
func (h *holder) virtuals() []string {
	h.t.Helper()
	var all []string
	err := h.Do(func() error {
		s, err := dial()
		if err != nil {
			return err
		}
		defer s.close()
		list, err := s.addressList()
		for _, a := range list {
			if a.virtual {
				name, _ := nameOf(a.index)
				all = append(all, fmt.Sprintf("%s %s", name, a.prefix))
			}
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func (h *holder) has(want ...string) {
	h.t.Helper()
	slices.Sort(want)
	if got := h.virtuals(); !slices.Equal(got, want) {
		h.t.Errorf("virtual addresses are\n%q, want\n%q", got, want)
	}
}

// watching runs the engine's Watch.
func (h *holder) watching() (look <-chan struct{}, calls *atomic.Int64) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	news := make(chan struct{}, 1)
	calls = new(atomic.Int64)
	ended := make(chan error, 1)
	go func() {
		ended <- h.Do(func() error {
			return h.virtual.Watch(ctx, func() {
				calls.Add(1)
				select {
				case news <- struct{}{}:
				default:
				}
			})
		})
	}()
	h.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("Watch ended with %v, want nil", err)
		}
	})
	h.await(news)
	return news, calls
}

// drained takes the news that is there.
func drained(look <-chan struct{}) {
	select {
	case <-look:
	default:
	}
}

func (h *holder) links() (links []router.Link, err error) {
	err = h.Do(func() (err error) {
		links, err = h.kernel.Links()
		return err
	})
	return links, err
}

// nameOf is the name of an interface in the namespace of the calling thread.
func nameOf(index int) (string, error) {
	s, err := dial()
	if err != nil {
		return "", err
	}
	defer s.close()
	links, err := s.links()
	for name, d := range links {
		if d.Index == index {
			return name, err
		}
	}
	return fmt.Sprint("if", index), err
}

func (h *holder) repeat(b *testing.B, name string, call func(i int) ([]vrrp.Holding, bool)) {
	b.Run(name, func(b *testing.B) {
		err := h.Do(func() error {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				all, refresh := call(i)
				if _, err := h.virtual.Hold(all, refresh); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkHold(b *testing.B) {
	for _, mac := range []bool{false, true} {
		h := newHolder(b)
		h.must("ip addr add 10.0.0.250/16 dev lan0")
		h.watching()
		all := make([]vrrp.Holding, 255)
		for i := range all {
			all[i] = h.of(uint8(i+1), fmt.Sprintf("10.0.%d.1/16", i))
			all[i].VirtualMAC = mac
		}
		other := slices.Clone(all)
		other[100].Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.100.2/16")}
		start := time.Now()
		h.hold(all...)
		first := time.Since(start)
		time.Sleep(200 * time.Millisecond) // the news of our own interfaces
		h.hold(all...)
		h.repeat(b, fmt.Sprintf("refresh/mac=%v", mac), func(int) ([]vrrp.Holding, bool) { return all, true })
		h.repeat(b, fmt.Sprintf("change/mac=%v", mac), func(i int) ([]vrrp.Holding, bool) { return [][]vrrp.Holding{other, all}[i%2], false })
		start = time.Now()
		h.hold()
		b.Logf("255 elections, virtual MAC %v: all in after %v, out after %v", mac, first, time.Since(start))
	}
}
