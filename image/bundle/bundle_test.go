package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var (
	ours    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	foreign = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
	known   = []ed25519.PublicKey{public(ours)}
	payload = bytes.Repeat([]byte("squashfs"), 5000)
	sheet   = Manifest{Version: "1.2.0", Arch: "amd64", Board: "pc", Created: time.Date(2026, 11, 21, 13, 0, 0, 0, time.FixedZone("", 3600))}
)

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// file is a good update file, signed by key.
func file(t testing.TB, m Manifest, key ed25519.PrivateKey) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, m, key, bytes.NewReader(payload)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// take opens and reads all of an update file.
func take(r io.Reader) ([]byte, error) {
	b, err := Open(r, known)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(b)
}

func TestRoundTrip(t *testing.T) {
	text := file(t, sheet, ours)
	b, err := Open(iotest.OneByteReader(bytes.NewReader(text)), append([]ed25519.PublicKey{public(foreign)}, known...))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, payload) {
		t.Errorf("%d bytes, %v; want the %d of the payload", len(got), err, len(payload))
	}
	sum := sha256.Sum256(payload)
	want := sheet
	want.Size, want.SHA256, want.Created = int64(len(payload)), hex.EncodeToString(sum[:]), sheet.Created.UTC()
	if b.Manifest != want {
		t.Errorf("manifest %+v, want %+v", b.Manifest, want)
	}
}

// TestTheBytes holds the format still: the images in the field read nothing else.
func TestTheBytes(t *testing.T) {
	head, _, _ := bytes.Cut(file(t, sheet, ours), []byte("squashfs"))
	const want = `twinpath update 1
{"version":"1.2.0","arch":"amd64","board":"pc","created":"2026-11-21T12:00:00Z","size":40000,"sha256":"`
	if !strings.HasPrefix(string(head), want) || bytes.Count(head, []byte("\n")) != 3 {
		t.Errorf("the head is now\n%s\nwant it to begin with\n%s", head, want)
	}
}

func TestWhatIsRefused(t *testing.T) {
	good := file(t, sheet, ours)
	head := len(good) - len(payload)
	changed := func(at int) []byte {
		text := bytes.Clone(good)
		text[at] ^= 1
		return text
	}
	for name, c := range map[string]struct {
		text []byte
		want string
		is   error
	}{
		"empty":            {nil, "not a Twinpath update file", ErrNotUpdate},
		"something else":   {[]byte("PK\x03\x04 a zip, more than one line of it\n"), "not a Twinpath update file", ErrNotUpdate},
		"endless line":     {append([]byte(magic), bytes.Repeat([]byte{'x'}, 1<<20)...), "not a Twinpath update file", ErrNotUpdate},
		"later format":     {bytes.Replace(good, []byte("update 1"), []byte("update 2"), 1), "only a later Twinpath knows\nhint: ", ErrLaterFormat},
		"foreign key":      {file(t, sheet, foreign), "signed by an unknown key", ErrUnknownKey},
		"changed manifest": {bytes.Replace(good, []byte("1.2.0"), []byte("1.3.0"), 1), "or its first lines were changed", ErrUnknownKey},
		"no signature":     {append(bytes.Clone(good[:head-20]), good[head-1:]...), "signed by an unknown key", ErrUnknownKey},
		"first byte":       {changed(head), "damaged: its 40000 bytes are not the signed ones\nhint: ", DamagedError{At: 40000}},
		"last byte":        {changed(len(good) - 1), "damaged: its 40000 bytes", DamagedError{At: 40000}},
		"longer":           {append(bytes.Clone(good), 'x'), "damaged: it goes on after its 40000 signed bytes", DamagedError{At: 40000, Longer: true}},
		"cut in the magic": {good[:5], "cut short: it ends within its first lines\nhint: ", CutShortError{Has: 5}},
		"cut in the head":  {good[:head-1], "cut short: it ends within its first lines", CutShortError{}},
		"cut at the head":  {good[:head], "cut short: 0 of 40000 bytes are there", CutShortError{Wants: 40000}},
		"cut short":        {good[:len(good)-1], "cut short: 39999 of 40000 bytes are there", CutShortError{Has: 39999, Wants: 40000}},
		"disk error":       {nil, "read update file: timeout", iotest.ErrTimeout},
		"nonsense, signed": {signedNonsense("no JSON\n"), "its manifest: invalid character", ErrNotUpdate},
		"escape, signed":   {signedNonsense(`{"version":"\u001b[2J","arch":"a","board":"b","size":1}` + "\n"), "is not a plain word", ErrNotUpdate},
		"empty, signed":    {signedNonsense(`{"version":"1","arch":"a","board":"b","size":0,"sha256":"` + strings.Repeat("00", 32) + `"}` + "\n"), "size is 0 bytes", ErrNotUpdate},
		"no sum, signed":   {signedNonsense(`{"version":"1","arch":"a","board":"b","size":1}` + "\n"), `sha256 "" is none`, ErrNotUpdate},
	} {
		var r io.Reader = bytes.NewReader(c.text)
		if name == "disk error" {
			r = iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(good)))
		}
		got, err := take(r)
		if !errors.Is(err, c.is) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
		if len(got) > len(payload) {
			t.Errorf("%s: %d bytes were given, more than were signed", name, len(got))
		}
	}
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func signedNonsense(line string) []byte {
	text := magic + line
	return []byte(text + b64(ed25519.Sign(ours, []byte(text))) + "\n")
}

func TestForAnotherBoard(t *testing.T) {
	if err := sheet.For("amd64", "pc"); err != nil {
		t.Error(err)
	}
	const want = "the update is for another board: it is for pc-amd64, this is pi-arm64"
	if err := sheet.For("arm64", "pi"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWriteRefuses(t *testing.T) {
	unnamed := sheet
	unnamed.Version = "a b"
	for want, c := range map[string]struct {
		m       Manifest
		payload io.ReadSeeker
	}{
		`the manifest's version "a b" is not a plain word`: {unnamed, bytes.NewReader(payload)},
		"size is 0 bytes":                  {sheet, bytes.NewReader(nil)},
		"0 of 40000 bytes: unexpected EOF": {sheet, &fickle{bytes.NewReader(payload)}},
	} {
		if err := Write(io.Discard, c.m, ours, c.payload); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// fickle is a payload that is gone when it is read again.
type fickle struct{ *bytes.Reader }

func (*fickle) Seek(int64, int) (int64, error) { return 0, nil }

func TestKeys(t *testing.T) {
	private := filepath.Join(t.TempDir(), "update.key")
	key, err := GenerateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadPrivate(private)
	if err != nil || !again.Equal(key) {
		t.Errorf("the signing key is not the one made: %v", err)
	}
	keys, err := ReadPublic(strings.TrimSuffix(private, "key") + "pub")
	if err != nil || len(keys) != 1 || !keys[0].Equal(key.Public()) {
		t.Errorf("public keys %v, %v", keys, err)
	}
	if stat, err := os.Stat(private); err != nil || stat.Mode() != 0o600 {
		t.Errorf("the signing key's mode is %v, %v", stat.Mode(), err)
	}
	if _, err := GenerateKey(private); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second key over the first: %v", err)
	}
}

func TestKeyFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "k")
	line := b64(public(ours)) + "\n"
	for text, want := range map[string]string{
		"":               "it holds no key",
		"# none yet\n\n": "it holds no key",
		line + "AAAA\n":  ":2: not base64 of a key's 32 bytes",
		line + "*\n":     ":2: not base64",
		line + "# old\r\n" + b64(public(foreign)): "",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := ReadPublic(name)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if want == "" && len(keys) != 2 {
			t.Errorf("%q: %d keys", text, len(keys))
		}
		if _, err := ReadPrivate(name); err == nil {
			t.Errorf("%q is taken for a signing key", text)
		}
	}
}

// FuzzOpen gives anything at all to Open: only what was signed, to the byte, comes through.
func FuzzOpen(f *testing.F) {
	good := file(f, sheet, ours)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(bytes.Clone(good), 'x'))
	f.Add(signedNonsense("{}\n"))
	f.Add([]byte("twinpath update 2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := take(bytes.NewReader(text))
		if err == nil && !bytes.Equal(got, payload) {
			t.Errorf("%d unsigned bytes were taken", len(got))
		}
		if len(got) > len(payload) {
			t.Errorf("%d bytes were given, more than were signed", len(got))
		}
	})
}
