package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// generations is how many configurations are kept. Chosen here: enough to go back over an evening of trying, and 10 files
// of 2 KiB fit anywhere.
const generations = 10

// Archive keeps the last ten configurations that were the boot file, each with its checksum, in a directory of ours:
// NNNNNN.toml, the highest number the newest. A power cut leaves whole generations only. Only one caller at a time may Keep or Mend;
// List and Text may be called at any time.
type Archive struct {
	Dir string

	disk disk // nil: the real one
}

// Generation is one configuration of the archive.
type Generation struct {
	Number   int       // higher is newer
	Modified time.Time // the boot file's when it was kept: other bytes with this very time are bit rot

	text []byte
}

// List returns the generations that are whole, newest first.
func (a *Archive) List() ([]Generation, error) {
	numbers, err := a.numbers()
	if err != nil {
		return nil, fmt.Errorf("list the configurations kept: %w", err)
	}
	var all []Generation
	for _, n := range numbers {
		if g, err := a.read(n); err == nil { // a damaged one, or one removed meanwhile, can be of no use
			g.text = nil
			all = append(all, g)
		}
	}
	return all, nil
}

// Text returns the configuration of one generation. The error is fs.ErrNotExist where there is none of that number.
func (a *Archive) Text(number int) ([]byte, error) {
	g, err := a.read(number)
	if err != nil {
		return nil, fmt.Errorf("configuration %d of those kept: %w", number, cause(err))
	}
	return g.text, nil
}

// Keep adds the boot file as it is now, unless it is the newest generation already, and removes generations too many.
func (a *Archive) Keep(boot string) error {
	text, modified, err := bootFile(boot)
	if err != nil {
		return fmt.Errorf("keep %s: %w", boot, cause(err))
	}
	if len(text) > MaxSize {
		return fmt.Errorf("keep %s: it is larger than %d KiB", boot, MaxSize>>10)
	}
	numbers, err := a.numbers()
	if err != nil {
		return fmt.Errorf("keep %s: %w", boot, err)
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[0] + 1
		// A file that was only touched, or written back, is no generation of its own.
		if newest, err := a.read(numbers[0]); err == nil && bytes.Equal(newest.text, text) {
			if newest.Modified.Equal(modified) {
				return nil
			}
			next = numbers[0]
		}
	}
	if err := replace(a.files(), a.path(next), stamp(text, modified)); err != nil {
		return fmt.Errorf("keep %s: %w", boot, err)
	}
	return a.prune(numbers, next)
}

// prune removes the oldest generations; numbers are those of before, newest first.
func (a *Archive) prune(numbers []int, added int) error {
	room := generations
	if !slices.Contains(numbers, added) {
		room--
	}
	for _, n := range numbers[min(room, len(numbers)):] {
		if err := a.files().remove(a.path(n)); err != nil {
			return fmt.Errorf("remove an old configuration: %w", err)
		}
	}
	return nil
}

// numbers lists the generations, newest first. It makes the directory if need be.
func (a *Archive) numbers() ([]int, error) {
	entries, err := os.ReadDir(a.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, os.MkdirAll(a.Dir, 0o700)
	}
	if err != nil {
		return nil, err
	}
	var found []int
	for _, e := range entries {
		digits, ours := strings.CutSuffix(e.Name(), ".toml")
		if n, err := strconv.Atoi(digits); ours && err == nil && n > 0 && a.path(n) == filepath.Join(a.Dir, e.Name()) {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	slices.Reverse(found)
	return found, nil
}

func (a *Archive) path(number int) string {
	return filepath.Join(a.Dir, fmt.Sprintf("%06d.toml", number))
}

var errDamaged = errors.New("its checksum is wrong")

// read returns a generation whose checksum is right.
func (a *Archive) read(number int) (Generation, error) {
	file, err := os.ReadFile(a.path(number))
	if err != nil {
		return Generation{}, err
	}
	head, text, _ := bytes.Cut(file, []byte("\n"))
	var sum, modified string
	if _, err := fmt.Sscanf(string(head), stampFormat, &sum, &modified); err != nil {
		return Generation{}, errDamaged
	}
	at, err := time.Parse(time.RFC3339Nano, modified)
	if err != nil || !bytes.Equal(file, stamp(text, at)) {
		return Generation{}, errDamaged
	}
	return Generation{Number: number, Modified: at, text: text}, nil
}

const stampFormat = "# twinpath kept this: sha256 %s modified %s"

// stamp puts the line in front that makes text a generation.
func stamp(text []byte, modified time.Time) []byte {
	at := modified.UTC().Format(time.RFC3339Nano)
	sum := sha256.Sum256(append([]byte(at+"\n"), text...)) // a wrong time would make an edit look like bit rot
	return append([]byte(fmt.Sprintf(stampFormat+"\n", hex.EncodeToString(sum[:]), at)), text...)
}

// bootFile reads a file with the time of its last change.
func bootFile(name string) ([]byte, time.Time, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, time.Time{}, err
	}
	stat, err := os.Stat(name)
	if err != nil {
		return nil, time.Time{}, err
	}
	return text, stat.ModTime(), nil
}

func (a *Archive) files() disk {
	if a.disk != nil {
		return a.disk
	}
	return medium{}
}
