package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// transfer is struct usbdevfs_ctrltransfer (linux/usbdevice_fs.h): a question to a device's control endpoint.
type transfer struct {
	kind, request        uint8
	value, index, length uint16
	timeout              uint32 // milliseconds
	data                 unsafe.Pointer
}

// From USB 2.0 §11.24.2.5 and §11.23.2.1, and USB 3.2 §10.15.2.1.
const (
	classOfDevice = 0xa0
	getDescriptor = 6
	hubDescriptor = 0x2900
	hubOfUSB3     = 0x2a00
	characters    = 3 // offset of wHubCharacteristics
	switching     = 3 // its bits that say how the power of ports is switched
	individually  = 1
)

// switches reports whether the hub of a socket switches the power of each port by itself. Of one that does not, a port that was
// switched off may never tell of its device again.
func (u USB) switches(socket string) bool {
	hub := hubOf(socket)
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join(u.root, hub, name))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(b))
	}
	bus, err1 := strconv.Atoi(text("busnum"))
	number, err2 := strconv.Atoi(text("devnum"))
	if err1 != nil || err2 != nil {
		return false
	}
	kind := uint16(hubDescriptor)
	if major, _, _ := strings.Cut(text("version"), "."); major >= "3" {
		kind = hubOfUSB3
	}
	described, err := describe(fmt.Sprintf("%s/%03d/%03d", u.devices, bus, number), kind)
	return err == nil && len(described) > characters && described[characters]&switching == individually
}

// hubOf names the hub that a socket belongs to: "1-1" for "1-1.2", the root hub "usb1" for "1-2".
func hubOf(socket string) string {
	if i := strings.LastIndexByte(socket, '.'); i >= 0 {
		return socket[:i]
	}
	bus, _, _ := strings.Cut(socket, "-")
	return "usb" + bus
}

// describe asks a hub for its descriptor.
func describe(file string, kind uint16) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	answer := make([]byte, 15)
	ask := transfer{kind: classOfDevice, request: getDescriptor, value: kind, length: uint16(len(answer)), timeout: 1000, data: unsafe.Pointer(&answer[0])}
	const readsAndWrites = 3
	number := uintptr(readsAndWrites<<30 | unsafe.Sizeof(ask)<<16 | 'U'<<8) // USBDEVFS_CONTROL: its size is the processor's
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), number, uintptr(unsafe.Pointer(&ask)))
	if errno != 0 {
		return nil, fmt.Errorf("ask %s what it is: %w", file, errno)
	}
	return answer[:min(int(n), len(answer))], nil
}
