package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/twinpath/twinpath/image/setup"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/wan"
	"github.com/twinpath/twinpath/wizard"
)

// portsFile is what setup mode has found, beside its configuration.
const portsFile = "ports.json"

// portWatch knows what the machine's Ethernet ports lead to. It looks along those that nobody uses, and only while an owner asks.
type portWatch struct {
	ports  *sockets
	config func() *router.Config
	wans   func() []router.WANSnapshot
	found  string // the file of setup mode, which has a watch of its own; empty: there is none

	mu    sync.Mutex
	known map[string]*looked // by name
}

// looked is what a port without a use led to.
type looked struct {
	index    int // of the device
	raised   bool
	carrier  bool
	upstream wan.Upstream
	at       time.Time // of the last look's end; zero: none since the cable was plugged in
	looking  chan struct{}
}

// fresh is how long what was found along a port is not asked again. Chosen here: a wizard's page asks every few seconds.
const fresh = 30 * time.Second

func (h *household) newPorts() *portWatch {
	w := &portWatch{
		ports: &sockets{Kernel: h.kernel, names: h.ethernet}, config: h.page.Config, known: map[string]*looked{},
		wans: func() []router.WANSnapshot { s, _ := h.router.Snapshot(); return s.WANs },
	}
	if h.keeper.Fallback != "" {
		w.found = filepath.Join(filepath.Dir(h.keeper.Fallback), portsFile)
	}
	return w
}

// list describes every port. The first time it waits until each was looked along, some seconds.
func (w *portWatch) list(ctx context.Context) ([]wizard.Port, error) {
	if all, err := w.ofSetup(); all != nil || err != nil {
		return all, err
	}
	links, err := w.ports.Links()
	if err != nil {
		return nil, err
	}
	waiting := w.look(ctx, links)
	for _, done := range waiting {
		select {
		case <-done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	all := []wizard.Port{}
	for _, link := range links {
		all = append(all, w.describe(link))
	}
	slices.SortFunc(all, func(a, b wizard.Port) int { return compareNames(a.Name, b.Name) })
	return all, nil
}

// ofSetup reads what setup mode has found, nil when there is no setup mode.
func (w *portWatch) ofSetup() ([]wizard.Port, error) {
	if w.found == "" {
		return nil, nil
	}
	text, err := os.ReadFile(w.found)
	if err != nil {
		return nil, nil // it ends with the first configuration
	}
	all := []wizard.Port{}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read what setup mode has found: %w", err)
	}
	return all, nil
}

// look starts what there is to find out, and returns what a first answer has to wait for.
func (w *portWatch) look(ctx context.Context, links []router.Link) []chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := len(w.known) == 0
	var waiting []chan struct{}
	for _, link := range links {
		p := w.known[link.Name]
		if p == nil || p.index != link.Index {
			p = &looked{index: link.Index}
			w.known[link.Name] = p
		}
		if !link.Carrier || !p.carrier {
			p.at, p.upstream = time.Time{}, wan.Upstream{}
		}
		p.carrier = link.Carrier
		if use, _ := w.use(link); use != "" {
			continue
		}
		if !link.Up && !p.raised { // its cable cannot be seen otherwise
			p.raised = w.ports.Raise(link) == nil
		}
		if link.Carrier && p.looking == nil && time.Since(p.at) > fresh {
			p.looking = make(chan struct{})
			go w.along(context.WithoutCancel(ctx), link.Name, p)
		}
		if first && p.looking != nil {
			waiting = append(waiting, p.looking)
		}
	}
	return waiting
}

// along finds out who answers on a port. It ends by itself within seconds, whoever has stopped waiting for it.
func (w *portWatch) along(ctx context.Context, name string, p *looked) {
	upstream, err := w.ports.Look(ctx, name)
	w.mu.Lock()
	defer w.mu.Unlock()
	close(p.looking)
	p.looking = nil
	if err == nil && p.carrier {
		p.upstream, p.at = upstream, time.Now()
	}
}

// describe says what a port leads to: of one that is used, what its use has found out.
func (w *portWatch) describe(link router.Link) wizard.Port {
	w.mu.Lock()
	p := setup.Port{Link: link}
	if k := w.known[link.Name]; k != nil && !k.at.IsZero() {
		p.Known, p.Upstream = true, k.upstream
	}
	w.mu.Unlock()
	d := setup.Describe(p)
	use, line := w.use(link)
	d.Use = use
	switch {
	case use == "" || !link.Carrier:
	case line == nil:
		d.Leads, d.Why = wizard.ToHouse, "this router's own side of the house"
	default:
		leadsBy(&d, *line)
	}
	return d
}

// leadsBy takes over what a running line knows of its port.
func leadsBy(d *wizard.Port, line router.WANSnapshot) {
	d.Why = "the line " + line.Name + " uses it"
	switch line.Kind {
	case router.PPPoE.String():
		d.Leads = wizard.ToPPPoE
		return
	case router.DHCP.String():
		d.Leads = wizard.ToDHCP
	default:
		d.Leads = wizard.ToSomebody
	}
	d.Network = networkOf(line.Interface, line.Address)
	d.Gateway, _ = netip.ParseAddr(line.Gateway)
	for _, text := range line.DNS {
		if a, err := netip.ParseAddr(text); err == nil {
			d.DNS = append(d.DNS, a)
		}
	}
}

// networkOf is an address of a device with its network's length.
func networkOf(device, address string) netip.Prefix {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return netip.Prefix{}
	}
	held, _ := i.Addrs()
	for _, a := range held {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().String() == address {
			return p
		}
	}
	return netip.Prefix{}
}

// use says what the running configuration does with a port, and by which line.
func (w *portWatch) use(link router.Link) (string, *router.WANSnapshot) {
	for _, line := range w.wans() {
		if line.Interface == link.Name && line.Kind != router.Peer.String() {
			return "wan " + line.Name, &line
		}
	}
	cfg := w.config()
	if cfg == nil {
		return "", nil
	}
	if cfg.LAN.Uses(link) {
		return "lan", nil
	}
	for _, v := range cfg.VRRP {
		if v.Interface == link.Name {
			return "vrrp " + v.Name, nil
		}
	}
	return "", nil
}

func compareNames(a, b string) int {
	if len(a) != len(b) { // eth2 before eth10
		return len(a) - len(b)
	}
	if a < b {
		return -1
	}
	return 1
}
