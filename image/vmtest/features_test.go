package vmtest

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
)

// bench switches on a machine with the slot of a build and files of this machine, for the time of the test.
func bench(t *testing.T, files map[string]string) *vm.Guest {
	t.Helper()
	arch, err := chosen()
	if err != nil {
		t.Skipf("%s is none", archVariable)
	}
	b := shipped(arch)
	m, err := vm.Bench(arch, b.kernel(), b.initrd(), b.slot(), t.TempDir(), files)
	if err != nil {
		t.Fatal(err)
	}
	m.USB = true
	g, err := m.Boot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		const shown = 60
		if t.Failed() {
			t.Logf("console:\n%s", g.Console.Tail(shown))
		}
		g.Close()
	})
	t.Logf("the bench was up %s after power-on", time.Since(g.Powered()).Round(10*time.Millisecond))
	return g
}

// concentrator is the provider's end of PPPoE, from the Debian package pppoe. It runs in the guest.
func concentrator(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"pppoe", "pppoe-server"} {
		file, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("%v\nhint: install the Debian package pppoe", err)
		}
		files[name] = file
	}
	return files
}

// TestKernelFeatures uses what later work builds on, each with an effect that a missing module could not have.
func TestKernelFeatures(t *testing.T) {
	scripts, err := filepath.Glob("testdata/features/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no features: %v", err)
	}
	files := map[string]string{"prelude.sh": "testdata/prelude.sh"}
	for _, s := range scripts {
		files[filepath.Base(s)] = s
	}
	arch, _ := chosen()
	if arch == vm.AMD64 { // the concentrator is this machine's
		maps.Copy(files, concentrator(t))
	}
	g := bench(t, files)
	for _, s := range scripts {
		name := strings.TrimSuffix(filepath.Base(s), ".sh")
		t.Run(name, func(t *testing.T) {
			if name == "pppoe" && arch != vm.AMD64 {
				t.Skip("the concentrator is a program of this machine's")
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			out, err := g.Run(ctx, "cd "+vm.Payload+" && . ./prelude.sh && . ./"+filepath.Base(s))
			t.Logf("%s\n%s", time.Since(start).Round(10*time.Millisecond), out)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGoTestsOnTheBench runs tests of this module in a machine: how everything that needs our kernel is tested.
func TestGoTestsOnTheBench(t *testing.T) {
	arch, err := chosen()
	if err != nil {
		t.Skip(err)
	}
	binary := compile(t, arch, "./internal/sandbox")
	g := bench(t, map[string]string{"sandbox.test": binary})
	out, err := g.Run(t.Context(), "cd /tmp && "+vm.Payload+"/sandbox.test -test.v")
	if err != nil || !strings.Contains(out, "--- PASS: TestNamespacesAreApart") {
		t.Errorf("%s\n%v", out, err)
	}
}

// compile makes a static test binary of a package of this module.
func compile(t *testing.T, arch vm.Arch, pkg string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "go.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v: %s", pkg, err, out)
	}
	return binary
}
