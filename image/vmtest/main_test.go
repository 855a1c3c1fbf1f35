package vmtest

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/twinpath/twinpath/image/vm"
	"github.com/twinpath/twinpath/internal/sandbox"
)

// archVariable says which processor's tests run.
const archVariable = "TWINPATH_VM"

func TestMain(m *testing.M) {
	flag.Parse()
	// Outside of the sandbox, where there is a network: the builder may have to download.
	if sandbox.Check() != nil && os.Getenv(archVariable) != "none" {
		arch, err := chosen()
		if err == nil {
			err = prepare(arch)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(sandbox.Tests(m.Run))
}

// chosen is the processor whose tests run.
func chosen() (vm.Arch, error) {
	name := os.Getenv(archVariable)
	if name == "" {
		return vm.AMD64, nil
	}
	arch, err := vm.ParseArch(name)
	if err != nil {
		return arch, fmt.Errorf("%s: %w", archVariable, err)
	}
	return arch, nil
}

// only skips a test of another processor than the chosen one.
func only(t *testing.T, arch vm.Arch) {
	t.Helper()
	if now, err := chosen(); err != nil || now != arch {
		t.Skipf("%s=%s is not set", archVariable, arch)
	}
}
