package sentinel

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// machine is the clock and the kernel that stamps are made with.
type machine struct {
	dir  string
	set  time.Duration // by how much somebody has set the clock
	boot byte
	said strings.Builder
}

func (m *machine) clock() time.Time { return time.Now().Add(m.set) }

func (m *machine) stamps() *Stamps {
	began := time.Now()
	kernel := func() bootTime { return bootTime{id: [36]byte{'a' + m.boot}, since: time.Since(began.Add(-time.Hour))} }
	if m.boot == 0 {
		began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // the same for each start: synctest's clock begins here
	}
	return newStamps(m.dir, slog.New(slog.NewTextHandler(&m.said, nil)), m.clock, kernel)
}

func number(s packet.Stamp) uint64 {
	return uint64(s.Seconds)<<32 | uint64(s.Fraction)<<16 | uint64(s.Counter)
}

// grow takes n stamps, and fails unless each is above the one before. It returns the last.
func grow(t *testing.T, s *Stamps, n int, last packet.Stamp) packet.Stamp {
	t.Helper()
	for range n {
		next := s.Next()
		if number(next) <= number(last) {
			t.Fatalf("%+v after %+v", next, last)
		}
		last = next
	}
	return last
}

// run works with stamps for a while, as one process does.
func (m *machine) run(t *testing.T, last packet.Stamp, steps ...func()) packet.Stamp {
	t.Helper()
	s := m.stamps()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for _, step := range append(steps, func() {}) {
		last = grow(t, s, 100, last)
		synctest.Wait()
		step()
		last = grow(t, s, 100, last)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return last
}

func TestStampsGrowWhateverTheClockDoes(t *testing.T) {
	back := -365 * 24 * time.Hour
	for name, c := range map[string]func(m *machine){
		"restart":                         func(*machine) {},
		"restart, clock set back":         func(m *machine) { m.set += back },
		"reboot":                          func(m *machine) { m.boot++ },
		"reboot, clock set back":          func(m *machine) { m.boot++; m.set += back },
		"restart long after":              func(*machine) { time.Sleep(30 * time.Hour) },
		"restart long after, clock back":  func(m *machine) { time.Sleep(30 * time.Hour); m.set += back },
		"clock set ahead, reboot, back":   func(m *machine) { m.boot++; m.set += back },
		"no boot time known, set back":    func(m *machine) { m.boot = 255 - 'a' + 1; m.set += back },
		"restarted at once, again, again": func(*machine) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &machine{dir: t.TempDir()}
				sleep := func() { time.Sleep(100 * time.Minute) }
				jump := func() { m.set -= back; time.Sleep(time.Second) }
				last := m.run(t, packet.Stamp{}, sleep, func() { m.set += back / 2 }, sleep, jump)
				for range 3 {
					c(m)
					last = m.run(t, last, sleep, sleep)
				}
				if m.said.Len() > 0 {
					t.Errorf("it complains: %s", m.said.String())
				}
			})
		})
	}
}

func TestStampsStayWithTheClockOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{dir: t.TempDir()}
		var last packet.Stamp
		for range 20 {
			time.Sleep(time.Minute)
			last = m.run(t, last, func() { time.Sleep(time.Minute) })
			if off := int64(last.Seconds) - time.Now().Unix(); off < 0 || off > 2 {
				t.Fatalf("the stamps are %d s ahead of the clock after a restart", off)
			}
		}
	})
}

func TestStampsOutlastADiskThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{dir: filepath.Join(t.TempDir(), "gone")}
		m.run(t, packet.Stamp{}, func() { time.Sleep(4 * time.Hour) })
		said := m.said.String()
		if n := strings.Count(said, "\n"); n == 0 || n > 24 {
			t.Errorf("%d complaints in four hours:\n%s", n, said)
		}
		if !strings.Contains(said, "reserve hmac time stamps") {
			t.Errorf("it says %s", said)
		}
	})
}

func TestStampsNeverWaitForTheDisk(t *testing.T) {
	m := &machine{dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(m.dir, stampLog), 0o700); err != nil { // neither readable nor replaceable
		t.Fatal(err)
	}
	s := m.stamps()
	if !strings.Contains(m.said.String(), "the last hmac time stamp is lost") {
		t.Errorf("it says %q of a file that cannot be read", m.said.String())
	}
	grow(t, s, 200_000, packet.Stamp{}) // nobody runs it: more than one counter's worth
}

func TestStampsOfATornFileAreTold(t *testing.T) {
	m := &machine{dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(m.dir, stampLog), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	grow(t, m.stamps(), 10, packet.Stamp{})
	if !strings.Contains(m.said.String(), "the last hmac time stamp is lost") {
		t.Errorf("it says %q", m.said.String())
	}
}
