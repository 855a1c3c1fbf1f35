// Package bundle writes and verifies the update file: one signed line that says what it is, then the slot's bytes.
//
//	twinpath update 1
//	{"version":"1.2.0","arch":"amd64","board":"pc","created":"…","size":86000000,"sha256":"…"}
//	base64 of the ed25519 signature of everything above, line ends included
//	the squashfs
//
// It knows nothing of disks and slots: package slot puts the bytes where they belong.
package bundle

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
)

const (
	family = "twinpath update " // of every format there will be
	magic  = family + "1\n"

	// maxLine bounds the manifest's line, which is read before its signature can be believed. Ours has some 200 bytes.
	maxLine = 4096
)

// Manifest says what an update file holds.
type Manifest struct {
	Version string    `json:"version"`
	Arch    string    `json:"arch"`    // Debian's word: amd64, arm64
	Board   string    `json:"board"`   // pc, pi
	Created time.Time `json:"created"` // of the sources: decides which of two is the older one
	Size    int64     `json:"size"`    // bytes of the payload
	SHA256  string    `json:"sha256"`  // of the payload, in hex
}

// For returns a WrongBoardError unless m is made for this architecture and board.
func (m Manifest) For(arch, board string) error {
	if m.Arch != arch || m.Board != board {
		return WrongBoardError{Arch: m.Arch, Board: m.Board, WantArch: arch, WantBoard: board}
	}
	return nil
}

// Write writes an update file with all of payload, which it reads twice. It fills in the manifest's size and sum.
func Write(w io.Writer, m Manifest, key ed25519.PrivateKey, payload io.ReadSeeker) error {
	sum := sha256.New()
	size, err := io.Copy(sum, payload)
	if err != nil {
		return fmt.Errorf("write update file: read the payload: %w", err)
	}
	if _, err := payload.Seek(-size, io.SeekCurrent); err != nil {
		return fmt.Errorf("write update file: read the payload: %w", err)
	}
	m.Size, m.SHA256, m.Created = size, hex.EncodeToString(sum.Sum(nil)), m.Created.UTC()
	if err := m.sane(); err != nil {
		return fmt.Errorf("write update file: %w", err)
	}
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write update file: %w", err)
	}
	head := magic + string(line) + "\n"
	head += base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(head))) + "\n"
	if _, err := io.WriteString(w, head); err != nil {
		return fmt.Errorf("write update file: %w", err)
	}
	if n, err := io.Copy(w, payload); err != nil || n != size {
		return fmt.Errorf("write update file: %d of %d bytes: %w", n, size, orShort(err))
	}
	return nil
}

func orShort(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sane refuses what no builder writes, so that the rest of the program may print and compare it without a thought.
func (m Manifest) sane() error {
	for _, f := range []struct{ name, value string }{{"version", m.Version}, {"arch", m.Arch}, {"board", m.Board}} {
		if f.value == "" || len(f.value) > 100 || strings.ContainsFunc(f.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("the manifest's %s %q is not a plain word", f.name, f.value)
		}
	}
	if sum, err := hex.DecodeString(m.SHA256); err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("the manifest's sha256 %q is none", m.SHA256)
	}
	if m.Size <= 0 {
		return fmt.Errorf("the manifest's size is %d bytes", m.Size)
	}
	return nil
}

// Reader gives the payload of an update file whose manifest is signed by a known key. Its last Read says io.EOF only
// when every byte was the signed one: else a DamagedError or a CutShortError.
type Reader struct {
	Manifest Manifest

	from *bufio.Reader
	sum  hash.Hash
	read int64
}

// Open reads the head of an update file and verifies its signature with one of keys, before it believes anything else.
// Errors: ErrNotUpdate, ErrLaterFormat, ErrUnknownKey, a CutShortError, or that of r.
func Open(r io.Reader, keys []ed25519.PublicKey) (*Reader, error) {
	from := bufio.NewReaderSize(r, maxLine)
	if err := openMagic(from); err != nil {
		return nil, err
	}
	line, err := readLine(from)
	if err != nil {
		return nil, err
	}
	signature, err := readLine(from)
	if err != nil {
		return nil, err
	}
	if !signed(magic+line, strings.TrimSuffix(signature, "\n"), keys) {
		return nil, ErrUnknownKey
	}
	b := &Reader{from: from, sum: sha256.New()}
	if err := json.Unmarshal([]byte(line), &b.Manifest); err != nil {
		return nil, fmt.Errorf("%w: its manifest: %w", ErrNotUpdate, err)
	}
	if err := b.Manifest.sane(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotUpdate, err)
	}
	return b, nil
}

func openMagic(from *bufio.Reader) error {
	start, err := from.Peek(len(magic))
	switch {
	case err != nil && err != io.EOF:
		return fmt.Errorf("read update file: %w", err)
	case string(start) == magic:
		_, err = from.Discard(len(magic))
		return err
	case len(start) > 0 && len(start) < len(magic) && strings.HasPrefix(magic, string(start)):
		return CutShortError{Has: int64(len(start))}
	case strings.HasPrefix(string(start), family):
		return ErrLaterFormat
	}
	return ErrNotUpdate
}

// readLine returns the next line with its end. bufio's buffer is the bound: a longer line is none of ours.
func readLine(from *bufio.Reader) (string, error) {
	line, err := from.ReadSlice('\n')
	switch err {
	case nil:
		return string(line), nil
	case io.EOF:
		return "", CutShortError{}
	case bufio.ErrBufferFull:
		return "", ErrNotUpdate
	}
	return "", fmt.Errorf("read update file: %w", err)
}

func signed(text, signature string, keys []ed25519.PublicKey) bool {
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return false
	}
	for _, key := range keys {
		if ed25519.Verify(key, []byte(text), sig) {
			return true
		}
	}
	return false
}

// Read implements io.Reader. Bytes it has given are not to be trusted before it has said io.EOF.
func (b *Reader) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if left := b.Manifest.Size - b.read; int64(n) > left {
		return int(left), DamagedError{At: b.Manifest.Size, Longer: true}
	}
	b.sum.Write(p[:n])
	b.read += int64(n)
	if err != io.EOF {
		return n, err
	}
	return n, b.end()
}

func (b *Reader) end() error {
	switch {
	case b.read < b.Manifest.Size:
		return CutShortError{Has: b.read, Wants: b.Manifest.Size}
	case hex.EncodeToString(b.sum.Sum(nil)) != strings.ToLower(b.Manifest.SHA256):
		return DamagedError{At: b.read}
	}
	return io.EOF
}
