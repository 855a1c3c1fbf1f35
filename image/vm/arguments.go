package vm

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// The file descriptors that a machine starts with: os/exec begins to count at 3.
const (
	agentFD = 3 + iota
	monitorFD
	firstTapFD
)

// usual is a machine's memory in MiB and its time to live, where it does not say.
const (
	usualMemory = 512
	usualLimit  = 10 * time.Minute
)

// Firmware files, as the Debian packages ovmf, qemu-efi-aarch64 and u-boot-qemu have them.
const (
	ovmfCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	ovmfVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
	armEFI   = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
	armUBoot = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
)

// program is QEMU for the machine's processor.
func (m Machine) program() string {
	if m.Arch == ARM64 {
		return "qemu-system-aarch64"
	}
	return "qemu-system-x86_64"
}

// arguments are QEMU's; vars is the machine's own copy of the UEFI variables, if it has any, and powered when it was switched on.
func (m Machine) arguments(vars string, powered time.Time) ([]string, error) {
	args := []string{"-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg", "-smp", "1"}
	// One processor: with two, emulated x86 loses a race in its own code patching once in a hundred boots (QEMU 7.2).
	board, err := m.board(vars)
	if err != nil {
		return nil, err
	}
	args = append(args, board...)
	memory := m.Memory
	if memory == 0 {
		memory = usualMemory
	}
	args = append(args, "-m", strconv.Itoa(memory))
	if !m.Clock.IsZero() {
		args = append(args, "-rtc", "base="+m.Clock.Add(time.Since(powered)).UTC().Format("2006-01-02T15:04:05"))
	}
	args = append(args, "-no-reboot") // run starts another one
	args = append(args, lines()...)
	for i, d := range m.Disks {
		args = append(args, d.arguments(i)...)
	}
	for i, n := range m.NICs {
		args = append(args, n.arguments(i)...)
	}
	if m.USB {
		args = append(args, sockets(filepath.Dir(vars))...)
	}
	for _, c := range m.Credentials {
		args = append(args, "-smbios", "type=11,value=io.systemd.credential.binary:"+c.Name+"="+
			base64.StdEncoding.EncodeToString(c.Content))
	}
	return args, nil
}

// board is what the processor and the firmware ask for.
func (m Machine) board(vars string) ([]string, error) {
	var args []string
	switch m.Arch {
	case AMD64:
		args = []string{"-machine", "q35", "-cpu", "qemu64"} // what every 64-bit PC can do
	case ARM64:
		args = []string{"-machine", "virt", "-cpu", "cortex-a53"} // a Raspberry Pi 3's
	default:
		return nil, errors.New("the machine has no processor")
	}
	if len(m.Credentials) > 0 && m.Arch != AMD64 {
		return nil, fmt.Errorf("credentials by SMBIOS: no firmware passes them on with %s", m.Arch)
	}
	firmware, err := m.firmware(vars)
	return append(args, firmware...), err
}

func (m Machine) firmware(vars string) ([]string, error) {
	type way struct {
		Arch
		Firmware
	}
	screen := []string{"-vga", "std", "-device", "i6300esb", "-action", "watchdog=reset"} // and a watchdog
	switch (way{m.Arch, m.Firmware}) {
	case way{AMD64, Direct}, way{ARM64, Direct}:
		return []string{"-kernel", m.Kernel, "-initrd", m.Initrd, "-append", m.Arguments}, nil
	case way{AMD64, BIOS}:
		return screen, nil
	case way{AMD64, UEFI}:
		return append(screen, "-drive", "if=pflash,format=raw,readonly=on,file="+ovmfCode,
			"-drive", "if=pflash,format=raw,file="+vars), nil
	case way{ARM64, UEFI}:
		return []string{"-bios", armEFI}, nil
	case way{ARM64, UBoot}:
		return []string{"-bios", armUBoot}, nil
	}
	return nil, fmt.Errorf("%s does not start with %s", m.Arch, m.Firmware)
}

// lines are the serial console, the agent's port, the monitor, and a source of random numbers, which real boards have.
func lines() []string {
	return []string{
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-chardev", fmt.Sprintf("socket,id=agent,fd=%d", agentFD),
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=" + portName,
		"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", monitorFD), "-mon", "chardev=monitor,mode=control",
		"-device", "virtio-rng-pci",
	}
}

// arguments of a disk. What a guest has written is in the host's memory and outlives QEMU; to force it to the host's
// disk at each of the guest's flushes would only cost time.
func (d Disk) arguments(number int) []string {
	readonly := "off"
	if d.ReadOnly {
		readonly = "on"
	}
	file, cache := d.File, "unsafe"
	if d.Cache != nil {
		file, cache = "nbd+unix:///?socket="+d.Cache.socket(), "writeback" // the guest's flushes reach it
	}
	return []string{
		"-drive", fmt.Sprintf("if=none,id=disk%d,format=raw,cache=%s,readonly=%s,file=%s", number, cache, readonly, file),
		"-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d", number),
	}
}

func (n NIC) arguments(number int) []string {
	return []string{
		"-netdev", fmt.Sprintf("tap,id=cable%d,fd=%d", number, firstTapFD+number),
		"-device", fmt.Sprintf("virtio-net-pci,id=%s,netdev=cable%d,mac=%s,romfile=", n.Name, number, n.MAC),
	}
}
