package sentinel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

const (
	// ahead is how far the reservation on disk is ahead of the stamps in use, renewed twice as often: one small write an hour
	// or so, and a clock that a power cut has set back does not make stamps of the past.
	ahead    = 2 * time.Hour
	stampLog = "vrrp-stamp"
)

// Stamps makes the time stamps of hmac adverts: each is greater than every one before it on this machine, whatever the
// clock does.
type Stamps struct {
	path string
	log  *slog.Logger

	mu       sync.Mutex
	last     int64 // of the stamps so far: units of 1/65536 s since 1970
	counter  uint16
	reserved int64
}

const second = 1 << 16

// NewStamps continues after what is reserved in the state directory.
func NewStamps(state string, log *slog.Logger) *Stamps {
	s := &Stamps{path: filepath.Join(state, stampLog), log: log}
	text, err := os.ReadFile(s.path)
	switch {
	case err == nil && len(text) == 8:
		s.last = int64(binary.BigEndian.Uint64(text))
	case !errors.Is(err, fs.ErrNotExist):
		log.Warn("the last hmac time stamp is lost: peers may reject adverts if the clock was set back", "file", s.path, "err", err)
	}
	return s
}

// Next returns the next stamp. It never blocks on the disk.
func (s *Stamps) Next() packet.Stamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if t := now.Unix()*second + int64(now.Nanosecond())*second/int64(time.Second); t > s.last {
		s.last, s.counter = t, 0
	} else if s.counter++; s.counter == 0 {
		s.last++
	}
	return packet.Stamp{Seconds: uint32(s.last / second), Fraction: uint16(s.last % second), Counter: s.counter}
}

// Run keeps the reservation ahead until ctx ends.
func (s *Stamps) Run(ctx context.Context) error {
	tick := time.NewTicker(ahead / 4)
	defer tick.Stop()
	for {
		if err := s.reserve(); err != nil {
			s.log.Warn("reserve hmac time stamps", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Stamps) reserve() error {
	s.Next()
	s.mu.Lock()
	last, reserved := s.last, s.reserved
	s.mu.Unlock()
	if reserved-last > int64(ahead/time.Second)*second/2 {
		return nil
	}
	reserved = last + int64(ahead/time.Second)*second
	text := binary.BigEndian.AppendUint64(nil, uint64(reserved))
	if err := os.WriteFile(s.path+".new", text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return fmt.Errorf("replace %s: %w", s.path, err)
	}
	s.mu.Lock()
	s.reserved = reserved
	s.mu.Unlock()
	return nil
}
