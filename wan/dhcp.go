package wan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Sockets opens what a DHCP client speaks through.
type Sockets interface {
	// Open opens a line on the device, whether or not it has an address.
	Open(device string) (Line, error)
	// Conflict asks the network whether someone else uses the address (RFC 5227) and returns that host's
	// Ethernet address, empty when nobody answers.
	Conflict(ctx context.Context, device string, address netip.Addr) (user string, err error)
}

// Line carries DHCP messages over one device and no other.
type Line interface {
	// HardwareAddr is the device's Ethernet address.
	HardwareAddr() net.HardwareAddr
	// Send sends a message to a server, or to everybody on the link when to is invalid.
	Send(message []byte, from, to netip.Addr) error
	// Receive waits for a message to the DHCP client port. It ends with an error when the line is closed or broken.
	Receive(buffer []byte) (int, error)
	Close() error
}

// DHCP is the DHCPv4 client of one WAN. The exported fields are set before Run and not changed after.
type DHCP struct {
	Name     string // the WAN's
	Device   string // kernel name of its interface
	Hostname string // told to the server; may be empty
	Sockets  Sockets
	Store    Store
	Report   func(Update) // called from Run alone
	Log      *slog.Logger
	Uptime   func() Uptime // nil: saved leases are judged by the wall clock alone

	wishes wishes
	faults [faultCount]atomic.Int64
}

// wishes reach the loop from other goroutines; of equal ones the latest counts.
type wishes struct {
	once         sync.Once
	linkUp, dead chan struct{}
	release      chan chan error
}

func (w *wishes) open() *wishes {
	w.once.Do(func() {
		w.linkUp, w.dead, w.release = make(chan struct{}, 1), make(chan struct{}, 1), make(chan chan error)
	})
	return w
}

func wish(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// LinkUp implements Client: the lease is confirmed by INIT-REBOOT.
func (d *DHCP) LinkUp() { wish(d.wishes.open().linkUp) }

// Dead implements Client: the lease is asked for anew after 1, 2, 4 … 30 min, and used meanwhile.
func (d *DHCP) Dead() { wish(d.wishes.open().dead) }

// Release implements Client. It fails when the message cannot be sent, or when Run is not running.
func (d *DHCP) Release() error {
	const patience = time.Second // Run answers within milliseconds
	done := make(chan error, 1)
	select {
	case d.wishes.open().release <- done:
		return <-done
	case <-time.After(patience):
		return fmt.Errorf("release lease of %s: %w", d.Name, errNotRunning)
	}
}

var errNotRunning = errors.New("its client is not running")

// Faults returns how often each fault was met in servers' messages since the start.
func (d *DHCP) Faults() map[Fault]int64 {
	met := map[Fault]int64{}
	for f := range d.faults {
		if n := d.faults[f].Load(); n > 0 {
			met[Fault(f)] = n
		}
	}
	return met
}

// Run implements Client.
func (d *DHCP) Run(ctx context.Context) error {
	d.wishes.open()
	ctx, cancel := context.WithCancel(ctx)
	c := &conversation{
		DHCP:     d,
		machine:  NewMachine(d.Hostname, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))),
		ctx:      ctx,
		messages: make(chan message, 16),
		verdicts: make(chan checked, 1),
	}
	defer c.group.Wait()
	defer c.close()
	defer cancel()
	c.step(d.resume(time.Now()))
	for ctx.Err() == nil {
		c.turn()
	}
	return nil
}

// resume is the start event: with the lease of the last run, if there is one.
func (d *DHCP) resume(now time.Time) start {
	saved, ok := d.Store.Load()
	if !ok {
		return start{}
	}
	lease, sound := saved.restore(now, d.uptime())
	return start{&lease, sound}
}

func (d *DHCP) uptime() Uptime {
	if d.Uptime == nil {
		return Uptime{}
	}
	return d.Uptime()
}
