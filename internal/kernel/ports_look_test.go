package kernel_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/wan"
)

func looked(t *testing.T, ns *sandbox.Namespace, port string) (up wan.Upstream) {
	t.Helper()
	err := ns.Do(func() (err error) {
		up, err = kernel.Look(t.Context(), port, "box")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return up
}

func TestLookFindsADHCPServer(t *testing.T) {
	customer := newCustomer(t)
	p := connect(t, customer, "wan0")
	p.serve("198.51.100.50", "198.51.100.60")
	check := func(where string) {
		t.Helper()
		up := looked(t, customer, "wan0")
		if up.Server != netip.MustParseAddr("198.51.100.1") || up.Offer == nil || up.Offer.Gateway != up.Server || up.PPPoE {
			t.Errorf("%s: found %+v", where, up)
		}
	}
	check("on a port")
	// As one of a bridge, which takes from the port whatever is for it.
	must(t, customer, "ip link add br0 type bridge")
	must(t, customer, "ip link set wan0 master br0")
	must(t, customer, "ip link set br0 up")
	check("on the port of a bridge")
	if leases, err := os.ReadFile(p.leases); err != nil || len(leases) > 0 {
		t.Errorf("the server has given a lease: %s (%v)", leases, err)
	}
	if out := must(t, customer, "ip -4 -br address show dev wan0"); strings.Contains(out, "198.51") {
		t.Errorf("an address was left: %s", out)
	}
}

func TestLookFindsNobody(t *testing.T) {
	customer := newCustomer(t)
	connect(t, customer, "wan0")
	began := time.Now()
	if up := looked(t, customer, "wan0"); !up.Silent() {
		t.Errorf("found %+v", up)
	}
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("gave up after %s: a server that pings before it offers takes three", took)
	}
}

func TestLookEnds(t *testing.T) {
	customer := newCustomer(t)
	connect(t, customer, "wan0")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err := customer.Do(func() error { _, err := kernel.Look(ctx, "wan0", "box"); return err })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
	must(t, customer, "ip link set wan0 down")
	err = customer.Do(func() error { _, err := kernel.Look(t.Context(), "wan0", "box"); return err })
	if err == nil || !strings.HasPrefix(err.Error(), "look along wan0: ") {
		t.Errorf("along a port that is off: %v", err)
	}
}

func TestRaise(t *testing.T) {
	customer := newCustomer(t)
	connect(t, customer, "wan0")
	must(t, customer, "ip link set wan0 down")
	err := customer.Do(func() error {
		k := kernel.New(slog.New(slog.DiscardHandler))
		links, err := k.Links()
		if err != nil {
			return err
		}
		for _, l := range links {
			if kernel.EthernetPort(l) {
				t.Errorf("%s of kind %q is taken for a port", l.Name, l.Kind)
			}
			if l.Name == "wan0" {
				err = k.Raise(l)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out := must(t, customer, "ip -br link show dev wan0"); !strings.Contains(out, "UP") {
		t.Errorf("still off: %s", out)
	}
}
