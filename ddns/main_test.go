package ddns

import (
	"os"
	"testing"

	"github.com/twinpath/twinpath/internal/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }
