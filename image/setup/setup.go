// Package setup serves a box that nobody has configured yet: it finds out which port leads where, writes a
// configuration for the daemon to run meanwhile, and shows on a page what it found and how to go on.
//
// survey knows the ports (pure), Decide says what each is for (pure), Layout.TOML writes it down, Setup drives them and
// house serves the people on the LAN.
package setup

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
)

// Ports are the machine's Ethernet ports.
type Ports interface {
	// Links returns the ports that count.
	Links() ([]router.Link, error)
	// Raise switches one on.
	Raise(router.Link) error
	// Look finds out who answers along one, within seconds and without taking a lease.
	Look(ctx context.Context, port string) (wan.Upstream, error)
	// Watch calls changed whenever a port may have changed, until ctx ends.
	Watch(ctx context.Context, changed func()) error
}

// Setup is the setup mode. The exported fields are set before Run and not changed after.
type Setup struct {
	Boot     string // the owner's configuration: setup mode ends when it exists
	File     string // the configuration that setup mode writes
	Hostname string // told to DHCP servers
	Ports    Ports
	Sockets  wan.Sockets                                                   // of the DHCP client of a box that is a member of a network
	Listen   func(device string, address netip.Addr) (net.Listener, error) // for the page
	Dnsmasq  Dnsmasq
	Status   func(context.Context) (*router.Snapshot, error) // the daemon's
	Reload   func(context.Context) error                     // makes the daemon read its configuration again
	Ready    func()                                          // called once, when File is written
	Log      *slog.Logger

	survey   survey
	group    sync.WaitGroup
	results  chan result
	leases   chan *wan.Lease
	reloaded chan error

	lease     *wan.Lease // of a member
	layout    atomic.Pointer[Layout]
	text      []byte // of File
	stale     bool   // the daemon has not read File yet
	reloading bool
	house     tenant[address]
	member    tenant[sight]
}

// result is what Ports.Look has found.
type result struct {
	port  sight
	found wan.Upstream
	err   error
}

// beat is how often the boot file and the daemon are looked at, and the ports beside the kernel's news. Chosen by us.
const beat = time.Second

// Run works until the owner's configuration exists or ctx ends, and leaves nothing running.
func (s *Setup) Run(ctx context.Context) error {
	if s.configured() {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	s.results, s.leases, s.reloaded = make(chan result), make(chan *wan.Lease), make(chan error)
	defer s.group.Wait()
	defer cancel()
	defer s.house.end()
	defer s.member.end()
	changed := make(chan struct{}, 1)
	s.group.Go(func() { s.watch(ctx, changed) })
	tick := time.NewTicker(beat)
	defer tick.Stop()
	s.see(ctx)
	for !s.configured() {
		s.turn(ctx, tick.C, changed)
		if ctx.Err() != nil {
			return nil
		}
	}
	s.Log.Info("there is a configuration: setup mode ends", "file", s.Boot)
	if err := s.Reload(ctx); err != nil {
		s.Log.Warn("the daemon was not told", "err", err) // it reads the file when it starts
	}
	return s.forget()
}

func (s *Setup) watch(ctx context.Context, changed chan<- struct{}) {
	err := s.Ports.Watch(ctx, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		s.Log.Warn("no news of the ports, they are looked at every second", "err", err)
	}
}

func (s *Setup) configured() bool {
	_, err := os.Stat(s.Boot)
	return err == nil
}

// forget removes what was only for setup mode.
func (s *Setup) forget() error {
	s.house.end() // before its file
	var all []error
	for _, name := range []string{s.File, s.Dnsmasq.Leases} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// turn waits for the next event and handles it.
func (s *Setup) turn(ctx context.Context, tick <-chan time.Time, changed <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-tick:
	case <-changed:
	case r := <-s.results:
		s.heard(r)
	case s.lease = <-s.leases:
	case err := <-s.reloaded:
		s.reloading, s.stale = false, s.stale || err != nil
		if err != nil {
			s.Log.Debug("the daemon has not read the configuration yet", "err", err)
			return // until the next beat
		}
	}
	s.see(ctx)
	if s.survey.ready(time.Now()) {
		s.settle(ctx)
	}
}

func (s *Setup) heard(r result) {
	if r.err != nil {
		s.Log.Warn("a port could not be looked along", "port", r.port.name, "err", r.err)
	}
	s.survey.heard(time.Now(), r.port, r.found, r.err)
}

// see looks at the ports and starts what they want.
func (s *Setup) see(ctx context.Context) {
	links, err := s.Ports.Links()
	if err != nil {
		s.Log.Warn("ports not listed", "err", err)
		return
	}
	raise, look := s.survey.see(time.Now(), links)
	for _, link := range raise {
		if err := s.Ports.Raise(link); err != nil {
			s.Log.Warn("port not switched on", "port", link.Name, "err", err)
		}
	}
	for _, port := range look {
		s.group.Go(func() {
			found, err := s.Ports.Look(ctx, port.name)
			select {
			case s.results <- result{port, found, err}:
			case <-ctx.Done():
			}
		})
	}
}

// settle makes everything follow from what is known.
func (s *Setup) settle(ctx context.Context) {
	layout := Decide(s.survey.ports(), s.lease)
	s.layout.Store(&layout)
	member, is := layout.Member()
	if !is {
		s.lease = nil
	}
	// Another cable may lead into another network, where the lease means nothing.
	s.member.become(ctx, sight{member.Port.Name, member.Port.Cable}, s.join)
	if err := s.write(layout); err != nil {
		s.Log.Error("configuration not written", "err", err)
		return
	}
	s.house.become(ctx, addressOf(layout), s.serve)
	s.reload(ctx)
}

// write puts the layout into File when it says something new, as a whole or not at all.
func (s *Setup) write(layout Layout) error {
	text := layout.TOML()
	if bytes.Equal(text, s.text) {
		return nil
	}
	next := s.File + ".new"
	if err := os.MkdirAll(filepath.Dir(s.File), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return err
	}
	if err := os.Rename(next, s.File); err != nil {
		return err
	}
	first := s.text == nil
	s.text, s.stale = text, true
	for _, p := range layout.Places {
		s.Log.Info("port", "port", p.Port.Name, "role", p.Role, "reason", p.Why)
	}
	if first {
		s.Ready()
	}
	return nil
}

// reload tells a daemon that answers. One that does not yet is told at a later beat, or reads File when it starts.
func (s *Setup) reload(ctx context.Context) {
	if !s.stale || s.reloading {
		return
	}
	s.stale, s.reloading = false, true
	s.group.Go(func() {
		_, err := s.status(ctx)
		if err == nil {
			err = s.Reload(ctx)
		}
		select {
		case s.reloaded <- err:
		case <-ctx.Done():
		}
	})
}

// status asks the daemon, which answers within milliseconds when it does.
func (s *Setup) status(ctx context.Context) (*router.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return s.Status(ctx)
}
