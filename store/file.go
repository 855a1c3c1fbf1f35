package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/twinpath/twinpath/durable"
)

// name is that of the file in the state directory. SQLite has a journal beside it, NAME-wal, while it is open.
const name = "twinpath.db"

// pragmas are how the file is used:
//   - nobody else opens it, so that the journal's index needs no file of its own, which the kernel would write out now and then
//   - a journal that is appended to: one flush for each batch
//   - FULL: what was committed survives a power cut; NORMAL would lose all since the last checkpoint
//   - a checkpoint each MiB: most pages of many batches are the same ones and are written once
//   - little memory: a batch is a few pages
//   - freed pages are used again, not given back: the file is as large as it was once (measured in TestThirtyDays)
var pragmas = [...]string{
	exclusive,
	"PRAGMA journal_mode = WAL",
	"PRAGMA synchronous = FULL",
	"PRAGMA wal_autocheckpoint = 256",
	"PRAGMA journal_size_limit = 1048576",
	"PRAGMA cache_size = -256",
	"PRAGMA temp_store = MEMORY",
	"PRAGMA foreign_keys = OFF",
}

const exclusive = "PRAGMA locking_mode = EXCLUSIVE"

// file is the open database. One goroutine uses it.
type file struct {
	db      *sql.DB
	path    string
	is      fs.FileInfo // to notice that somebody removed it: writing to it goes well for ever
	trimmed time.Time
}

// opener opens SQLite. Tests have one whose disk is at fault.
type opener func(path string) *sql.DB

func sqliteFile(path string) *sql.DB {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		panic(err) // only an unknown driver is an error here
	}
	return db
}

// openFile opens the file, makes it when there is none, checks it and brings it to the newest version.
func openFile(dir string, open opener, steps []string) (*file, error) {
	f := &file{path: filepath.Join(dir, name)}
	if err := touch(f.path); err != nil { // it says more than SQLite does
		return nil, err
	}
	f.db = open(f.path)
	f.db.SetMaxOpenConns(1)
	err := f.prepare(steps)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", f.path, err), f.db.Close())
	}
	return f, nil
}

// touch makes the file when there is none, with the mode that its journal will have, too.
func touch(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	return file.Close()
}

func (f *file) prepare(steps []string) (err error) {
	if err := refuseNewer(f.db, len(steps)); err != nil {
		return err
	}
	for _, p := range pragmas {
		if _, err := f.db.Exec(p); err != nil {
			return err
		}
	}
	var sound string
	if err := f.db.QueryRow("PRAGMA quick_check(1)").Scan(&sound); err != nil {
		return err
	}
	if sound != "ok" {
		return &damageError{sound}
	}
	if err := migrate(f.db, steps); err != nil {
		return err
	}
	if f.is, err = os.Stat(f.path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(f.path))
}

// syncDirectory makes a new file's name survive.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// there says whether the file still has its name.
func (f *file) there() error {
	now, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if !os.SameFile(now, f.is) {
		return fmt.Errorf("%s is another file now", f.path)
	}
	return nil
}

func (f *file) close() error { return f.db.Close() }

// damageError is what the check of the file found.
type damageError struct{ found string }

func (e *damageError) Error() string { return "damaged: " + e.found }

// damaged reports whether an error means that the file's content is broken, not the disk's way to it.
func damaged(err error) bool {
	var found *damageError
	return errors.As(err, &found) || is(err, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
}

// is reports whether an error is one of SQLite's primary result codes.
func is(err error, codes ...int) bool {
	const primary = 0xff // of an extended code
	var of *sqlite.Error
	return errors.As(err, &of) && slices.Contains(codes, of.Code()&primary)
}

// setAside gives a damaged file another name, in place of an earlier one. Its journal is of no use without it.
func setAside(dir string) error {
	path := filepath.Join(dir, name)
	if err := durable.Remove(path + "-wal"); err != nil {
		return err
	}
	return durable.Rename(path, path+".damaged")
}
