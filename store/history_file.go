package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/twinpath/twinpath/durable"
	"github.com/twinpath/twinpath/router"
)

const (
	// often is how often the file is written, as long as that fits into a day's share.
	often = 10 * time.Minute
	// share is how many bytes a day may be written: an SD card lives for some thousand times its size (chosen here).
	share = 15 << 20
	// block is what a file takes at least, and its directory entry with it.
	block = 4096
	// largest is the largest text that is read back: twice that of mostLines lines.
	largest = 32 << 20
)

// filed is the file: gzipped JSON.
type filed struct {
	Minutes router.Measures `json:"minutes"`
	Tens    router.Measures `json:"tens"`
}

// keep writes the file now and then until ctx ends. Not being able to is said once.
func (h *History) keep(ctx context.Context) {
	wait := time.NewTimer(often)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		wait.Reset(pause(h.save()))
	}
}

// pause is how long to wait after so many bytes.
func pause(size int) time.Duration {
	blocks := (size+block-1)/block + 2
	return max(often, time.Duration(float64(24*time.Hour)*float64(blocks*block)/share))
}

// save replaces the file and returns its size. Failing costs the graph's past, nothing else.
func (h *History) save() int {
	text, err := h.encode()
	if err == nil {
		err = durable.Replace(h.path, text, 0o640)
	}
	switch {
	case err != nil && !h.failing.Swap(true):
		h.log.Warn("measurements are not kept for the next start", "err", err)
	case err == nil && h.failing.Swap(false):
		h.log.Info("measurements are kept again")
	}
	return len(text)
}

func (h *History) encode() ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	now := time.Now()
	if err := json.NewEncoder(z).Encode(filed{h.show(now, 24), h.show(now, 1)}); err != nil {
		return nil, fmt.Errorf("encode measurements: %w", err)
	}
	err := z.Close() // writes what it still has
	return out.Bytes(), err
}

// load takes in what an earlier run saw. A file that cannot be read is none.
func (h *History) load() {
	earlier, err := read(h.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.log.Warn("earlier measurements are lost", "err", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.earlier = earlier
}

func read(path string) (*memory, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(z, largest)) // to its end, where the checksum is
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var k filed
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &memory{tens: remember(k.Tens, hour), minutes: remember(k.Minutes, day)}, nil
}

// remember takes in the lines of a file, as many and as long as ours are.
func remember(m router.Measures, n int) remembered {
	r := remembered{until: m.Until, lines: map[string][]cell{}}
	for _, w := range m.WANs[:min(len(m.WANs), mostLines)] {
		points := w.Points[max(len(w.Points)-n, 0):]
		cells := make([]cell, len(points))
		for i, p := range points {
			cells[i] = cellOf(p)
		}
		r.lines[w.Name] = cells
	}
	return r
}
