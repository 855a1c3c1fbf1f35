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

	"golang.org/x/sys/unix"

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
//
// After a boot they go on behind the reservation. A process that is only started again knows from the kernel how much time
// has passed, and stays with the clock: peers that want stamps near their own time would not accept others.
type Stamps struct {
	path  string
	log   *slog.Logger
	clock func() time.Time
	boot  func() bootTime
	low   chan struct{} // the reservation is

	mu       sync.Mutex
	last     int64 // of the stamps so far: units of 1/65536 s since 1970
	counter  uint16
	reserved int64
}

// bootTime says which run of the kernel this is, and for how long it has been.
type bootTime struct {
	id    [36]byte
	since time.Duration
}

// onDisk is the reservation's file, in network order.
type onDisk struct {
	Reserved, Last int64
	Boot           [36]byte
	Since          int64 // nanoseconds from the boot until Last
}

const second = 1 << 16

// NewStamps continues after what is reserved in the state directory.
func NewStamps(state string, log *slog.Logger) *Stamps {
	return newStamps(state, log, time.Now, thisBoot)
}

func newStamps(state string, log *slog.Logger, clock func() time.Time, boot func() bootTime) *Stamps {
	s := &Stamps{path: filepath.Join(state, stampLog), log: log, clock: clock, boot: boot, low: make(chan struct{}, 1)}
	var file onDisk
	text, err := os.ReadFile(s.path)
	if err == nil {
		_, err = binary.Decode(text, binary.BigEndian, &file)
	}
	switch {
	case err == nil:
		s.last, s.reserved = after(file, boot()), file.Reserved
	case !errors.Is(err, fs.ErrNotExist):
		log.Warn("the last hmac time stamp is lost: peers may reject adverts if the clock was set back", "file", s.path, "err", err)
	}
	return s
}

// after returns a stamp above all that were made since the file was written.
func after(f onDisk, now bootTime) int64 {
	if f.Boot != now.id || now.id == [36]byte{} {
		return f.Reserved
	}
	return f.Last + units(now.since-time.Duration(f.Since)) + second
}

func units(d time.Duration) int64 {
	return int64(d/time.Second)*second + int64(d%time.Second)*second/int64(time.Second)
}

// thisBoot asks the kernel (proc_sys_kernel(5), clock_gettime(2)).
func thisBoot() (b bootTime) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	var t unix.Timespec
	if err == nil && unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) == nil {
		copy(b.id[:], text)
		b.since = time.Duration(t.Nano())
	}
	return b
}

// Next returns the next stamp. It never blocks on the disk.
func (s *Stamps) Next() packet.Stamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if t := now.Unix()*second + int64(now.Nanosecond())*second/int64(time.Second); t > s.last {
		s.last, s.counter = t, 0
	} else if s.counter++; s.counter == 0 {
		s.last++
	}
	if s.scarce() {
		select {
		case s.low <- struct{}{}:
		default:
		}
	}
	return packet.Stamp{Seconds: uint32(s.last / second), Fraction: uint16(s.last % second), Counter: s.counter}
}

// scarce reports whether less than half of the reservation is left.
func (s *Stamps) scarce() bool { return s.reserved-s.last < units(ahead)/2 }

// Run keeps the reservation ahead until ctx ends.
func (s *Stamps) Run(ctx context.Context) error {
	for {
		s.Next()
		select {
		case <-ctx.Done():
			return nil
		case <-s.low:
		case <-time.After(ahead / 4):
			continue
		}
		if err := s.reserve(); err != nil {
			s.log.Warn("reserve hmac time stamps", "err", err)
			select { // not once per advert
			case <-ctx.Done():
				return nil
			case <-time.After(ahead / 8):
			}
		}
	}
}

func (s *Stamps) reserve() error {
	boot := s.boot()
	s.mu.Lock()
	last, enough := s.last, !s.scarce()
	s.mu.Unlock()
	if enough {
		return nil
	}
	file := onDisk{Reserved: last + units(ahead), Last: last, Boot: boot.id, Since: int64(boot.since)}
	text, err := binary.Append(nil, binary.BigEndian, file)
	if err != nil {
		return fmt.Errorf("encode the reservation: %w", err)
	}
	if err := os.WriteFile(s.path+".new", text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return fmt.Errorf("replace %s: %w", s.path, err)
	}
	s.mu.Lock()
	s.reserved = file.Reserved
	s.mu.Unlock()
	return nil
}
