package kernel

import (
	"testing"

	"github.com/twinpath/twinpath/router"
)

// Where a size can never come, nobody is to wait for it before each first dial.
func TestATaggedInterfaceCarriesNoMoreThanItsPort(t *testing.T) {
	devices := map[string]device{
		"wan0":   {Link: router.Link{Index: 3, Name: "wan0"}, largest: 1500},
		"wan0.7": {Link: router.Link{Index: 4, Name: "wan0.7", Kind: "vlan"}, parent: 3, largest: 65535},
		"wan1":   {Link: router.Link{Index: 5, Name: "wan1"}},
		"wan1.7": {Link: router.Link{Index: 6, Name: "wan1.7", Kind: "vlan"}, parent: 5, largest: 65535},
	}
	for name, want := range map[string]int{"wan0": 1500, "wan0.7": 1500, "wan1": 0, "wan1.7": 65535, "gone": 0} {
		if got := bounded(devices, name); got != want {
			t.Errorf("%s can carry %d bytes, want %d", name, got, want)
		}
	}
}
