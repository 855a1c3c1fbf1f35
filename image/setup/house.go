package setup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
)

// address is where the box is to be found, and what it serves there; the zero value is nowhere.
type address struct {
	device    string
	own       netip.Prefix
	resolvers string // separated by spaces; empty: neither addresses nor names are given to anybody
	domain    string // of a network with a router of its own; may be empty
}

// addressOf returns where people reach the box. In a network that has a router it hands out nothing.
func addressOf(l Layout) address {
	m, member := l.Member()
	switch {
	case !l.Address.IsValid():
		return address{}
	case member:
		return address{device: m.Port.Name, own: l.Address, domain: l.Domain}
	}
	var resolvers []string
	for _, r := range l.Resolvers() {
		resolvers = append(resolvers, r.String())
	}
	return address{device: router.BridgeName, own: l.Address, resolvers: strings.Join(resolvers, " ")}
}

// serve shows the page, and serves the LAN, whenever the daemon has the address on its device.
func (s *Setup) serve(ctx context.Context, at address) {
	said := ""
	for ctx.Err() == nil {
		err := s.open(ctx, at)
		if err != nil && ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			s.Log.Info("the page is not there yet", "address", at.own.Addr(), "reason", err)
		}
		pause(ctx, beat/2)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// open serves until ctx ends or something breaks.
func (s *Setup) open(ctx context.Context, at address) error {
	device, err := holder(at)
	if err != nil {
		return err
	}
	listener, err := s.Listen(at.device, at.own.Addr())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const one = 3 // tasks that end the others
	ended := make(chan error, one)
	tasks := []func() error{
		func() error { return s.show(ctx, listener, at) },
		func() error { return stays(ctx, at, device) },
	}
	if at.resolvers != "" {
		tasks = append(tasks, func() error {
			return s.Dnsmasq.run(ctx, at.device, at.own, strings.Fields(at.resolvers), s.Log)
		})
	}
	for _, task := range tasks {
		go func() { ended <- task() }()
	}
	var all []error
	for range tasks {
		all = append(all, <-ended)
		cancel()
	}
	return errors.Join(all...)
}

// holder returns the index of the device that has the address.
func holder(at address) (int, error) {
	link, err := net.InterfaceByName(at.device)
	if err != nil {
		return 0, fmt.Errorf("find %s: %w", at.device, err)
	}
	all, err := link.Addrs()
	if err != nil {
		return 0, fmt.Errorf("list addresses of %s: %w", at.device, err)
	}
	if !slices.ContainsFunc(all, func(a net.Addr) bool { return a.String() == at.own.String() }) {
		return 0, fmt.Errorf("%s does not have the address %s", at.device, at.own)
	}
	return link.Index, nil
}

// stays ends when the address does: a socket does not follow it to a bridge that was made anew.
func stays(ctx context.Context, at address, device int) error {
	for ctx.Err() == nil {
		pause(ctx, beat)
		switch now, err := holder(at); {
		case err != nil:
			return err
		case now != device:
			return fmt.Errorf("%s was made anew", at.device)
		}
	}
	return nil
}

// show serves the page. Nobody needs long for one.
func (s *Setup) show(ctx context.Context, listener net.Listener, at address) error {
	const patience = 10 * time.Second
	page := &page{layout: s.layout.Load, status: s.status, at: at}
	server := &http.Server{
		Handler: page, ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: patience, MaxHeaderBytes: 1 << 14,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	s.Log.Info("the page is there", "address", at.own.Addr(), "device", at.device)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the page: %w", err)
	}
	return nil
}

// join keeps the address that the network's router gives to this box.
func (s *Setup) join(ctx context.Context, port sight) {
	client := &wan.DHCP{
		Name: "setup", Device: port.name, Hostname: s.Hostname, Sockets: s.Sockets, Store: memory{}, Log: s.Log,
		Report: func(u wan.Update) {
			select {
			case s.leases <- u.Lease:
			case <-ctx.Done():
			}
		},
	}
	_ = client.Run(ctx) // nil: it ends with ctx
}

// memory forgets the lease: a box in setup mode has no state.
type memory struct{}

func (memory) Load() (wan.Saved, bool) { return wan.Saved{}, false }
func (memory) Save(wan.Saved) error    { return nil }
func (memory) Forget()                 {}
