package cage_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

// The prisoner is built as the program is shipped: without cgo. It may do everything before it enters.
func TestPrisoner(t *testing.T) {
	dir := t.TempDir()
	program, file := filepath.Join(dir, "prisoner"), filepath.Join(dir, "file")
	build := exec.Command("go", "build", "-o", program, "./testdata/prisoner")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	text, err := exec.Command(program, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	out := string(text)
	says := func(all ...string) {
		t.Helper()
		for _, want := range all {
			if !strings.Contains(out, want+"\n") {
				t.Errorf("it does not say %q:\n%s", want, out)
			}
		}
	}
	const denied = ": permission denied"
	says("read a file: open /etc/passwd"+denied, "read a directory: open /"+denied, "write a file: open "+file+denied,
		"run a program: open /dev/null"+denied, "listen: listen tcp 127.0.0.1:0: socket"+denied,
		"listen without an address"+denied, "connect by sending"+denied, "become two"+denied, "signal another process"+denied,
		"signal a thread of another process"+denied,
		"open a unix socket: dial unix /run/socket: socket"+denied, "open a UDP socket: dial udp 127.0.0.1:53: socket"+denied, "open a TCP socket"+denied,
		"open an MPTCP socket"+denied, "open a packet socket"+denied, "connect one that is open"+denied,
		"switch an interface off: operation not permitted", "capabilities [{0 0 0} {0 0 0}] <nil>", "bounding set 0 <nil>")
	if strings.Contains(out, "niceness") {
		t.Errorf("a thread is not nice:\n%s", out)
	}
	version, _, _ := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if version := int(version); version > 0 {
		says(fmt.Sprintf("landlock %d <nil>", version))
	}
}
