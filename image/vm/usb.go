package vm

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
)

// airNIC is the network socket at the far end of a phone's line.
const airNIC = "air"

// AirMAC is the address of the far end of a phone's line. It is a network socket of the guest's own, like the phone: whoever tests
// moves it into a namespace, where the provider lives.
func AirMAC() net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0xfa, 1} }

// sockets are a machine's USB sockets, and the far end of what is plugged in there. Frames between them pass from one socket file in dir to another:
// unlike a hub inside QEMU, they are lost when nobody takes them.
func sockets(dir string) []string {
	return []string{
		"-device", "qemu-xhci,id=usb",
		"-netdev", "dgram,id=" + airNIC + ",local.type=unix,local.path=" + filepath.Join(dir, airNIC) +
			",remote.type=unix,remote.path=" + filepath.Join(dir, "phone"),
		"-device", "virtio-net-pci,id=" + airNIC + ",netdev=" + airNIC + ",mac=" + AirMAC().String() + ",romfile=",
	}
}

// PlugPhone plugs a phone that shares its network into a USB socket, counted from 1. There is one at a time.
func (g *Guest) PlugPhone(ctx context.Context, name string, socket int, mac net.HardwareAddr) error {
	end := func(file string) map[string]any {
		return map[string]any{"type": "unix", "path": filepath.Join(g.dir, file)}
	}
	line := map[string]any{"type": "dgram", "id": name, "local": end("phone"), "remote": end(airNIC)}
	if err := g.control().command(ctx, "netdev_add", line); err != nil {
		return err
	}
	return g.control().command(ctx, "device_add", map[string]any{
		"driver": "usb-net", "id": name, "netdev": name, "bus": "usb.0", "port": strconv.Itoa(socket), "mac": mac.String()})
}

// UnplugPhone pulls a phone out.
func (g *Guest) UnplugPhone(ctx context.Context, name string) error {
	if err := g.control().command(ctx, "device_del", map[string]any{"id": name}); err != nil {
		return err
	}
	return g.control().command(ctx, "netdev_del", map[string]any{"id": name})
}
