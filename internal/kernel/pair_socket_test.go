package kernel

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/pair/link"
)

// within opens a link's sockets inside a namespace.
type within struct{ *sandbox.Namespace }

func (w within) Listen(device string, at netip.AddrPort) (l net.Listener, err error) {
	err = w.Do(func() (err error) { l, err = PairNet{}.Listen(device, at); return err })
	return l, err
}

func (w within) Dial(ctx context.Context, device string, from netip.Addr, to netip.AddrPort) (c net.Conn, err error) {
	// A connection that is made in a goroutine of the dialer's has left the namespace: one address, no time limit of the context's own.
	err = w.Do(func() (err error) { c, err = PairNet{}.Dial(context.WithoutCancel(ctx), device, from, to); return err })
	return c, err
}

func TestALinkOfTwoBoxesEndsSoonAfterOneOfThem(t *testing.T) {
	b := newBox(t)
	far, err := sandbox.Add(b.Name + "pair")
	if err != nil {
		t.Fatal(err)
	}
	b.must("ip link add pair0 type veth peer name pair0 netns " + far.Name)
	b.must("ip address add 192.168.77.2/24 dev pair0")
	b.must("ip link set pair0 up")
	for _, line := range []string{"ip address add 192.168.77.3/24 dev pair0", "ip link set pair0 up"} {
		if _, err := far.Run(line); err != nil {
			t.Fatal(err)
		}
	}
	called, caller := netip.MustParseAddr("192.168.77.2"), netip.MustParseAddr("192.168.77.3")
	up, down := make(chan struct{}, 10), make(chan error, 10)
	for own, ns := range map[netip.Addr]*sandbox.Namespace{called: b.Namespace, caller: far} {
		partner := caller
		if own == caller {
			partner = called
		}
		events := link.Events{
			Up:   func(link.Session) { up <- struct{}{} },
			Down: func(reason error, bye bool) { down <- reason }, Message: func(link.Kind, []byte) {},
		}
		l := link.New(within{ns}, events, slog.New(slog.DiscardHandler))
		l.Use(link.Settings{Own: own, Partner: partner, Port: 61112, Device: "pair0", Secret: "a secret of two boxes"})
		ended := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(ended)
			_ = l.Run(ctx)
		}()
		t.Cleanup(func() { cancel(); <-ended })
	}
	for range 2 {
		select {
		case <-up:
		case <-time.After(20 * time.Second):
			t.Fatal("the routers do not find each other")
		}
	}
	if _, err := far.Run("ip link set pair0 down"); err != nil {
		t.Fatal(err)
	}
	cut := time.Now()
	for range 2 { // nothing was under way
		select {
		case err := <-down:
			var timeout net.Error
			if took := time.Since(cut); took > 5*time.Second || !errors.As(err, &timeout) {
				t.Errorf("down after %v: %v", took, err)
			}
		case <-time.After(9 * time.Second): // and not the ten of the link itself
			t.Fatal("nobody has noticed")
		}
	}
}
