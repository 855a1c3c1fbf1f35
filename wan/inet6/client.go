package inet6

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/twinpath/twinpath/wan"
)

// Kind is what a Line is for.
type Kind uint8

const (
	Routers Kind = iota + 1 // router discovery: ICMPv6
	Servers                 // DHCPv6: the client port
)

// Sockets opens what the client speaks through.
type Sockets interface {
	// Open opens a line on the device. It fails while the device has no link-local address that may be used.
	Open(device string, kind Kind) (Line, error)
}

// Line carries messages of one kind over one device and no other.
type Line interface {
	// HardwareAddr is the device's Ethernet address, nil when it has none.
	HardwareAddr() net.HardwareAddr
	// PointToPoint tells whether the line has one other end, as PPP has.
	PointToPoint() bool
	// Send sends a message to every router, or every DHCPv6 server, on the line.
	Send(message []byte) error
	// Receive waits for a router advertisement that was not forwarded (hop limit 255), or a DHCPv6 message. It ends with an error
	// when the line is closed or broken.
	Receive(buffer []byte) (n int, from netip.Addr, err error)
	Close() error
}

// Client is the IPv6 client of one WAN. The exported fields are set before Run and not changed after.
type Client struct {
	Name    string // the WAN's
	Device  string // kernel name of the interface that packets leave by
	Cloned  bool   // the owner has chosen the device's Ethernet address
	Sockets Sockets
	Store   Store
	Report  func(wan.Update6) // called from Run alone
	Log     *slog.Logger
	Uptime  func() wan.Uptime // nil: what was saved is judged by the wall clock alone

	wishes wishes
}

var _ wan.Client = (*Client)(nil)

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

// LinkUp implements wan.Client: routers are asked, and what a server gave is confirmed.
func (c *Client) LinkUp() { wish(c.wishes.open().linkUp) }

// Dead implements wan.Client: everything is asked for anew after 1, 2, 4 … 30 min, and used meanwhile.
func (c *Client) Dead() { wish(c.wishes.open().dead) }

// Release implements wan.Client. It fails when the message cannot be sent, or when Run is not running.
func (c *Client) Release() error {
	const patience = time.Second // Run answers within milliseconds
	done := make(chan error, 1)
	select {
	case c.wishes.open().release <- done:
		return <-done
	case <-time.After(patience):
		return fmt.Errorf("release IPv6 of %s: %w", c.Name, errNotRunning)
	}
}

var errNotRunning = errors.New("its client is not running")

// Run implements wan.Client.
func (c *Client) Run(ctx context.Context) error {
	c.wishes.open()
	ctx, cancel := context.WithCancel(ctx)
	machine := NewMachine(c.Name, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	machine.cloned = c.Cloned
	t := &talk{
		Client:   c,
		machine:  machine,
		ctx:      ctx,
		messages: make(chan heard, 16),
	}
	defer t.group.Wait()
	defer t.close()
	defer cancel()
	t.step(c.resume(time.Now()))
	t.openRouters()
	for ctx.Err() == nil {
		t.turn()
	}
	return nil
}

// resume is the start event: with what the last run kept.
func (c *Client) resume(now time.Time) start {
	saved, ok := c.Store.Load()
	if !ok {
		return start{}
	}
	restored, sound := saved.restore(now, c.uptime())
	return start{&restored, sound}
}

func (c *Client) uptime() wan.Uptime {
	if c.Uptime == nil {
		return wan.Uptime{}
	}
	return c.Uptime()
}
