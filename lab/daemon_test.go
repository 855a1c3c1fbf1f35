package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// program builds cmd/twinpath once per test run. It goes with the sandbox's own /run.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("/run", "daemon-")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "twinpath")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", name, "../cmd/twinpath")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped; its web process insists on it
	cmd.Stderr = os.Stderr
	return name, cmd.Run()
})

// built is the real daemon. The lab's packages do not import it.
func built(tb testing.TB) string {
	tb.Helper()
	if name := os.Getenv("TWINPATH_PROGRAM"); name != "" { // where there is no Go
		return name
	}
	name, err := program()
	if err != nil {
		tb.Fatalf("build the daemon: %v", err)
	}
	return name
}

// home builds a house and starts the real daemon in its first router. The daemon's log is printed when the test fails.
func home(tb testing.TB, h Home, config string) (*House, *Box, *Device) {
	tb.Helper()
	house, err := Build(tb.Context(), h)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(house.Close)
	b := house.Boxes[0]
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the daemon's log:\n%s", b.Log())
		}
	})
	if err := b.Start(tb.Context(), built(tb), config); err != nil {
		tb.Fatal(err)
	}
	return house, b, house.Devices[0]
}

// await waits until the daemon's status is as wanted, at most for a while that only a fault takes.
func await(tb testing.TB, b *Box, what string, wanted func(Status) bool) Status {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	s, err := b.AwaitStatus(ctx, wanted)
	if err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
	return s
}

// on is a status in which every line is up and a given one carries.
func on(line string) func(Status) bool {
	return func(s Status) bool { return s.All("up") && s.Active() == line }
}

// carriedBy is a status in which a line carries, whatever the others are.
func carriedBy(line string) func(Status) bool {
	return func(s Status) bool { return s.Active() == line }
}
