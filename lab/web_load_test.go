package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// readers ask for the status again and again, from the house.
type readers struct {
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	start   time.Time
	answers atomic.Int64
	refused atomic.Int64
	slowest atomic.Int64 // nanoseconds
}

// readStatus starts so many connections that ask for the status so often a second together.
func readStatus(d *Device, address string, connections, rate int) *readers {
	ctx, cancel := context.WithCancel(context.Background())
	r := &readers{cancel: cancel, start: time.Now()}
	for i := range connections {
		r.tasks.Go(func() {
			pace := time.Second * time.Duration(connections) / time.Duration(rate)
			_ = pause(ctx, pace*time.Duration(i)/time.Duration(connections)) // spread
			for ctx.Err() == nil {
				if err := r.connection(ctx, d, address, pace); err != nil && ctx.Err() == nil {
					r.refused.Add(1)
					_ = pause(ctx, look)
				}
			}
		})
	}
	return r
}

// connection asks at a steady pace over one connection. An answer that is late makes up for it.
func (r *readers) connection(ctx context.Context, d *Device, address string, pace time.Duration) error {
	conn, err := d.Dial(ctx, "tcp4", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	question := fmt.Appendf(nil, "GET /api/v1/status HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	in := bufio.NewReader(conn)
	for next := time.Now(); ctx.Err() == nil; next = next.Add(pace) {
		_ = pause(ctx, time.Until(next))
		asked := time.Now()
		if _, err := conn.Write(question); err != nil {
			return err
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("status: %s", answer.Status)
		}
		r.answers.Add(1)
		took := int64(time.Since(asked))
		for old := r.slowest.Load(); took > old && !r.slowest.CompareAndSwap(old, took); old = r.slowest.Load() {
		}
	}
	return nil
}

// stop ends them and returns how many answers a second they got.
func (r *readers) stop() (rate float64) {
	rate = float64(r.answers.Load()) / time.Since(r.start).Seconds()
	r.cancel()
	r.tasks.Wait()
	return rate
}

// The load under which a failing line must be felt as little as without (issue 5, "must show").
const (
	readRate        = 1000
	readSpan        = 10 * time.Second
	readConnections = 16
)

// TestPageUnderLoad measures what clients feel of a failing line, without and with a thousand requests a second for the
// page's status. The promises are those of the quiet house.
func TestPageUnderLoad(t *testing.T) {
	house := Default()
	house.Clients = append(house.Clients, Client{Name: "tablet", Address: "192.168.1.101/24", Gateway: "192.168.1.1"})
	for _, c := range []struct {
		chapter Chapter
		happen  func(*House) error
	}{
		{Chapter{Title: "cable pulled", Broken: true, Promise: CablePromise}, cut},
		{Chapter{Title: "dead beyond the first hop", Broken: true, Promise: HolePromise, Spare: SparePromise}, hole(Beyond)},
	} {
		for _, load := range []int{0, readRate} {
			var gap, told, carried, rates figures
			for i := range runs(t) {
				t.Run(fmt.Sprintf("%s/%d a second/%d", c.chapter.Title, load, i+1), func(t *testing.T) {
					got, rate := underReaders(t, house, c.chapter, c.happen, load, i)
					if !got.Kept() || slow(rate, load) {
						t.Logf("again, because a promise was broken, or because %.0f requests a second were not the load", rate)
						got, rate = underReaders(t, house, c.chapter, c.happen, load, i)
					}
					if !got.Kept() {
						t.Errorf("a promise is broken: udp: %s; stream: %s, told %s; idle: %s, told %s", got.UDP, got.Stream, got.Told, got.Idle, got.ToldIdle)
					}
					if slow(rate, load) {
						t.Errorf("%.0f requests a second were answered, want %d", rate, load)
					}
					gap, told = append(gap, ms(got.UDP.Gap)), append(told, ms(max(got.Told, 0)))
					carried, rates = append(carried, ms(got.Took)), append(rates, rate)
				})
			}
			t.Logf("FIGURE %s, %s status requests a second: UDP gap %s ms, TCP told %s ms after the switch, carried after %s ms",
				c.chapter.Title, rates.text("%.0f"), gap.text("%.0f"), told.text("%.0f"), carried.text("%.0f"))
		}
	}
}

// slow reports whether the readers got much less than they were to ask for.
func slow(rate float64, load int) bool { return rate < 0.95*float64(load) }

func underReaders(t *testing.T, house Home, c Chapter, happen func(*House) error, load, run int) (got Chapter, rate float64) {
	t.Helper()
	h, b, d := home(t, house, DefaultConfig+PageConfig)
	defer h.Close()
	await(t, b, "both lines are up", on("fibre"))
	if load > 0 {
		eventually(t, "the page answers", func() bool {
			_, err := h.Devices[1].Run("curl -sf -m 1 -o /dev/null " + gatewayPage + "/api/v1/status")
			return err == nil
		})
		r := readStatus(h.Devices[1], "192.168.1.1:80", readConnections, load)
		defer func() {
			sleepUntil(r.start.Add(readSpan)) // the length of the load is the input of the test
			rate = r.stop()
			t.Logf("slowest answer %s, %d connections refused or broken", round(time.Duration(r.slowest.Load())), r.refused.Load())
		}()
		eventually(t, "the readers are at full speed", func() bool { return r.answers.Load() > int64(load)/2 })
	}
	const step = 137 * time.Millisecond // several runs hit the daemon's probes at different moments
	s := &stage{w: t.Output(), house: h, box: b, device: d, good: h.Lines[0], spare: h.Lines[1], start: time.Now(),
		phase: time.Duration(run) * step}
	got, err := s.chapter(t.Context(), c, func() error { return happen(h) })
	must(t, err)
	return got, 0
}
