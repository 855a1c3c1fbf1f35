package wan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRestore(t *testing.T) {
	const year = 365 * 24 * time.Hour
	taken := Uptime{"boot", time.Minute}
	tests := map[string]struct {
		clock time.Duration // of the wall, since the lease was taken
		up    Uptime
		sound bool
		left  time.Duration
	}{
		"soon after":                        {time.Minute, Uptime{"boot", 2 * time.Minute}, true, 59 * time.Minute},
		"another boot":                      {time.Minute, Uptime{"other", time.Second}, true, 59 * time.Minute},
		"clock set a year ahead":            {year, Uptime{"boot", 11 * time.Minute}, true, 50 * time.Minute},
		"clock set a year back":             {-year, Uptime{"boot", 11 * time.Minute}, true, 50 * time.Minute},
		"a boot without a clock":            {-year, Uptime{"other", time.Second}, false, 0},
		"a boot without a clock, no uptime": {-year, Uptime{}, false, 0},
		"long after":                        {2 * time.Hour, Uptime{"other", time.Second}, false, 0},
		"long after, same boot":             {time.Minute, Uptime{"boot", 2 * time.Hour}, false, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			now := noon.Add(test.clock)
			l, sound := keep(*saved(), noon, taken).restore(now, test.up)
			if sound != test.sound {
				t.Fatalf("sound is %v", sound)
			}
			if left := l.Expire.Sub(now); sound && left != test.left {
				t.Errorf("%v left, want %v", left, test.left)
			}
			if sound && l.Expire.Sub(l.Renew) != 30*time.Minute {
				t.Errorf("T1 is %v before the end", l.Expire.Sub(l.Renew))
			}
		})
	}
}

func TestRestoreDistrustsContradictions(t *testing.T) {
	s := keep(*saved(), noon, Uptime{})
	s.Lease.Expire = s.Lease.Expire.Add(time.Hour)
	if _, sound := s.restore(noon.Add(time.Minute), Uptime{}); sound {
		t.Error("trusts a lease that ends later than it was granted for")
	}
	s = keep(*saved(), noon, Uptime{})
	s.Granted = 0
	if _, sound := s.restore(noon.Add(time.Minute), Uptime{}); sound {
		t.Error("trusts an end of a lease for ever")
	}
}

func TestFileStore(t *testing.T) {
	f := FileStore{filepath.Join(t.TempDir(), "wan-fibre.json")}
	if _, ok := f.Load(); ok {
		t.Error("loads from nothing")
	}
	want := keep(*saved(), noon, Uptime{"boot", time.Minute})
	for range 2 {
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	got, ok := f.Load()
	if !ok || got.Lease.Address != want.Lease.Address || !got.Taken.Equal(noon) || got.Granted != time.Hour || got.Uptime != want.Uptime {
		t.Errorf("loaded %v %+v, want %+v", ok, got, want)
	}
	if files, err := os.ReadDir(filepath.Dir(f.Path)); err != nil || len(files) != 1 {
		t.Errorf("left %v beside the lease (%v)", files, err)
	}
	f.Forget()
	if _, ok := f.Load(); ok {
		t.Error("remembers")
	}
	f.Forget()
}

func TestFileStoreReadsRubbishAsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lease.json")
	for _, text := range []string{
		"", "{", "null", "[]", "{}", strings.Repeat("[", 1<<16),
		`{"lease":{"address":"127.0.0.1/8","gateway":"127.0.0.2","server":"127.0.0.2"}}`,
		`{"lease":{"address":"198.51.100.7/24","gateway":"","server":"198.51.100.1"}}`,
		`{"lease":{"address":"2001:db8::7/64","gateway":"2001:db8::1","server":"2001:db8::1"}}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, ok := (FileStore{path}).Load(); ok {
			t.Errorf("%.40q is read as %+v", text, s)
		}
	}
}

func TestFileStoreSaysWhyItCannotSave(t *testing.T) {
	f := FileStore{filepath.Join(t.TempDir(), "missing", "lease.json")}
	err := f.Save(keep(*saved(), noon, Uptime{}))
	if err == nil || !strings.HasPrefix(err.Error(), "save lease in "+f.Path+": ") {
		t.Errorf("got %v", err)
	}
}

func TestReadUptime(t *testing.T) {
	a, b := ReadUptime(), ReadUptime()
	if a.Boot == "" || a.Boot != b.Boot || a.Since <= 0 || b.Since < a.Since {
		t.Errorf("read %+v, then %+v", a, b)
	}
}
