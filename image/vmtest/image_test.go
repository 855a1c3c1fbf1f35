package vmtest

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
	"github.com/twinpath/twinpath/internal/sandbox"
)

// flashed boots a freshly flashed image with the house's configuration on its card until the house is online.
func flashed(t *testing.T, arch vm.Arch, firmware vm.Firmware) *house {
	t.Helper()
	only(t, arch)
	h := newHouse(t, shipped(arch), firmware)
	h.putCard(t, "twinpath.toml", []byte(h.config()))
	h.on(t)
	online := h.routing(t, "fibre")
	kernel := h.Guest.Boots()[0].Kernel()
	t.Logf("%s: power-on to routing %.1f s, kernel to routing %.1f s", firmware,
		online.Sub(h.Guest.Powered()).Seconds(), online.Sub(kernel).Seconds())
	return h
}

// TestPC is the story of a PC that was flashed: it routes, survives the loss of a line, and lets nobody in.
func TestPC(t *testing.T) {
	h := flashed(t, vm.AMD64, vm.UEFI)
	t.Run("pulled cable", func(t *testing.T) { pulledCable(t, h) })
	t.Run("healthy", func(t *testing.T) { healthy(t, h) })
	t.Run("closed", func(t *testing.T) { closed(t, h) })
	first := strings.TrimSpace(h.must(t, "cat /etc/machine-id"))
	t.Run("switched off", func(t *testing.T) { switchedOff(t, h) })

	h.Close()
	t.Run("another copy with BIOS", func(t *testing.T) {
		h := flashed(t, vm.AMD64, vm.BIOS)
		if second := strings.TrimSpace(h.must(t, "cat /etc/machine-id")); len(second) != 32 || second == first {
			t.Errorf("machine-ids %q and %q, want two of 32 digits", first, second)
		}
	})
}

// TestPi boots the Raspberry Pi's image by U-Boot, which is its boot chain but for the closed first stage.
func TestPi(t *testing.T) {
	h := flashed(t, vm.ARM64, vm.UBoot)
	t.Run("healthy", func(t *testing.T) { healthy(t, h) })
	t.Run("closed", func(t *testing.T) { closed(t, h) })
}

// pulledCable measures what a client feels of a lost line.
func pulledCable(t *testing.T, h *house) {
	const interval = 20 * time.Millisecond // the emulated router forwards no more than some thousand packets a second
	const promise = 3 * time.Second        // 1 s on a real processor (docs/benchmarks.md); here its work takes ten times as long
	both := `twinpath status --json | tr -d ' \n' | grep -q '"state":"up".*"state":"up"'`
	if _, err := h.Guest.Await(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	spare, err := h.Line("lte")
	if err != nil {
		t.Fatal(err)
	}
	probe, err := h.Device.StartUDP(interval)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // of answers, for a gap to stand out from
	pulled := time.Now()
	if err := h.Cut("main", "fibre"); err != nil {
		t.Fatal(err)
	}
	await(t, "the flow goes by lte", func() bool { return !probe.First(pulled, spare).IsZero() })
	r := probe.Stop()
	t.Logf("pulled cable: %s", r)
	if r.Gap > promise {
		t.Errorf("the client was cut off for %s, want %s at most", r.Gap, promise)
	}
	if err := h.Plug("main", "fibre"); err != nil {
		t.Fatal(err)
	}
	plugged := time.Now()
	t.Logf("on fibre again %.1f s after the cable was back", h.routing(t, "fibre").Sub(plugged).Seconds())
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	const look = 50 * time.Millisecond
	for end := time.Now().Add(patience); !is(); time.Sleep(look) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// healthy looks for units that have failed, and for those that the recipe promises.
func healthy(t *testing.T, h *house) {
	if _, err := h.Guest.Await(t.Context(), "systemctl is-system-running | grep -qv starting"); err != nil {
		t.Fatal(err)
	}
	if out := h.must(t, "systemctl --failed --plain --no-legend"); out != "" {
		t.Errorf("failed units:\n%s", out)
	}
	for _, unit := range []string{"twinpath.service", "twinpath-console.service", "systemd-timesyncd.service"} {
		if out, err := h.Guest.Run(t.Context(), "systemctl is-active "+unit); err != nil {
			t.Errorf("%s is %q", unit, strings.TrimSpace(out))
		}
	}
	if out := h.must(t, "systemctl show twinpath.service -P NRestarts"); out != "0\n" {
		t.Errorf("the daemon was restarted %s times:\n%s", strings.TrimSpace(out), h.must(t, "journalctl -b -u twinpath --no-pager | head -40"))
	}
	t.Logf("memory: %s", h.must(t, "free -m | sed -n 2p"))
}

// closed looks for ways in: passwords, a login, somebody who listens to a WAN.
func closed(t *testing.T, h *house) {
	for line := range strings.Lines(h.must(t, "cat /etc/shadow")) {
		if fields := strings.Split(line, ":"); len(fields) < 2 || !strings.HasPrefix(fields[1], "!") && !strings.HasPrefix(fields[1], "*") {
			t.Errorf("a password: %s", line)
		}
	}
	for line := range strings.Lines(h.must(t, "cat /etc/passwd")) {
		if fields := strings.Split(line, ":"); fields[1] != "x" {
			t.Errorf("a password, or none needed: %s", line)
		}
	}
	if out := h.must(t, "systemctl list-units --plain --no-legend --state=active '*getty*' '*ssh*' '*debug-shell*'"); strings.Contains(out, ".service") {
		t.Errorf("a login:\n%s", out)
	}
	for line := range strings.Lines(h.must(t, "ss -H -lntup")) {
		fields := strings.Fields(line)
		// The clock's client and that of DHCPv6 wait for their servers' answers, and the firewall for nobody else's.
		if len(fields) > 4 && !inside(fields[4]) && !strings.HasSuffix(fields[4], ":546") && !strings.Contains(line, `"systemd-timesyn"`) {
			t.Errorf("somebody listens at %s: %s", fields[4], line)
		}
	}
	knock(t, h)
}

// knock tries the usual doors from the provider's side.
func knock(t *testing.T, h *house) {
	address, err := h.Device.Seen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	provider := sandbox.Namespace{Name: "isp-" + h.LineOf(address)}
	const enough = 500 * time.Millisecond // the way there and back takes some 20 ms
	for _, port := range []uint16{22, 53, 80, 443, 8080} {
		door := netip.AddrPortFrom(address, port).String()
		_ = provider.Do(func() error {
			conn, err := net.DialTimeout("tcp4", door, enough)
			if err == nil {
				t.Errorf("%s is open to the Internet", door)
				_ = conn.Close()
			}
			return nil
		})
	}
}

// inside reports whether an address and port of ss is the LAN's or the machine's own.
func inside(local string) bool {
	for _, start := range []string{"127.", "[::1]:", "192.168.1."} {
		if strings.HasPrefix(local, start) {
			return true
		}
	}
	return false
}

// switchedOff ends the system in good order and looks at its disk: the slot has not changed by a bit.
func switchedOff(t *testing.T, h *house) {
	if root := h.must(t, "findmnt -n -o FSTYPE,OPTIONS /"); !strings.Contains(root, "lowerdir=/slot") {
		t.Errorf("the root is %q", root)
	}
	h.must(t, "echo changed >/etc/issue; echo changed >/usr/bin/changed; sync")
	start := time.Now()
	if err := h.Guest.PowerOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("off after %.1f s", time.Since(start).Seconds())
	want, err := os.ReadFile(h.Build.slot())
	if err != nil {
		t.Fatal(err)
	}
	const a = 2 // the number of slot A's partition
	got := make([]byte, len(want))
	if err := (vm.Partition{Disk: h.Disk, Number: a}).Read(got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the running system has changed its slot")
	}
}
