package firstboot

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
)

// claimFile is what the owner finds on the card while nobody owns the box.
const claimFile = "claim-code.txt"

// ClaimAlphabet is what claim codes are made of: nothing that looks like something else on a screen.
const ClaimAlphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// claimLength makes 39 bits: with a minute between two guesses they last for a million years.
const claimLength = 8

func (b *Box) keptClaim() string { return filepath.Join(b.Data, "system", "claim-code") }

// Claim is the file in a Box's Run that has the code of a box that nobody owns yet; there is none when somebody does.
func Claim(run string) string { return filepath.Join(run, "claim-code") }

// claim sees to a code while there is no configuration: whoever reads it on the console or the card has the box in hand, and
// may become its owner by the page. It lasts until then, so that what was written down stays right.
func (v *visit) claim() error {
	if exists(v.boot()) {
		return v.claimed()
	}
	code := v.knownClaim()
	if code == "" {
		var err error
		if code, err = newClaim(); err != nil {
			return err
		}
		if err := replace(v.files(), v.keptClaim(), []byte(code+"\n"), 0o600); err != nil {
			v.Log.Warn("the claim code is another one after the next start", "err", err)
		}
	}
	return errors.Join(replace(medium{}, Claim(v.Run), []byte(code+"\n"), 0o600), v.claimOnCard(code))
}

func (v *visit) knownClaim() string {
	text, err := read(v.keptClaim())
	code := strings.TrimSpace(string(text))
	if bare := strings.ReplaceAll(code, "-", ""); err != nil || len(bare) != claimLength || strings.Trim(bare, ClaimAlphabet) != "" {
		return ""
	}
	return code
}

// newClaim is a new code, such as K7QM-4XRD.
func newClaim() (string, error) {
	var code []byte
	for i := range claimLength {
		if i == claimLength/2 {
			code = append(code, '-')
		}
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(ClaimAlphabet))))
		if err != nil {
			return "", fmt.Errorf("make a claim code: %w", err)
		}
		code = append(code, ClaimAlphabet[n.Int64()])
	}
	return string(code), nil
}

func (v *visit) claimOnCard(code string) error {
	if v.Card == "" {
		return nil
	}
	path := v.card[claimFile]
	if path == "" {
		path = filepath.Join(v.Card, claimFile)
	}
	letter := []byte(code + "\r\n\r\nThe page of the new router asks for this code. It is gone when the router has an owner.\r\n")
	if old, err := read(path); err == nil && bytes.Equal(old, letter) {
		return nil
	}
	if err := v.onCard(func() error { return v.files().write(path, letter, 0o644) }); err != nil {
		return fmt.Errorf("write the claim code to the card: %w", err)
	}
	return nil
}

// claimed removes every trace of the code: the box is somebody's.
func (v *visit) claimed() error {
	err := errors.Join(medium{}.remove(Claim(v.Run)), v.files().remove(v.keptClaim()))
	if path := v.card[claimFile]; path != "" {
		err = errors.Join(err, v.onCard(func() error { return v.files().remove(path) }))
	}
	return err
}
