package vmtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/image/vm"
)

// played is a package's tests that need the image's kernel: on a machine whose kernel lacks it they are skipped.
type played struct {
	pkg, run string
	programs []string // of this machine, that are no part of the image
	needs    string   // what the kernel has for sure: without it the tests fail, instead of being skipped
}

// lines are the tests of what a line may need.
func lines() []played {
	return []played{
		{pkg: "./lab", run: "^TestPPPoE$", programs: []string{"pppoe-server"}, needs: "ppp"},
		{pkg: "./lab", run: "^TestPPPoEAndIPv6$", programs: []string{"pppoe-server"}, needs: "ppp"},
		{pkg: "./internal/kernel", run: "^Test(ATagged|TaggedPackets|ALineIsKept|QueuesOf|CleanupTakesQueues|TheRateHolds)", needs: "vlan,cake"},
		{pkg: "./lab", run: "^TestOffload", needs: "flowtable"},
	}
}

// TestLines runs them in one machine after the other, for it is emulated.
func TestLines(t *testing.T) {
	only(t, vm.AMD64) // some of the programs are this machine's
	files := map[string]string{"twinpath": daemon(t), "phone.sh": "testdata/phone.sh"}
	for _, p := range lines() {
		if files[p.binary()] == "" {
			files[p.binary()] = compile(t, vm.AMD64, p.pkg)
		}
		for _, name := range p.programs {
			file, err := exec.LookPath(name)
			if err != nil {
				t.Fatalf("%v\nhint: install the packages that the Makefile names", err)
			}
			files[name] = file
		}
	}
	g := bench(t, files)
	for _, p := range lines() {
		t.Run(p.binary()+" "+p.run, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			start := time.Now()
			out, err := g.Run(ctx, p.command())
			t.Logf("%s\n%s", time.Since(start).Round(10*time.Millisecond), out)
			if err != nil {
				t.Error(err)
			}
			if !strings.Contains(out, "--- PASS") || strings.Contains(out, "--- SKIP") {
				t.Error("not everything was played")
			}
		})
	}
	t.Run("phone", func(t *testing.T) { phone(t, g) })
}

func (p played) binary() string { return filepath.Base(p.pkg) + ".test" }

// command plays the tests in the machine. Modules are loaded as the image does it: one by one, on demand, takes an emulated machine long.
func (p played) command() string {
	return "modprobe -a pppoe 8021q sch_cake ifb nft_flow_offload nf_flow_table_inet $(grep -v '#' /usr/lib/modules-load.d/twinpath.conf); mkdir -p /tmp; chmod +x " + vm.Payload + "/*; export PATH=$PATH:" + vm.Payload +
		" TWINPATH_PROGRAM=" + vm.Payload + "/twinpath TWINPATH_NEEDS=" + p.needs +
		"; cd /tmp && " + vm.Payload + "/" + p.binary() + " -test.v -test.timeout 5m -test.run '" + p.run + "' 2>&1"
}

// daemon makes the program that the lab's tests play with.
func daemon(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "twinpath")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "./cmd/twinpath")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compile the daemon: %v: %s", err, out)
	}
	return binary
}
