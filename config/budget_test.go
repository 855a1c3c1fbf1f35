package config

import (
	"os"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestBudgetsAreRead(t *testing.T) {
	text, err := os.ReadFile("testdata/good/budget.toml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := Parse("twinpath.toml", text)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	november := time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local)
	for i, want := range map[int]router.Budget{
		0: {},
		1: {Month: 5e9, ResetDay: 31, Incident: 1610612736, Prepaid: 5e8, From: november, Then: router.Never},
		2: {Prepaid: 5e11, From: november, Then: router.Always},
	} {
		if got := cfg.WANs[i].Budget; got != want {
			t.Errorf("%s: %+v, want %+v", cfg.WANs[i].Name, got, want)
		}
	}
	if p := cfg.Policies; p[0].Metered != router.Never || len(p[0].WANs) != 0 || p[1].Metered != router.Essential || !p[1].Block {
		t.Errorf("policies: %+v", p)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]uint64{`"1MB"`: 1e6, `"1 MB"`: 1e6, `"1000kB"`: 1e6, `"4GiB"`: 4 << 30, `"0.5TB"`: 5e11, `"1.23GB"`: 1_230_000_000,
		`"976.5625KiB"`: 1e6, `"1000TB"`: 1e15, `"10MiB"`: 10 << 20, `"1TiB"`: 1 << 40,
		`"1"`: 0, `"GB"`: 0, `""`: 0, `"5gb"`: 0, `"5GBB"`: 0, `"5 G B"`: 0, `"Inf GB"`: 0, `"NaNGB"`: 0, `"0x10GB"`: 0, `"1_0GB"`: 0, `"5,5GB"`: 0, `"999kB"`: 0, `"1001TB"`: 0, `5`: 0, `true`: 0} {
		cfg, problems := Parse("twinpath.toml", []byte("[[wan]]\nname = \"lte\"\ninterface = \"usb0\"\nmetered = true\nbudget = { month = "+text+" }\n"))
		switch {
		case (want == 0) != (len(problems) > 0):
			t.Errorf("%s: %v", text, problems)
		case len(problems) == 0 && cfg.WANs[0].Budget.Month != want:
			t.Errorf("%s is %d, want %d", text, cfg.WANs[0].Budget.Month, want)
		}
	}
}
