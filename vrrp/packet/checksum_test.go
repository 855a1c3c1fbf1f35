package packet

import (
	"bytes"
	"testing"
)

// TestSum has RFC 1071's own example (§3), odd lengths and a carry that carries again.
func TestSum(t *testing.T) {
	for _, c := range []struct {
		initial uint32
		bytes   []byte
		want    uint16
	}{
		{0, []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 0xddf2},
		{0, []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5}, 0xe6fa},
		{0, []byte{0x12, 0x34, 0x56}, 0x6834},
		{0xffff, []byte{0, 1}, 1},
		{0xfffffffe, bytes.Repeat([]byte{0xff}, 1500), 0xfffe},
		{0, nil, 0},
	} {
		if got := sum(c.initial, c.bytes); got != c.want {
			t.Errorf("%#x and %d bytes: %#x, want %#x", c.initial, len(c.bytes), got, c.want)
		}
	}
}

func TestChecksumForms(t *testing.T) {
	for form, want := range map[ChecksumForm]string{NoForm: "none", Message: "message", Pseudo: "pseudo-header", Both: "both", 9: "form 9"} {
		if got := form.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
