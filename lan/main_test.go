package lan

import (
	"flag"
	"os"
	"testing"

	"github.com/twinpath/twinpath/internal/sandbox"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
