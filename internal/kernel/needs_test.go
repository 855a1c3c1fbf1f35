package kernel

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// needs skips a test where the kernel cannot do what a command line tries, unless the machine is known to have the feature: image/vmtest
// names those of the image's kernel.
func needs(t *testing.T, b *box, feature, try string) {
	t.Helper()
	_, err := b.Run(try)
	switch {
	case err == nil:
	case slices.Contains(strings.Split(os.Getenv("TWINPATH_NEEDS"), ","), feature):
		t.Fatalf("this kernel is to have %s: %v", feature, err)
	default:
		t.Skipf("this kernel has no %s: image/vmtest runs it", feature)
	}
}
