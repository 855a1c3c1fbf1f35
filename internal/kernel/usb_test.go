package kernel

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/twinpath/twinpath/router"
)

func TestWhatComesByAPhoneIsTold(t *testing.T) {
	for _, c := range []struct {
		driver   string
		wireless bool
		vendor   string
		want     bool
	}{
		{"rndis_host", false, "18d1", true},
		{"ipheth", false, "05ac", true},
		{"cdc_ncm", false, "18d1", true}, // a phone of 2023
		{"cdc_ncm", false, "0bda", false},
		{"cdc_ether", false, "0bda", false},
		{"cdc_ether", true, "0bda", true}, // a modem, and its driver says so
		{"cdc_ether", false, "12d1", true},
		{"r8152", false, "0bda", false},
		{"ax88179_178a", false, "0b95", false},
		{"qmi_wwan", true, "2c7c", true},
	} {
		if got := mobile(c.driver, c.wireless, c.vendor); got != c.want {
			t.Errorf("%+v: mobile %t", c, got)
		}
	}
}

func TestASocketIsNamedByItsDevice(t *testing.T) {
	for _, c := range [][3]string{{"usb", "1-1.2:1.0", "1-1.2"}, {"usb", "3-4:2.1", "3-4"}, {"pci", "0000:01:00.0", ""}, {"", "", ""}} {
		if got := socketOf(c[0], c[1]); got != c[2] {
			t.Errorf("a function %s on bus %q is in socket %q, want %q", c[1], c[0], got, c[2])
		}
	}
}

// attributes of a made-up tree: what was written to them last is what they say.
func tree(t *testing.T, files ...string) USB {
	t.Helper()
	u := USB{root: t.TempDir(), able: func(string) bool { return true }}
	for _, f := range files {
		path := filepath.Join(u.root, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("9"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func (u USB) says(t *testing.T, file, want string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(u.root, file)); err != nil || string(got)[:1] != want {
		t.Errorf("%s says %q, want %q: %v", file, got, want, err)
	}
}

func TestOnlyTheDeviceItselfIsTouched(t *testing.T) {
	const (
		device = "1-1.2/authorized"
		hub    = "1-1/authorized"
		own    = "1-1:1.0/1-1-port2/disable"
		other  = "1-1:1.0/1-1-port1/disable"
		root   = "1-0:1.0/usb1-port1/disable"
	)
	u := tree(t, device, hub, own, other, root)
	if err := u.Replug(t.Context(), "1-1.2"); err != nil {
		t.Error(err)
	}
	u.says(t, device, "1")
	u.says(t, own, "9")
	if err := u.Cycle(stopped(t), "1-1.2"); err != nil {
		t.Error(err)
	}
	for file, want := range map[string]string{own: "0", hub: "9", other: "9", root: "9"} {
		u.says(t, file, want)
	}
	if err := u.Cycle(stopped(t), "1-1"); err != nil {
		t.Error(err)
	}
	u.says(t, root, "0")
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	u := tree(t, "1-1.2/authorized", "1-1:1.0/1-1-port4/disable")
	if err := u.Cycle(t.Context(), "1-1.2"); !errors.Is(err, router.ErrNoSwitch) {
		t.Errorf("a socket without a switch: %v", err)
	}
	u.able = nil // its hub cannot be asked
	if err := u.Cycle(t.Context(), "1-1.4"); !errors.Is(err, router.ErrNoSwitch) {
		t.Errorf("a hub that does not say what it can: %v", err)
	}
	u.says(t, "1-1:1.0/1-1-port4/disable", "9")
	if err := u.Replug(t.Context(), "1-1.3"); err == nil || err.Error() != "there is no device in it" {
		t.Errorf("an empty socket: %v", err)
	}
}

// stopped is over: what has begun is brought to its end without waiting.
func stopped(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
