package store

import (
	"fmt"
	"slices"
	"time"
)

// largestItem is in bytes.
const largestItem = 64 << 10

// Shelf keeps small things over restarts and power cuts: at most 1000 of 64 KiB, of more the newest. While the disk fails it is
// in memory, and reaches the disk later.
type Shelf struct {
	db   *DB
	name string
}

// Item is a thing on a Shelf.
type Item struct {
	Key   string
	Value []byte
	At    time.Time // of the last Put
}

// Shelf returns the shelf of a name. It need not be made.
func (d *DB) Shelf(name string) *Shelf { return &Shelf{d, name} }

// Put puts a thing on the shelf, in place of one of the same key. It is on the disk when Put returns; with an error, which takes two
// seconds at most, it is in memory until the disk takes it.
func (s *Shelf) Put(key string, value []byte) error {
	if len(value) > largestItem {
		return fmt.Errorf("keep %s: %d bytes, more than %d", key, len(value), largestItem)
	}
	return s.settle(item{shelf: s.name, key: key, value: append([]byte{}, value...), at: time.Now()})
}

// Drop takes a thing off the shelf. One that is not there is no error.
func (s *Shelf) Drop(key string) error {
	return s.settle(item{shelf: s.name, key: key, dropped: true})
}

// settle waits until a thing is on the disk.
func (s *Shelf) settle(i item) error {
	told := make(chan error, 1)
	s.db.put(true, func(b *box) int {
		b.told, b.prompt = append(b.told, told), true
		return b.addItem(i)
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-told:
		if err != nil {
			return fmt.Errorf("keep %s: %w", i.key, err)
		}
		return nil
	case <-s.db.ended:
	case <-timer.C:
	}
	return fmt.Errorf("keep %s: %w", i.key, s.db.silence())
}

// All returns what is on the shelf, in the order in which it was put there first. With an error it is what is in memory.
func (s *Shelf) All() ([]Item, error) {
	all, err := look(s.db, func(f *file) ([]Item, error) { return f.shelf(s.name) }, func(all []Item, b *box) []Item {
		for _, i := range b.items {
			if i.shelf != s.name {
				continue
			}
			at := slices.IndexFunc(all, func(old Item) bool { return old.Key == i.key })
			switch {
			case at >= 0 && i.dropped:
				all = slices.Delete(all, at, at+1)
			case at >= 0:
				all[at].Value, all[at].At = slices.Clone(i.value), i.at
			case !i.dropped:
				all = append(all, Item{i.key, slices.Clone(i.value), i.at})
			}
		}
		return all
	})
	all, _ = newest(all, mostItems)
	return all, err
}

func (f *file) shelf(of string) ([]Item, error) {
	rows, err := f.db.Query("SELECT key, value, at FROM shelf WHERE shelf = ? ORDER BY id", of)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	var all []Item
	for rows.Next() {
		var i Item
		var at int64
		if err := rows.Scan(&i.Key, &i.Value, &at); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		i.At = time.UnixMicro(at)
		all = append(all, i)
	}
	return all, rows.Err()
}
