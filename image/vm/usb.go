package vm

import (
	"context"
	"net"
	"strconv"
)

// air is what a machine's phone and the far end of its line hang on: a hub inside QEMU that leads nowhere else.
const (
	airHub = 1
	airNIC = "air"
)

// AirMAC is the address of the network socket at the far end of a phone's line. It is the guest's own, like the phone: whoever
// tests moves it into a namespace, where the provider lives.
func AirMAC() net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0xfa, 1} }

// sockets are a machine's USB sockets, and the far end of what is plugged in there.
func sockets() []string {
	return []string{
		"-device", "qemu-xhci,id=usb",
		"-netdev", "hubport,id=" + airNIC + ",hubid=" + strconv.Itoa(airHub),
		"-device", "virtio-net-pci,id=" + airNIC + ",netdev=" + airNIC + ",mac=" + AirMAC().String() + ",romfile=",
	}
}

// PlugPhone plugs a phone that shares its network into a USB socket, counted from 1.
func (g *Guest) PlugPhone(ctx context.Context, name string, socket int, mac net.HardwareAddr) error {
	line := map[string]any{"type": "hubport", "id": name, "hubid": airHub}
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
