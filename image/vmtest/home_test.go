package vmtest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
	"github.com/twinpath/twinpath/lab"
)

// house is a lab home whose router is a virtual machine with an image in it.
type house struct {
	*lab.House
	Box    *lab.Box
	Device *lab.Device
	Disk   string // of the machine
	Build  build

	machine vm.Machine
	Guest   *vm.Guest   // while it is switched on
	console *vm.Console // of the last start
}

// houses counts, so that several stand side by side.
var houses atomic.Int32

// newHouse builds the default home around a machine with a freshly flashed disk. It is not switched on.
func newHouse(t *testing.T, b build, firmware vm.Firmware) *house {
	t.Helper()
	home := lab.Default()
	home.Tag = fmt.Sprintf("h%d-", houses.Add(1))
	home.Routers[0].Foreign = true
	l, err := lab.Build(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	h := &house{House: l, Box: l.Boxes[0], Device: l.Devices[0], Build: b, Disk: filepath.Join(t.TempDir(), "disk.img")}
	if err := vm.Flash(b.image(), h.Disk); err != nil {
		t.Fatal(err)
	}
	h.machine = vm.Machine{Arch: b.arch, Firmware: firmware, Disks: []vm.Disk{{File: h.Disk}}}
	if b.arch == vm.AMD64 {
		h.machine.Credentials = vm.Inject()
	} else {
		h.injectByCard(t)
	}
	for _, p := range h.Box.Ports() {
		h.machine.NICs = append(h.machine.NICs, vm.NIC{Name: p.Name, MAC: p.MAC, Tap: p.Tap})
	}
	h.Box.OnCable(func(port string, up bool) error {
		if h.Guest == nil {
			return nil
		}
		return h.Guest.SetCarrier(context.Background(), port, up)
	})
	t.Cleanup(h.off)
	t.Cleanup(func() {
		if t.Failed() && h.console != nil {
			const shown = 60
			t.Logf("console:\n%s", h.console.Tail(shown))
		}
	})
	return h
}

// injectByCard puts the agent where a board without SMBIOS tables finds it, and the console where QEMU has it.
func (h *house) injectByCard(t *testing.T) {
	t.Helper()
	h.putLoader(t, "twinpath/agent.sh", vm.AgentFile())
	extra := "console=ttyAMA0 " + vm.InjectArguments("/boot/loader/twinpath/agent.sh")
	h.putLoader(t, "twinpath/cmdline.cfg", fmt.Appendf(nil, "set extra=%q\n", extra))
}

// card is the owner's partition, loader the boot loader's.
func (h *house) card() vm.Partition {
	if h.Build.arch == vm.AMD64 {
		return vm.Partition{Disk: h.Disk, Number: 6}
	}
	return h.loader()
}

func (h *house) loader() vm.Partition { return vm.Partition{Disk: h.Disk, Number: 1} }

// putCard does what the owner does with a flashed card in his computer.
func (h *house) putCard(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := h.card().Put(name, content); err != nil {
		t.Fatal(err)
	}
}

func (h *house) putLoader(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := h.loader().Put(name, content); err != nil {
		t.Fatal(err)
	}
}

// config is the default home's configuration with the machine's interfaces, named by their MAC addresses.
func (h *house) config() string {
	text := lab.DefaultConfig
	for _, p := range h.Box.Ports() {
		text = strings.ReplaceAll(text, fmt.Sprintf("%q", p.Name), fmt.Sprintf("%q", p.MAC))
	}
	return text
}

// patience is how long the house may take to be online, on a machine that does other things too.
const patience = 3 * time.Minute

// on switches the machine on and waits for its agent.
func (h *house) on(t *testing.T) {
	t.Helper()
	var err error
	if h.Guest, err = h.machine.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.Guest.Oopses > 0 {
		t.Logf("the emulated kernel stumbled %d times and was started again", h.Guest.Oopses)
	}
	h.console = h.Guest.Console
}

// off cuts the power.
func (h *house) off() {
	if h.Guest != nil {
		h.Guest.Close()
		h.Guest = nil
	}
}

// must runs a command in the guest.
func (h *house) must(t *testing.T, command string) string {
	t.Helper()
	out, err := h.Guest.Run(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// routing waits until the client's traffic reaches the Internet through a line, and returns when.
func (h *house) routing(t *testing.T, line string) time.Time {
	t.Helper()
	const look = 20 * time.Millisecond
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(look) {
		if from, err := h.Device.Seen(t.Context()); err == nil && h.LineOf(from) == line {
			return time.Now()
		}
	}
	state, err := h.Guest.Run(t.Context(), "twinpath status; ip -brief address; systemctl --failed; journalctl -b -n 40 --no-pager")
	t.Fatalf("the house is not online through %s after %s: %v\n%s", line, patience, err, state)
	return time.Time{}
}
