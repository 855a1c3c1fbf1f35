package vm

import (
	_ "embed" // the bench's init
	"fmt"
	"os"
	"path/filepath"
)

//go:embed bench.sh
var benchInit []byte

// Payload is where a bench has the files it was given.
const Payload = "/bench"

// Bench makes a machine without systemd: a kernel, its initrd with another /init, a slot as its root, and files
// (their name in Payload, and where they are here). What it writes is lost with it; it starts within seconds.
// Its disk images are made in a directory that must outlive the machine.
func Bench(arch Arch, kernel, initrd, slot, dir string, files map[string]string) (Machine, error) {
	own := filepath.Join(dir, "bench-initrd")
	err := layered(initrd, own, []entry{{"/init", 0o755, benchInit}, {"/agent.sh", 0o644, agent}})
	if err != nil {
		return Machine{}, fmt.Errorf("make the bench's initrd: %w", err)
	}
	payload := filepath.Join(dir, "bench-payload")
	out, err := os.Create(payload)
	if err != nil {
		return Machine{}, fmt.Errorf("make the bench's payload: %w", err)
	}
	defer out.Close()
	if err := writeTar(out, files); err != nil {
		return Machine{}, fmt.Errorf("make the bench's payload: %w", err)
	}
	return Machine{
		Arch: arch, Firmware: Direct, Kernel: kernel, Initrd: own,
		Arguments: "console=" + console(arch) + " panic=-1", // at once: nobody waits to read it
		Disks:     []Disk{{File: slot, ReadOnly: true}, {File: payload, ReadOnly: true}},
		Once:      true,
	}, out.Close()
}

// Lean makes a machine of which there is nothing but a kernel, its initrd with another /init, and files in its root (their name there,
// and where they are here). It has no agent: it speaks on its console.
func Lean(arch Arch, kernel, initrd, dir string, init []byte, files map[string]string) (Machine, error) {
	entries := []entry{{"/init", 0o755, init}}
	for name, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return Machine{}, err
		}
		entries = append(entries, entry{"/" + name, 0o755, content})
	}
	own := filepath.Join(dir, "lean-initrd")
	if err := layered(initrd, own, entries); err != nil {
		return Machine{}, fmt.Errorf("make the initrd: %w", err)
	}
	return Machine{
		Arch: arch, Firmware: Direct, Kernel: kernel, Initrd: own,
		Arguments: "console=" + console(arch) + " quiet panic=-1", Once: true,
	}, nil
}

// console is the kernel's name of the serial line.
func console(arch Arch) string { return map[Arch]string{AMD64: "ttyS0", ARM64: "ttyAMA0"}[arch] }
