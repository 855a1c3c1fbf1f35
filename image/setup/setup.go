// Package setup finds out for a box that nobody has configured yet which port leads where, and writes a configuration for the
// daemon to run meanwhile: with addresses for the house and the page, on which the owner's wizard is.
//
// survey knows the ports (pure), Decide says what each is for (pure), Layout.TOML and Layout.Ports write it down, Setup drives them.
package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
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
	Sockets  wan.Sockets                                     // of the DHCP client of a box that is a member of a network
	Claim    string                                          // a file that goes when there is a configuration: the claim code's
	Password string                                          // bcrypt hash of the claim code; empty: nobody can claim the box by the page
	Status   func(context.Context) (*router.Snapshot, error) // the daemon's
	Reload   func(context.Context) error                     // makes the daemon read its configuration again
	Ready    func()                                          // called once, when File is written
	Log      *slog.Logger

	survey   survey
	group    sync.WaitGroup
	results  chan result
	leases   chan *wan.Lease
	reloaded chan error

	lease     *wan.Lease        // of a member
	written   map[string][]byte // by file
	stale     bool              // the daemon has not read File yet
	reloading bool
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

// found is the file beside File with what was found, for the wizard: ports.json.
func (s *Setup) found() string { return filepath.Join(filepath.Dir(s.File), "ports.json") }

// forget removes what was only for setup mode.
func (s *Setup) forget() error {
	var all []error
	for _, name := range []string{s.File, s.found(), s.Claim} {
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
	member, is := layout.Member()
	if !is {
		s.lease = nil
	}
	// Another cable may lead into another network, where the lease means nothing.
	s.member.become(ctx, sight{member.Port.Name, member.Port.Cable}, s.join)
	if err := s.tell(layout); err != nil {
		s.Log.Error("what was found is not written", "err", err)
		return
	}
	s.reload(ctx)
}

// tell writes what follows from a layout: for the wizard, then for the daemon.
func (s *Setup) tell(layout Layout) error {
	ports, err := json.Marshal(layout.Ports())
	if err != nil {
		return err
	}
	if _, err := s.write(s.found(), ports); err != nil {
		return err
	}
	first := s.written[s.File] == nil
	changed, err := s.write(s.File, layout.TOML(s.Password))
	if err != nil || !changed {
		return err
	}
	s.stale = true
	for _, p := range layout.Places {
		s.Log.Info("port", "port", p.Port.Name, "role", p.Role, "reason", p.Why)
	}
	if first {
		s.Ready()
	}
	return nil
}

// write puts a text into a file when it says something new, as a whole or not at all.
func (s *Setup) write(file string, text []byte) (changed bool, err error) {
	if bytes.Equal(text, s.written[file]) {
		return false, nil
	}
	next := file + ".new"
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return false, err
	}
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return false, err
	}
	if err := os.Rename(next, file); err != nil {
		return false, err
	}
	if s.written == nil {
		s.written = map[string][]byte{}
	}
	s.written[file] = text
	return true, nil
}

// reload tells a daemon that answers. One that does not yet is told at a later beat, or reads File when it starts.
func (s *Setup) reload(ctx context.Context) {
	if !s.stale || s.reloading {
		return
	}
	s.stale, s.reloading = false, true
	s.group.Go(func() {
		now, err := s.status(ctx)
		switch {
		case err != nil:
		case now.Pending != nil: // the owner's first configuration: it counts, or ours does again
			err = errors.New("another configuration waits for its confirmation")
		default:
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
