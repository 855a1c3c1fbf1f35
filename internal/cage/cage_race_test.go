//go:build race

package cage_test

import (
	"strings"
	"testing"

	"github.com/twinpath/twinpath/internal/cage"
)

// With cgo, which the race detector brings, there are threads that no bar would reach. Without it this would shut the test in.
func TestCgoIsRefused(t *testing.T) {
	if _, err := (cage.Cage{Files: 1 << 16}).Enter(); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("got %v", err)
	}
}
