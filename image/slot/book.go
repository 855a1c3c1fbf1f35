package slot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/durable"
)

// System is what is known of a slot's content, from the update that brought it.
type System struct {
	Version string    `json:"version"`
	Created time.Time `json:"created"`
	Size    int64     `json:"size,omitempty"`   // bytes; 0: not known, it came with the flashed image
	SHA256  string    `json:"sha256,omitempty"` // of all of it, in hex
	Head    string    `json:"head,omitempty"`   // sha256 of its first 4096 bytes, in hex; empty: it is not whole
}

// Pending is an update that is written and has not yet proven itself.
type Pending struct {
	From    Slot      `json:"from"`
	To      Slot      `json:"to"`
	Version string    `json:"version"`
	Was     string    `json:"was"`     // the version it was started from
	Online  bool      `json:"online"`  // the house was online: the new system must get there, too
	Verdict string    `json:"verdict"` // at the time of the update, in the daemon's word
	Time    time.Time `json:"time"`
	Started bool      `json:"started"`          // the new system has run
	Reason  string    `json:"reason,omitempty"` // why the new system gave up
}

// Outcome is how the last update ended.
type Outcome string

// The outcomes of an update.
const (
	Succeeded   Outcome = "in use"
	Failed      Outcome = "failed"      // the old system runs
	Interrupted Outcome = "interrupted" // before it was whole
	FellBack    Outcome = "fell back"   // no update: the committed slot did not start
)

// Result is what became of the last update, in one sentence.
type Result struct {
	Outcome  Outcome   `json:"outcome"`
	Version  string    `json:"version"`
	Sentence string    `json:"sentence"`
	Time     time.Time `json:"time"`
}

// Book is what is written down about slots and updates, on the data partition: update.json, slots.json, last.json, each
// replaced as a whole.
type Book struct {
	Dir string

	files files // nil: the real ones
}

// files is what a Book does with files. Each step is complete on the disk when it returns, or has failed.
type files interface {
	read(name string) ([]byte, error)
	write(name string, text []byte) error
	rename(from, to string) error
	remove(name string) error // a file that is not there is no error
}

// Pending returns the update that has not yet proven itself, if there is one.
func (b *Book) Pending() (p Pending, there bool, err error) {
	there, err = b.load("update.json", &p)
	return p, there, err
}

// Last returns how the last update ended, if there was one.
func (b *Book) Last() (r Result, there bool, err error) {
	there, err = b.load("last.json", &r)
	return r, there, err
}

// Systems returns what is known of the slots' contents. What is not there or not readable is not known.
func (b *Book) Systems() map[Slot]System {
	systems := make(map[Slot]System)
	if _, err := b.load("slots.json", &systems); err != nil {
		return map[Slot]System{}
	}
	return systems
}

// note writes down what a slot holds; nil: nobody knows.
func (b *Book) note(s Slot, system *System) error {
	systems := b.Systems()
	delete(systems, s)
	if system != nil {
		systems[s] = *system
	}
	return b.save("slots.json", systems)
}

// ErrBusy says that another update is under way.
var ErrBusy = errors.New("another update is under way")

// Claim makes the caller the only one that updates, until it closes what it got. Else it is ErrBusy.
func (b *Book) Claim() (io.Closer, error) {
	dir, err := os.Open(b.Dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// Incoming is the directory for an update that is being received. It is emptied at each start.
func (b *Book) Incoming() string { return filepath.Join(b.Dir, "incoming") }

// Note writes down which system a slot holds, unless an update already has.
func (b *Book) Note(s Slot, d Disk, system System) error {
	if known, there := b.Systems()[s]; there && known.Version == system.Version && known.Head != "" {
		return nil
	}
	m, err := d.open(d.Of(s).Path, false)
	if err != nil {
		return err
	}
	defer m.Close()
	head := make([]byte, headSize)
	if _, err := m.ReadAt(head, 0); err != nil {
		return fmt.Errorf("read %s: %w", d.Of(s).Path, err)
	}
	system.Head = sumOf(head)
	return b.note(s, &system)
}

func (b *Book) expect(p Pending) error { return b.save("update.json", p) }

// conclude writes the result of the pending update and forgets it, in this order.
func (b *Book) conclude(r Result) error {
	return errors.Join(b.save("last.json", r), b.disk().remove(filepath.Join(b.Dir, "update.json")))
}

func (b *Book) forget() error { return b.disk().remove(filepath.Join(b.Dir, "update.json")) }

func (b *Book) load(name string, into any) (there bool, err error) {
	text, err := b.disk().read(filepath.Join(b.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("read %s: %w", filepath.Join(b.Dir, name), err)
	}
	return true, nil
}

func (b *Book) save(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	name = filepath.Join(b.Dir, name)
	if err := b.disk().write(name+".new", append(text, '\n')); err != nil {
		_ = b.disk().remove(name + ".new") // what it left behind is no news beside the error itself
		return err
	}
	return b.disk().rename(name+".new", name)
}

func (b *Book) disk() files {
	if b.files != nil {
		return b.files
	}
	return paper{}
}

// paper is real files.
type paper struct{}

func (paper) read(name string) ([]byte, error) { return os.ReadFile(name) }

func (paper) write(name string, text []byte) error { return durable.Write(name, text, 0o600) }
func (paper) rename(from, to string) error         { return durable.Rename(from, to) }
func (paper) remove(name string) error             { return durable.Remove(name) }

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
