package inet6

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/twinpath/twinpath/wan"
)

func kept() Saved {
	return Saved{
		Identity: Identity{}.complete(ourMAC, false, dice()), Gateway: router1, OnLink: true, MTU: 1492, Taken: noon,
		Networks: []wan.Lifetime{{Prefix: network1, Preferred: noon.Add(time.Hour), Valid: noon.Add(2 * time.Hour)}},
		DNS:      []netip.Addr{netip.MustParseAddr("2001:db8:1::53")},
		Binding: &binding{Server: server1.ToBytes(), Renew: noon.Add(15 * time.Minute), Rebind: noon.Add(24 * time.Minute),
			Prefixes: []wan.Lifetime{{Prefix: house1, Preferred: noon.Add(30 * time.Minute), Valid: noon.Add(time.Hour)}}},
		Uptime: wan.Uptime{Boot: "a", Since: time.Hour},
	}
}

func TestFileStore(t *testing.T) {
	f := FileStore{filepath.Join(t.TempDir(), "wan-fibre.lease6.json")}
	if _, ok := f.Load(); ok {
		t.Error("something was saved")
	}
	want := kept()
	if err := f.Save(want); err != nil {
		t.Fatal(err)
	}
	got, ok := f.Load()
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("loaded %+v, want %+v", got, want)
	}
	if err := (FileStore{"/nowhere/file"}).Save(want); err == nil {
		t.Error("saved in a directory that is not there")
	}
	for name, text := range map[string]string{
		"empty": "", "cut off": `{"identity": {"duid": "AAMA`, "another's": `[]`,
		"a gateway far away":         `{"gateway": "2001:db8::1"}`,
		"a network of 56 bits":       `{"networks": [{"prefix": "2001:db8::/56"}]}`,
		"a link-local prefix":        `{"binding": {"server": "AAE=", "prefixes": [{"prefix": "fe80::/56"}]}}`,
		"an address with a network":  `{"binding": {"server": "AAE=", "addresses": [{"prefix": "2001:db8::1/64"}]}}`,
		"a binding of nobody":        `{"binding": {"prefixes": [{"prefix": "2001:db8::/56"}]}}`,
		"a packet size below IPv6's": `{"mtu": 576}`,
		"a resolver of IPv4":         `{"dns": ["192.0.2.1"]}`,
	} {
		if err := os.WriteFile(f.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, ok := f.Load(); ok {
			t.Errorf("%s: loaded %+v", name, s)
		}
	}
}

func TestRestore(t *testing.T) {
	tests := map[string]struct {
		now   time.Time
		up    wan.Uptime
		sound bool
		left  time.Duration // of the prefix; 0: it has ended
	}{
		"ten minutes later":               {noon.Add(10 * time.Minute), wan.Uptime{}, true, 50 * time.Minute},
		"the clock was set, same boot":    {noon.Add(1000 * time.Hour), wan.Uptime{Boot: "a", Since: time.Hour + 10*time.Minute}, true, 50 * time.Minute},
		"the clock was set back":          {noon.Add(-time.Hour), wan.Uptime{Boot: "b"}, false, 2 * time.Hour},
		"after its end":                   {noon.Add(time.Hour), wan.Uptime{}, true, 0},
		"another boot, by the wall clock": {noon.Add(20 * time.Minute), wan.Uptime{Boot: "b", Since: time.Second}, true, 40 * time.Minute},
	}
	for name, test := range tests {
		s, sound := kept().restore(test.now, test.up)
		var left time.Duration
		if s.Binding != nil {
			left = s.Binding.Prefixes[0].Valid.Sub(test.now)
		}
		if sound != test.sound || left != test.left {
			t.Errorf("%s: sound %t, %s left", name, sound, left)
		}
	}
	if s := kept(); !reflect.DeepEqual(s, kept()) {
		t.Error("restoring changes what was saved")
	}
}

// What cannot be trusted is asked for, and not used.
func TestUnsound(t *testing.T) {
	s := kept()
	m := NewMachine("fibre", dice())
	for _, a := range m.Step(noon, start{&s, false}) {
		if r, ok := a.(report); ok && r.lease != nil {
			t.Errorf("uses %+v", r.lease)
		}
	}
	m.Step(noon, opened{mac: ourMAC})
	m.Step(noon.Add(2*time.Second), tick{})
	for _, a := range m.Step(noon.Add(3*time.Second), tick{}) {
		if q, ok := a.(send); ok {
			found := false
			_ = options(q.message[4:], func(code uint16, b []byte) {
				if code == optIAPD {
					found = readAssociation(code, b, associationID("fibre")).leases[0].prefix == house1
				}
			})
			if !found {
				t.Errorf("asks by %x, not for %s", q.message, house1)
			}
			return
		}
	}
	t.Error("asks for nothing")
}

func TestIdentity(t *testing.T) {
	a, b := Identity{}.complete(ourMAC, false, dice()), Identity{}.complete(nil, false, rand.New(rand.NewPCG(3, 4)))
	if want := append([]byte{0, 3, 0, 1}, ourMAC...); !a.sound() || string(a.DUID) != string(want) {
		t.Errorf("known as %x, want %x", a.DUID, want)
	}
	if !b.sound() || len(b.DUID) != 18 || b.DUID[1] != 4 {
		t.Errorf("known as %x, want a UUID", b.DUID)
	}
	other := net.HardwareAddr{2, 0, 0, 0, 0, 0x11}
	if kept := a.complete(other, false, dice()); string(kept.DUID) != string(a.DUID) {
		t.Errorf("another port makes it %x", kept.DUID)
	}
	if c := a.complete(other, true, dice()); string(c.DUID) != string(append([]byte{0, 3, 0, 1}, other...)) || string(c.Secret) != string(a.Secret) {
		t.Errorf("an address of the owner's choice makes it %x", c.DUID)
	}
	if first := a.address(network1, "fibre"); first != a.address(network1, "fibre") {
		t.Error("two addresses in one network")
	}
	seen := map[[8]byte]bool{}
	for _, one := range []netip.Addr{a.address(network1, "fibre"), a.address(network2, "fibre"), a.address(network1, "lte"), b.address(network1, "fibre")} {
		id := one.As16()
		if seen[[8]byte(id[8:])] {
			t.Errorf("%s is known by its end", one)
		}
		seen[[8]byte(id[8:])] = true
	}
	if !reserved([8]byte{}) || !reserved([8]byte{0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80}) || !reserved([8]byte{2, 0, 0x5e, 0xff, 0xfe, 1, 2, 3}) ||
		reserved([8]byte{1}) {
		t.Error("reserved identifiers (RFC 5453)")
	}
}
