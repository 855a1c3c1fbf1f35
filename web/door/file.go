package door

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/twinpath/twinpath/durable"
)

// Load reads the sessions at start. A file that is damaged costs the owner a login, and is said.
func (d *Door) Load(now time.Time) {
	if d.File == "" {
		return
	}
	b, err := read(d.File)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			d.log().Warn("everybody is logged out: the sessions are lost", "file", d.File, "reason", err)
		}
		return
	}
	b.Sessions = newest(slices.DeleteFunc(b.Sessions, func(s session) bool { return !now.Before(s.until()) }))
	b.Devices = newest(slices.DeleteFunc(b.Devices, func(one device) bool { return now.Sub(one.Seen) > remembered }))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.book = b
}

func read(name string) (book, error) {
	f, err := os.Open(name)
	if err != nil {
		return book{}, err
	}
	defer f.Close()
	const big = 1 << 20 // fifty times a full one
	var b book
	if err := json.NewDecoder(io.LimitReader(f, big)).Decode(&b); err != nil {
		return book{}, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// save writes the sessions. A disk that is full or read-only is no reason to keep the owner out: it is said once.
func (d *Door) save() {
	if d.File == "" {
		return
	}
	d.writing.Lock() // the newest text is written last
	defer d.writing.Unlock()
	d.mu.Lock()
	text, err := json.Marshal(d.book)
	d.mu.Unlock()
	if err == nil {
		err = durable.Replace(d.File, text, 0o600)
	}
	if err != nil && !d.complain {
		d.log().Warn("sessions will not outlive the daemon", "file", d.File, "reason", err)
	}
	d.complain = err != nil
}
