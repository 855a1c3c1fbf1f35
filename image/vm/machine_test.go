package vm

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

func TestArguments(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	machines := []struct {
		name string
		Machine
	}{
		{"bench", Machine{Arch: AMD64, Firmware: Direct, Kernel: "k", Initrd: "i", Arguments: "console=ttyS0", Once: true}},
		{"bios", Machine{Arch: AMD64, Firmware: BIOS, Disks: []Disk{{File: "disk"}}, NICs: []NIC{{Name: "wan0", MAC: mac}}}},
		{"uefi", Machine{Arch: AMD64, Firmware: UEFI, Disks: []Disk{{File: "disk"}, {File: "stick", ReadOnly: true}},
			Credentials: []Credential{{"name", []byte("content")}}}},
		{"u-boot", Machine{Arch: ARM64, Firmware: UBoot, Memory: 1024, Clock: time.Unix(0, 0)}},
		{"arm efi", Machine{Arch: ARM64, Firmware: UEFI}},
	}
	var got strings.Builder
	for _, m := range machines {
		args, err := m.arguments("vars", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		line := strings.ReplaceAll(m.program()+" "+strings.Join(args, " "), " -", "\n  -")
		got.WriteString("# " + m.name + "\n" + line + "\n\n")
	}
	const golden = "testdata/arguments.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got.String() != string(want) {
		t.Errorf("%v, got\n%s", err, got.String())
	}
	if strings.Contains(got.String(), "kvm") || strings.Count(got.String(), "-accel tcg") != len(machines) {
		t.Error("a machine is not emulated")
	}
}

func TestArgumentsRefuse(t *testing.T) {
	for want, m := range map[string]Machine{
		"no processor":                      {Firmware: BIOS},
		"arm64 does not start with BIOS":    {Arch: ARM64, Firmware: BIOS},
		"amd64 does not start with unknown": {Arch: AMD64},
		"no firmware passes them on":        {Arch: ARM64, Firmware: UBoot, Credentials: Inject()},
	} {
		if g, err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", g, err, want)
		}
	}
}

// TestPower needs a machine, but no system: one without a disk stays at its firmware.
func TestPower(t *testing.T) {
	g, err := Machine{Arch: AMD64, Firmware: BIOS, Memory: 64}.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	before := g.control()
	if err := g.Reset(t.Context()); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(10 * time.Second); g.control() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it has not started again")
		}
	}
	if err := g.SetCarrier(t.Context(), "wan0", false); err == nil || !strings.Contains(err.Error(), "'wan0' not found") {
		t.Errorf("a cable that is not there: %v", err)
	}
	if _, err := g.Run(t.Context(), "true"); !errors.Is(err, errNoAgent) {
		t.Errorf("a command without an agent: %v", err)
	}
	if g.Off() {
		t.Error("it is off")
	}
	g.Kill()
	if err := g.Wait(t.Context()); err == nil || !g.Off() {
		t.Errorf("a power cut counts as a good end: %v", err)
	}
	g.Close()
	g.Close()
	if _, err := os.Stat(g.dir); err == nil {
		t.Error("its directory is left")
	}
}

func TestLimit(t *testing.T) {
	g, err := Machine{Arch: AMD64, Firmware: BIOS, Memory: 64, Limit: 300 * time.Millisecond}.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("after its limit: %v", err)
	}
}

func TestConsole(t *testing.T) {
	c := newConsole(time.Now())
	_, _ = c.Write([]byte("\x1b[2Jone\r\ntw"))
	if _, _, err := c.Await(t.Context(), 0, "tw"); err != nil { // a prompt has no end
		t.Error(err)
	}
	_, _ = c.Write([]byte("o\n\nthree\n"))
	if c.Lines() != 3 || !strings.Contains(c.Tail(2), " two\n") || strings.Contains(c.Tail(2), "one") {
		t.Errorf("%d lines, the last two:\n%s", c.Lines(), c.Tail(2))
	}
	if line, _, err := c.Await(t.Context(), 0, "one"); err != nil || line != "one" {
		t.Errorf("%q, %v", line, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := c.Await(ctx, 1, "one"); err == nil {
		t.Error("a line before the mark counts")
	}
	later, mark := make(chan error, 1), c.Lines()
	go func() { _, _, err := c.Await(t.Context(), mark, "four"); later <- err }()
	_, _ = c.Write([]byte("four\n"))
	if err := <-later; err != nil {
		t.Error(err)
	}
	if got := c.oops(); got != "" {
		t.Errorf("an oops: %s", got)
	}
	_, _ = c.Write([]byte("[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs\n"))
	if got := c.oops(); got != "" {
		t.Errorf("a panic with a reason is none: %s", got)
	}
	_, _ = c.Write([]byte("[    1.3] Oops: invalid opcode: 0000 [#1] SMP NOPTI\n"))
	if c.oops() == "" {
		t.Error("an oops is not seen")
	}
}

func TestCPIO(t *testing.T) {
	var archive bytes.Buffer
	entries := []entry{{"/init", 0o755, []byte("#!/bin/sh\n")}, {"/empty", 0o644, nil}, {"/four", 0o644, []byte("1234")}}
	if err := writeCPIO(&archive, entries); err != nil {
		t.Fatal(err)
	}
	if archive.Len()%4 != 0 {
		t.Errorf("%d bytes", archive.Len())
	}
	dir := t.TempDir()
	cmd := exec.Command("cpio", "--extract", "--quiet", "--directory", dir)
	cmd.Stdin = &archive
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("cpio: %v: %s", err, out)
	}
	for _, e := range entries {
		got, err := os.ReadFile(filepath.Join(dir, e.name))
		stat, _ := os.Stat(filepath.Join(dir, e.name))
		if err != nil || !bytes.Equal(got, e.content) || int64(stat.Mode().Perm()) != e.mode {
			t.Errorf("%s: %q, %v, %v", e.name, got, stat.Mode(), err)
		}
	}
}

func TestInjectArgumentsLeaveRoom(t *testing.T) {
	const most = 2048 // COMMAND_LINE_SIZE of arm64
	if n := len(InjectArguments("/boot/loader/twinpath/agent.sh")); n > most/2 {
		t.Errorf("%d bytes of kernel arguments", n)
	}
}
