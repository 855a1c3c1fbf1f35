package kernel

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestPADI(t *testing.T) {
	// RFC 2516 §5.1: service name of no length, meaning any, and our Host-Uniq.
	const want = "11090000000c" + "01010000" + "01030004deadbeef"
	if got := hex.EncodeToString(padi(0xdeadbeef, "", 0)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := frameOf(make([]byte, 6), make([]byte, 6), 0x8863, padi(1, "", 0)); len(got) != 60 {
		t.Errorf("a frame of %d bytes, want 60", len(got))
	}
}

func TestPADO(t *testing.T) {
	const unique, name = "01030004deadbeef", "01020003" + "425231" // "BR1"
	for what, c := range map[string]struct {
		packet, name string
		ok           bool
	}{
		"offer":               {"11070000" + "000f" + name + unique, "BR1", true},
		"tags in other order": {"11070000" + "000f" + unique + name, "BR1", true},
		"padded":              {"11070000" + "000f" + name + unique + "0000000000", "BR1", true},
		"end of list":         {"11070000" + "0013" + unique + "00000000" + name, "", true},
		"nameless":            {"11070000" + "0008" + unique, "", true},
		"name of terror":      {"11070000" + "000e" + "01020002" + "0a41" + unique, "?A", true},
		"for somebody else":   {"11070000" + "0008" + "01030004deadbee0", "", false},
		"for nobody":          {"11070000" + "0007" + name, "BR1", false},
		"a session":           {"11650001" + "0008" + unique, "", false},
		"our question":        {hex.EncodeToString(padi(0xdeadbeef, "", 0)), "", false},
		"tag beyond the end":  {"11070000" + "0008" + "01030040deadbeef", "", false},
		"longer than it is":   {"11070000" + "0040" + unique, "", false},
		"nothing":             {"", "", false},
	} {
		packet, err := hex.DecodeString(c.packet)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := readPADO(packet, 0xdeadbeef); ok != c.ok || ok && got.Name != c.name {
			t.Errorf("%s: %q, %t, want %q, %t", what, got.Name, ok, c.name, c.ok)
		}
	}
}

func FuzzPADO(f *testing.F) {
	f.Add(padi(1, "", 0))
	f.Add(append([]byte{0x11, 7, 0, 0, 0, 12}, bytes.Repeat([]byte{1, 2, 0, 0}, 3)...))
	f.Fuzz(func(t *testing.T, p []byte) {
		got, _ := readPADO(p, 1)
		if len(got.Name) > 64 || strings.ContainsFunc(got.Name, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("name %q", got.Name)
		}
	})
}
