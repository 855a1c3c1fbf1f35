package main

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestHouseOfTheConfigurationInUse(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "no.toml")
	bridged := "[lan]\nports = [\"eth0\", \"eth2\"]\naddress = \"192.168.77.1/24\"\n"
	for name, c := range map[string]struct {
		boot, fallback string
		setup          bool
		address        string
		ports          []string
	}{
		"configured":       {write(t, good), write(t, bridged), false, "192.168.1.1/24", nil},
		"setup":            {nowhere, write(t, bridged), true, "192.168.77.1/24", []string{"eth0", "eth2"}},
		"setup, not ready": {nowhere, nowhere, true, "invalid Prefix", nil},
		"bad":              {write(t, "[lna]\n"), write(t, bridged), false, "invalid Prefix", nil},
	} {
		h := houseOf(c.boot, c.fallback)
		if h.Setup != c.setup || h.Address.String() != c.address || !slices.Equal(h.Ports, c.ports) {
			t.Errorf("%s: %+v", name, h)
		}
	}
}
