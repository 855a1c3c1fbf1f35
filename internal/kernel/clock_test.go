package kernel

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestClockSet(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	never := unix.Timex{Status: unix.STA_UNSYNC, Esterror: neverSet}
	for name, c := range map[string]struct {
		timex   unix.Timex
		now     time.Time
		battery time.Time
		arch    string
		want    bool
	}{
		"by a time server":                    {unix.Timex{Status: unix.STA_PLL}, now, time.Time{}, "arm64", true},
		"by one that was there before":        {unix.Timex{Status: unix.STA_UNSYNC, Esterror: 500}, now, time.Time{}, "arm64", true},
		"a Pi before its first time server":   {never, now, time.Time{}, "arm64", false},
		"a virtual PC":                        {never, now, time.Time{}, "amd64", true},
		"a PC with a good battery":            {never, now, now.Add(2 * time.Second), "amd64", true},
		"a PC whose battery keeps local time": {never, now, now.Add(13 * time.Hour), "amd64", true},
		"a PC with a dead battery":            {never, now, time.Date(2000, 1, 1, 0, 0, 9, 0, time.UTC), "amd64", false},
		"a Pi with a battery":                 {never, now, now, "arm64", true},
		"1970, whoever set it":                {unix.Timex{}, time.Unix(60, 0), time.Time{}, "amd64", false},
	} {
		if got := clockSet(c.timex, c.now, c.battery, c.arch); got != c.want {
			t.Errorf("%s: set %t", name, got)
		}
	}
	if _, err := ClockSet(now); err != nil {
		t.Errorf("of this machine: %v", err)
	}
}

func TestBatteryClock(t *testing.T) {
	dir := t.TempDir()
	if at := batteryClock(dir); !at.IsZero() {
		t.Errorf("none: %s", at)
	}
	if err := os.Mkdir(filepath.Join(dir, "rtc0"), 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]time.Time{"1795290526\n": time.Unix(1795290526, 0), "broken": {}} {
		if err := os.WriteFile(filepath.Join(dir, "rtc0", "since_epoch"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if at := batteryClock(dir); !at.Equal(want) {
			t.Errorf("%q: %s", text, at)
		}
	}
}
