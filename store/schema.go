package store

import (
	"database/sql"
	"fmt"
)

// steps are the file's versions (PRAGMA user_version): the n-th makes version n of the one before. One that was released is never
// changed; testdata has a file of each version.
var steps = [...]string{version1}

// Times are microseconds since 1970 for what happened, seconds for what was measured; round trips are microseconds.
const version1 = `
CREATE TABLE events (
	id    INTEGER PRIMARY KEY, -- in the order in which they happened, whatever the clock said
	at    INTEGER NOT NULL,
	event TEXT NOT NULL        -- JSON, as everything that only we read
) STRICT;
CREATE INDEX events_at ON events (at);

CREATE TABLE incidents (
	id       TEXT PRIMARY KEY,
	start    INTEGER NOT NULL,
	until    INTEGER, -- NULL: it goes on
	incident TEXT NOT NULL
) STRICT;
CREATE INDEX incidents_start ON incidents (start);

CREATE TABLE minutes (
	at     INTEGER NOT NULL, -- its beginning
	wan    TEXT NOT NULL,
	state  TEXT NOT NULL,
	active INTEGER NOT NULL,
	rtt    INTEGER NOT NULL, -- the median
	low    INTEGER NOT NULL,
	high   INTEGER NOT NULL,
	probes INTEGER NOT NULL,
	loss   REAL NOT NULL,    -- share of the probes
	rx     INTEGER NOT NULL,
	tx     INTEGER NOT NULL,
	PRIMARY KEY (at, wan)    -- time first: what is written together stands together
) STRICT, WITHOUT ROWID;

CREATE TABLE hours (
	at     INTEGER NOT NULL,
	wan    TEXT NOT NULL,
	state  TEXT NOT NULL,
	active INTEGER NOT NULL,
	rtt    INTEGER NOT NULL,
	low    INTEGER NOT NULL,
	high   INTEGER NOT NULL,
	probes INTEGER NOT NULL,
	loss   REAL NOT NULL,
	rx     INTEGER NOT NULL,
	tx     INTEGER NOT NULL,
	PRIMARY KEY (at, wan)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
	day TEXT NOT NULL,    -- 2006-01-02, of the house's own time
	wan TEXT NOT NULL,
	rx  INTEGER NOT NULL, -- bytes
	tx  INTEGER NOT NULL,
	PRIMARY KEY (day, wan)
) STRICT, WITHOUT ROWID;

CREATE TABLE shelf (
	id    INTEGER PRIMARY KEY, -- in the order in which they were put first
	shelf TEXT NOT NULL,
	key   TEXT NOT NULL,
	at    INTEGER NOT NULL,
	value BLOB NOT NULL,
	UNIQUE (shelf, key)
) STRICT;
`

// newerError is a file of a version that we do not know: that of an update that went back, which will come again.
type newerError struct{ version, known int }

func (e *newerError) Error() string {
	return fmt.Sprintf("%s is of version %d, this program knows %d: it is left alone\nhint: update to the version that wrote it, or move it away",
		name, e.version, e.known)
}

// refuseNewer looks before anything else is done to the file.
func refuseNewer(db *sql.DB, known int) error {
	if _, err := db.Exec(exclusive); err != nil { // or the look would make an index file
		return err
	}
	version, err := versionOf(db)
	if err == nil && version > known {
		return &newerError{version, known}
	}
	return err
}

func versionOf(db *sql.DB) (version int, err error) {
	err = db.QueryRow("PRAGMA user_version").Scan(&version)
	return version, err
}

// migrate brings the file to the newest version, each step as a whole.
func migrate(db *sql.DB, steps []string) error {
	version, err := versionOf(db)
	if err != nil {
		return err
	}
	for ; version < len(steps); version++ {
		err := transact(db, func(tx *sql.Tx) error {
			if _, err := tx.Exec(steps[version]); err != nil {
				return err
			}
			_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", version+1))
			return err
		})
		if err != nil {
			return fmt.Errorf("make version %d of version %d: %w", version+1, version, err)
		}
	}
	return nil
}

// transact does f as a whole or not at all.
func transact(db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the first error says why
		return err
	}
	return tx.Commit()
}
