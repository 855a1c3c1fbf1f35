package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// USB acts on the devices in USB sockets, and on nothing beside them.
type USB struct {
	root    string // of their descriptions; a test has its own
	devices string // of the devices themselves
	// able reports whether the power of a socket can be switched; nil: its hub is asked.
	able func(socket string) bool
}

// NewUSB returns the machine's USB sockets.
func NewUSB() USB { return USB{root: usbDevices, devices: "/dev/bus/usb"} }

// Waits between off and on: to be forgotten takes the kernel no time; a modem's capacitors keep it going for a second or two.
const (
	forgotten = 100 * time.Millisecond
	empty     = 3 * time.Second
)

// Replug has the kernel forget the device in a socket and meet it anew: its drivers begin from the start, its power stays on.
func (u USB) Replug(ctx context.Context, socket string) error {
	file := filepath.Join(u.root, socket, "authorized")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no device in it")
	}
	return offAndOn(ctx, file, "0", "1", forgotten)
}

// Cycle switches the power of a socket off and on. Linux can since 6.0, where the hub can.
func (u USB) Cycle(ctx context.Context, socket string) error {
	file := filepath.Join(u.port(socket), "disable")
	able := u.able
	if able == nil {
		able = u.switches
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) || !able(socket) {
		return router.ErrNoSwitch
	}
	return offAndOn(ctx, file, "1", "0", empty)
}

// port is the directory of a socket itself: port 2 of hub 1-1 for "1-1.2", of the root hub for "1-2".
func (u USB) port(socket string) string {
	if i := strings.LastIndexByte(socket, '.'); i >= 0 {
		hub := socket[:i]
		return filepath.Join(u.root, hub+":1.0", hub+"-port"+socket[i+1:])
	}
	bus, number, _ := strings.Cut(socket, "-")
	return filepath.Join(u.root, bus+"-0:1.0", "usb"+bus+"-port"+number)
}

// offAndOn writes one value, waits, and writes the other whatever happens meanwhile.
func offAndOn(ctx context.Context, file, off, on string, wait time.Duration) error {
	if err := os.WriteFile(file, []byte(off), 0); err != nil {
		return err
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	return os.WriteFile(file, []byte(on), 0)
}
