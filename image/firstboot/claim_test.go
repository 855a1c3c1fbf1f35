package firstboot

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// claims reads the code where it is kept, told and on the card: the first word of each.
func (d *desk) claims() (kept, told, card string) {
	d.t.Helper()
	first := func(path string) string {
		text, _ := os.ReadFile(path)
		word, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\r\n")
		return word
	}
	return first(d.keptClaim()), first(Claim(d.Run)), first(filepath.Join(d.Card, claimFile))
}

func TestANewBoxHasAClaimCode(t *testing.T) {
	d := newDesk(t)
	d.Prepare()
	code, told, card := d.claims()
	if !regexp.MustCompile("^[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}$").MatchString(code) || told != code || card != code {
		t.Fatalf("kept %q, told %q, card %q", code, told, card)
	}
	d.Prepare() // another start
	if again, told, card := d.claims(); again != code || told != code || card != code {
		t.Errorf("after a start it is kept %q, told %q, card %q, want %q", again, told, card, code)
	}
	if stat, err := os.Stat(Claim(d.Run)); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want it readable for root only", stat.Mode(), err)
	}
	d.put("data/config/twinpath.toml", "name = main") // by the page
	d.Prepare()
	if kept, told, card := d.claims(); kept+told+card != "" {
		t.Errorf("an owned box has a code: kept %q, told %q, card %q", kept, told, card)
	}
	d.put("data/system/reset", "")
	d.Prepare()
	if next, _, _ := d.claims(); next == "" || next == code {
		t.Errorf("after a reset the code is %q, was %q", next, code)
	}
}

func TestAClaimCodeIsMadeAnew(t *testing.T) {
	for _, bad := range []string{"", "K7QM", "K7QM-4XR0", "k7qm-4xrd", "K7QM-4XRD-K7QM"} {
		d := newDesk(t)
		d.put("data/system/claim-code", bad)
		d.Prepare()
		if kept, told, _ := d.claims(); kept == bad || kept != told || len(kept) != 9 {
			t.Errorf("%q became %q, told %q", bad, kept, told)
		}
	}
}

func TestAClaimCodeWithoutACardThatCanBeWritten(t *testing.T) {
	d := newDesk(t)
	d.locked = true
	d.Prepare()
	if kept, told, card := d.claims(); kept == "" || told != kept || card != "" {
		t.Errorf("kept %q, told %q, card %q", kept, told, card)
	}
	d.Card = ""
	d.Prepare()
	if kept, told, _ := d.claims(); kept == "" || told != kept {
		t.Errorf("without a card: kept %q, told %q", kept, told)
	}
}
