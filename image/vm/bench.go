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
	console := map[Arch]string{AMD64: "ttyS0", ARM64: "ttyAMA0"}[arch]
	return Machine{
		Arch: arch, Firmware: Direct, Kernel: kernel, Initrd: own,
		Arguments: "console=" + console + " panic=-1", // at once: nobody waits to read it
		Disks:     []Disk{{File: slot, ReadOnly: true}, {File: payload, ReadOnly: true}},
		Once:      true,
	}, out.Close()
}
