package lab

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/router"
)

// unstarted builds a house whose first router's daemon the test starts by itself.
func unstarted(t *testing.T, h Home) (*House, *Box) {
	t.Helper()
	house, err := Build(t.Context(), h)
	must(t, err)
	t.Cleanup(house.Close)
	b := house.Boxes[0]
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", b.Log())
		}
	})
	return house, b
}

// family is the default home with more devices.
func family(names ...string) Home {
	home := Default()
	for i, name := range names {
		address := hosts(netip.MustParsePrefix("192.168.1.0/24"), 20+i)
		home.Clients = append(home.Clients, Client{Name: name, Address: address.String() + "/24", Gateway: "192.168.1.1"})
	}
	return home
}

// mac is a device's Ethernet address.
func mac(t *testing.T, run func(string) (string, error), device string) string {
	t.Helper()
	out, err := run("ip -o link show " + device)
	must(t, err)
	_, rest, found := strings.Cut(out, "link/ether ")
	if !found {
		t.Fatalf("no address of %s in %q", device, out)
	}
	return strings.Fields(rest)[0]
}

// line is one line of a status.
func (s Status) line(name string) WANStatus {
	for _, w := range s.WANs {
		if w.Name == name {
			return w
		}
	}
	return WANStatus{}
}

// fullStatus is the daemon's whole snapshot.
func (b *Box) fullStatus(t *testing.T) (s router.Snapshot, err error) {
	t.Helper()
	body, err := b.Get(t.Context(), "/api/v1/status")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

// deviceOf is the interface that the daemon has found for a line.
func (b *Box) deviceOf(t *testing.T, line string) string {
	t.Helper()
	s, err := b.fullStatus(t)
	if err != nil {
		return ""
	}
	for _, w := range s.WANs {
		if w.Name == line {
			return w.Interface
		}
	}
	return ""
}
