package lab

import (
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Port is one network socket of a foreign router, and the cable in it.
type Port struct {
	Name string           // wan0, wan1 … or lan0
	MAC  net.HardwareAddr // for the machine's own end of the cable
	Tap  *os.File         // the cable: a frame per read and write, after a virtio-net header. Close ends it
}

// Ports are the sockets of a foreign router, in the order of its WANs, then lan0.
func (b *Box) Ports() []Port { return b.ports }

// OnCable has somebody told when a cable of a foreign router is pulled or put back: the host's end of a tap says
// nothing of it to a virtual machine.
func (b *Box) OnCable(tell func(port string, up bool) error) { b.tell = tell }

// tap lays a cable from a new port of the box to a bridge in another namespace.
func (b *Box) tap(device string, to *sandbox.Namespace, bridge string) error {
	var tap *os.File
	err := to.Do(func() (err error) {
		tap, err = openTap(b.Name)
		return err
	})
	if err != nil {
		return fmt.Errorf("cable of %s: %w", device, err)
	}
	mac := net.HardwareAddr{0x02, 0x00, 0x74, 0x70, byte(len(b.house.Boxes)), byte(len(b.ports))}
	b.ports = append(b.ports, Port{Name: device, MAC: mac, Tap: tap})
	return ip(to, fmt.Sprintf("link set %s master %s up", b.Name, bridge))
}

// openTap makes a tap device in the calling thread's namespace. It goes with its last open file.
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make tap device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), "tap "+name), nil
}

// told passes the news of a cable on to a foreign router.
func (b *Box) told(isp string, up bool) error {
	if b.tell == nil {
		return nil
	}
	return b.tell(fmt.Sprintf("wan%d", slices.Index(b.wans, isp)), up)
}
