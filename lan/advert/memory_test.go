package advert

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// kept writes a memory and reads it back at another time.
func kept(t *testing.T, m memory, at time.Time) []mark {
	t.Helper()
	file := filepath.Join(t.TempDir(), "advert.json")
	must(t, m.write(file))
	var back memory
	must(t, back.read(file, at))
	return back.all
}

func TestWhatIsOnTheDiskIsBelievedAsFarAsItCanBe(t *testing.T) {
	told := memory{[]mark{{prefix(f), noon.Add(90 * time.Minute), true}, {prefix(l), noon.Add(time.Hour), false}}}
	for name, c := range map[string]struct {
		at   time.Time
		want []mark
	}{
		"a moment later": {noon.Add(time.Minute), []mark{{prefix(f), noon.Add(91 * time.Minute), true}, {prefix(l), noon.Add(time.Hour), false}}},
		// One that was announced to the end was believed for as long again.
		"days later":                   {noon.Add(48 * time.Hour), []mark{{prefix(f), noon.Add(48*time.Hour + validLife), true}}},
		"the clock was not set: 1970s": {time.Unix(100, 0), []mark{{prefix(f), time.Unix(100, 0).Add(validLife), true}, {prefix(l), time.Unix(100, 0).Add(validLife), false}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := kept(t, told, c.at)
			if !slices.EqualFunc(got, c.want, func(a, b mark) bool { return a.Prefix == b.Prefix && a.Until.Equal(b.Until) && a.Fresh == b.Fresh }) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestAFileThatIsNoMemory(t *testing.T) {
	for _, text := range []string{"", "{", `{"a":1}`, `[{"prefix":"nonsense"}]`} {
		file := filepath.Join(t.TempDir(), "advert.json")
		must(t, os.WriteFile(file, []byte(text), 0o600))
		var m memory
		if err := m.read(file, noon); err == nil || len(m.all) > 0 {
			t.Errorf("%q: %v, %v", text, m.all, err)
		}
	}
	var m memory
	if err := m.read(filepath.Join(t.TempDir(), "none"), noon); err != nil {
		t.Errorf("no file: %v", err)
	}
}

func TestTheMemoryIsBounded(t *testing.T) {
	var m memory
	for i := range 10 * remembered {
		p := prefix("2001:db8::/64").Addr().As16()
		p[7] = byte(i)
		m.said(noon, []Told{{prefixOf(p), time.Hour, time.Hour}})
	}
	if len(m.all) != remembered {
		t.Errorf("%d prefixes", len(m.all))
	}
	if changed := m.said(noon, []Told{{prefix(f), time.Hour, 1 << 50}}); !changed || m.all[0].Prefix != prefix(f) || m.all[0].Until != noon.Add(longest) {
		t.Errorf("the one that lasts longest goes first, for two hours at most: %v", m.all[0])
	}
}

func TestTheDiskIsAskedOnlyForWhatMatters(t *testing.T) {
	var m memory
	told := []Told{{prefix(f), time.Hour, time.Hour}}
	if !m.said(noon, told) {
		t.Error("a new prefix is not kept")
	}
	for i := range 100 {
		if m.said(noon.Add(time.Duration(i)*time.Minute), told) {
			t.Fatal("an advert as before is kept again")
		}
	}
	told[0].Preferred = 0
	if !m.said(noon.Add(time.Hour), told) {
		t.Error("that it is retired is not kept")
	}
	if !m.said(noon.Add(9*time.Hour), nil) || len(m.all) != 0 {
		t.Error("that it is forgotten is not kept")
	}
}
