package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Stream is one long TCP connection from a device to the echo server. It stands for a download, a shell or, when idle,
// for an app that waits for a push: what matters is whether it survives and, if not, how soon it is told.
type Stream struct {
	conn     net.Conn
	interval time.Duration
	stop     chan struct{}
	hushed   chan struct{} // closed: no more records
	tasks    sync.WaitGroup

	mu      sync.Mutex
	quiet   time.Time // since when hushed; zero: it is not
	last    time.Time // of the last answer, at first of the start
	stall   time.Duration
	sent    int
	answers int
	ended   time.Time
	cause   error
}

// StreamInterval is the usual time between two records.
const StreamInterval = 10 * time.Millisecond

const recordSize = 8

// StartStream connects and sends a record at each interval; with interval 0 the connection idles after one record.
func (d *Device) StartStream(ctx context.Context, interval time.Duration) (*Stream, error) {
	return d.startStream(ctx, echoServer(), interval)
}

func (d *Device) startStream(ctx context.Context, server netip.AddrPort, interval time.Duration) (*Stream, error) {
	conn, err := d.Dial(ctx, "tcp", server.String())
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	return newStream(conn, interval), nil
}

// newStream sends records over a connection whose other end echoes them.
func newStream(conn net.Conn, interval time.Duration) *Stream {
	s := &Stream{conn: conn, interval: interval, stop: make(chan struct{}), hushed: make(chan struct{}), last: time.Now()}
	s.record()
	s.tasks.Go(s.read)
	if interval > 0 {
		s.tasks.Go(s.write)
	}
	return s
}

func (s *Stream) write() {
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.hushed:
			return
		case <-tick.C:
			s.record()
		}
	}
}

func (s *Stream) record() {
	s.mu.Lock()
	s.sent++
	s.mu.Unlock()
	if _, err := s.conn.Write(make([]byte, recordSize)); err != nil {
		s.end(err)
	}
}

func (s *Stream) read() {
	buffer := make([]byte, 4096)
	rest := 0
	for {
		n, err := s.conn.Read(buffer)
		if err != nil {
			s.end(err)
			return
		}
		rest += n
		s.answered(rest / recordSize)
		rest %= recordSize
	}
}

func (s *Stream) answered(records int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.interval > 0 && s.quiet.IsZero() {
		s.stall = max(s.stall, now.Sub(s.last))
	}
	s.last = now
	s.answers += records
}

// end notes the first error only, and none that Stop causes.
func (s *Stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil && !stopped(s.stop) {
		s.ended, s.cause = time.Now(), err
	}
}

// settled reports whether every record has been answered or the connection broke.
func (s *Stream) settled() bool {
	r := s.Result()
	return r.Cause != nil || r.Answered == r.Sent
}

// hush ends the sending of records; answers still count.
func (s *Stream) hush() {
	close(s.hushed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = time.Now()
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// Stop closes the connection and returns the result.
func (s *Stream) Stop() StreamResult {
	r := s.Result()
	close(s.stop)
	_ = s.conn.Close()
	s.tasks.Wait()
	return r
}

// StreamResult is what a Stream has measured.
type StreamResult struct {
	Sent, Answered int           // records
	Stall          time.Duration // the longest time without an answer; 0 for an idle one
	Last           time.Time     // of the last answer
	Ended          time.Time     // when the connection broke; zero while it lives
	Cause          error         // why it broke; nil while it lives
}

// Result is what has been measured so far.
func (s *Stream) Result() StreamResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := StreamResult{Sent: s.sent, Answered: s.answers, Stall: s.stall, Last: s.last, Ended: s.ended, Cause: s.cause}
	if s.interval > 0 {
		until := time.Now()
		switch {
		case s.cause != nil:
			until = s.ended
		case !s.quiet.IsZero():
			until = s.quiet
		}
		r.Stall = max(r.Stall, until.Sub(s.last))
	}
	return r
}

// survived reports whether the connection lives and was never silent for long; an idle one must have answered everything.
func (r StreamResult) survived() bool {
	const long = time.Second
	return r.Cause == nil && r.Answered > 0 && r.Stall < long && (r.Answered == r.Sent || r.Stall > 0)
}

// Told is how long after a moment the connection broke: negative before it, 0 while it lives.
func (r StreamResult) Told(after time.Time) time.Duration {
	if r.Cause == nil {
		return 0
	}
	return r.Ended.Sub(after)
}

func (r StreamResult) String() string {
	if r.Cause != nil {
		return fmt.Sprintf("broken after %d of %d records: %v", r.Answered, r.Sent, r.Cause)
	}
	return fmt.Sprintf("alive, %d of %d records answered, longest stall %s", r.Answered, r.Sent, round(r.Stall))
}
