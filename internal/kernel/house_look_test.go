package kernel_test

import (
	"net/netip"
	"testing"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/router"
)

// TestDHCPServersOfTheHouse finds a real one, with the address of its card, and nobody where nobody is.
func TestDHCPServersOfTheHouse(t *testing.T) {
	t.Parallel()
	house := newCustomer(t)
	p := connect(t, house, "lan0")
	look := func() (all []router.Stranger) {
		t.Helper()
		if err := house.Do(func() (err error) {
			all, err = kernel.DHCPServers(t.Context(), "lan0", "box")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := look(); len(all) > 0 {
		t.Errorf("nobody is there, and %+v answers", all)
	}
	p.serve("198.51.100.50", "198.51.100.60")
	all := look()
	if len(all) != 1 || all[0].Server != netip.MustParseAddr("198.51.100.1") || len(all[0].MAC) != 17 || !all[0].Offers.IsValid() {
		t.Errorf("found %+v", all)
	}
	if _, err := kernel.DHCPServers(t.Context(), "lan7", "box"); err == nil || err.Error() != "look for dhcp servers on lan7: route ip+net: no such network interface" {
		t.Errorf("an interface that is not there: %v", err)
	}
}
