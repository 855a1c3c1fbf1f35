package vm

import (
	"fmt"
	"net"
	"os"
	"time"
)

// Arch is a machine's processor.
type Arch uint8

// The processors of the boards that an image exists for.
const (
	ArchUnknown Arch = iota
	AMD64
	ARM64
)

func (a Arch) String() string { return [...]string{"unknown", "amd64", "arm64"}[a] }

// ParseArch reads the name that Go and Debian share for a processor.
func ParseArch(name string) (Arch, error) {
	for _, a := range []Arch{AMD64, ARM64} {
		if name == a.String() {
			return a, nil
		}
	}
	return ArchUnknown, fmt.Errorf("processor %q: want amd64 or arm64", name)
}

// Firmware is what runs at power-on.
type Firmware uint8

// The ways to start a machine.
const (
	FirmwareUnknown Firmware = iota
	Direct                   // QEMU loads Kernel and Initrd by itself
	UEFI                     // a PC since about 2012, or a board with EDK II
	BIOS                     // an older PC
	UBoot                    // a Raspberry Pi's boot chain but for its first, closed stage
)

func (f Firmware) String() string {
	return [...]string{"unknown", "direct", "UEFI", "BIOS", "U-Boot"}[f]
}

// Machine describes a computer. Several may be made of one description, as long as they do not share a disk.
type Machine struct {
	Arch     Arch
	Firmware Firmware

	Kernel    string // a file; with Direct only, as are the next two
	Initrd    string
	Arguments string // to the kernel

	Disks  []Disk
	NICs   []NIC
	USB    bool      // it has USB sockets: PlugPhone
	Memory int       // MiB; 0 means 512, what a Pi Zero 2 W has
	Clock  time.Time // its real-time clock at power-on; zero means right

	Credentials []Credential  // for systemd, by SMBIOS: on a PC only
	Once        bool          // it goes off instead of starting again
	Limit       time.Duration // from power-on to its end, whatever happens; 0 means ten minutes
}

// Disk is a raw disk image.
type Disk struct {
	File     string
	ReadOnly bool
	Cache    *Cache // in place of File: a disk with a cache that a power cut empties
}

// NIC is a network socket.
type NIC struct {
	Name string           // by which SetCarrier knows it
	MAC  net.HardwareAddr // as the guest sees it
	Tap  *os.File         // the cable: an open tap device, which stays its owner's
}

// Credential is a file for systemd, or for a unit that loads it (systemd.exec(5), "Credentials").
type Credential struct {
	Name    string
	Content []byte
}
