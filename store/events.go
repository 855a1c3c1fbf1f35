// Package store keeps what happened. It owns the event file in the state directory.
//
// Events are lines of JSON, appended and synced one by one, in two files that take turns: bounded, and a power cut costs at
// most the line being written. A full disk costs history, never routing.
package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// half is the size at which the newer file takes the older one's place: both together hold some 20,000 events.
	half = 2 << 20
	// waiting is how many events may wait for a slow disk before they are dropped and counted.
	waiting = 1024
	// longest is the longest line that is read back; ours are a tenth of it.
	longest = 64 << 10
)

// Events is the history. Make it with NewEvents; Run writes.
type Events struct {
	dir string
	log *slog.Logger
	box chan router.Event

	mu      sync.Mutex
	dropped int
	failing bool
}

// NewEvents returns the history kept in a directory. It opens nothing.
func NewEvents(dir string, log *slog.Logger) *Events {
	return &Events{dir: dir, log: log, box: make(chan router.Event, waiting)}
}

// Record takes an event in. It never blocks; what does not fit is dropped and counted.
func (e *Events) Record(event router.Event) {
	select {
	case e.box <- event:
	default:
		e.mu.Lock()
		e.dropped++
		e.mu.Unlock()
	}
}

// Run writes events until ctx ends, then what is left in the box.
func (e *Events) Run(ctx context.Context) error {
	for {
		select {
		case event := <-e.box:
			e.write(event)
		case <-ctx.Done():
			for {
				select {
				case event := <-e.box:
					e.write(event)
				default:
					return nil
				}
			}
		}
	}
}

// write appends one event and says once when that stops working, and once when it works again.
func (e *Events) write(event router.Event) {
	err := e.append(event)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil && !e.failing:
		e.log.Error("events are not kept any more; routing goes on", "err", err)
	case err == nil && e.failing:
		e.log.Info("events are kept again", "dropped", e.dropped)
	}
	e.failing = err != nil
	if err != nil {
		e.dropped++
	}
}

func (e *Events) append(event router.Event) error {
	line, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if err := e.turn(); err != nil {
		return err
	}
	file, err := os.OpenFile(e.newer(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	defer file.Close()
	if torn(file) {
		line = append([]byte{'\n'}, line...)
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("append to %s: %w", e.newer(), err)
	}
	return file.Sync()
}

// torn reports whether the file ends in half a line: a power cut or a full disk.
func torn(file *os.File) bool {
	at, err := file.Stat()
	if err != nil || at.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = file.ReadAt(last, at.Size()-1)
	return err == nil && last[0] != '\n'
}

// turn makes the newer file the older one when it has its size.
func (e *Events) turn() error {
	at, err := os.Stat(e.newer())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || at.Size() < half {
		return err
	}
	return os.Rename(e.newer(), e.older())
}

func (e *Events) newer() string { return filepath.Join(e.dir, "events.jsonl") }
func (e *Events) older() string { return filepath.Join(e.dir, "events.older.jsonl") }

// Since returns the kept events that are not older than t, oldest first. Lines that cannot be read are left out.
func (e *Events) Since(t time.Time) ([]router.Event, error) {
	events := []router.Event{}
	for _, path := range []string{e.older(), e.newer()} {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, longest)
		for lines.Scan() {
			var event router.Event
			if json.Unmarshal(lines.Bytes(), &event) == nil && !event.Time.Before(t) {
				events = append(events, event)
			}
		}
	}
	return events, nil
}
