package site

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// everyStream and oneStream bound those who follow the state live; a page in the background does not.
	everyStream = 64
	oneStream   = 16
	// heartbeat is how often a stream says that it lives. A page calls itself stale after 15 s without.
	heartbeat = 10 * time.Second
	// breath is the least time between two snapshots of a stream: the eye is not faster.
	breath = 100 * time.Millisecond
)

// streams counts those who follow the state live. The zero value is empty.
type streams struct {
	mu  sync.Mutex
	all int
	by  map[netip.Addr]int
	end <-chan struct{} // closed when all of them are to end; nil: never
}

// enter takes one more of a source, if there is room.
func (s *streams) enter(source netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[netip.Addr]int{}
	}
	if s.all >= everyStream || s.by[source] >= oneStream {
		return false
	}
	s.all++
	s.by[source]++
	return true
}

func (s *streams) leave(source netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.by[source]--; s.by[source] == 0 {
		delete(s.by, source)
	}
}

// stream sends the snapshot at once and whenever it changes, as server-sent events (WHATWG HTML §9.2). A slow reader misses
// those in between.
func (s *Site) stream(w http.ResponseWriter, r *http.Request) {
	source := remoteAddr(r)
	if !s.streams.enter(source) {
		w.Header().Set("Retry-After", "5")
		s.fail(w, r, http.StatusServiceUnavailable, "too many follow the state live", "ask for /api/v1/status now and then")
		return
	}
	defer s.streams.leave(source)
	w.Header().Set("Content-Type", "text/event-stream")
	out := piecewise{w, http.NewResponseController(w)}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	if out.write(": twinpath\nretry: 2000\n\n") != nil {
		return
	}
	for sent := uint64(0); ; {
		next := s.hub.next()
		if now := s.hub.seen(); now != nil && now.number != sent {
			sent = now.number
			if out.write(now.event()) != nil {
				return
			}
			rest(r, breath)
		}
		select {
		case <-next:
		case <-tick.C:
			if out.write(": beat\n"+s.hub.seen().beat()) != nil {
				return
			}
		case <-s.streams.end:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// rest waits, unless the reader goes away.
func rest(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// event is the snapshot, or that there is none to be trusted.
func (n *seen) event() string {
	if n.silent.IsZero() {
		return "data: " + string(n.json.plain) + "\n"
	}
	return n.beat()
}

// beat says whether the daemon answers.
func (n *seen) beat() string {
	b := struct {
		Daemon string    `json:"daemon"` // ok, silent or unknown
		Since  time.Time `json:"since,omitzero"`
	}{Daemon: "ok"}
	switch {
	case n == nil:
		b.Daemon = "unknown"
	case !n.silent.IsZero():
		b.Daemon, b.Since = "silent", n.silent.UTC()
	}
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // a word and a time
	}
	return fmt.Sprintf("event: beat\ndata: %s\n\n", text)
}

// piecewise writes an answer that has no end: each piece has its own time.
type piecewise struct {
	to  http.ResponseWriter
	out *http.ResponseController
}

func (p piecewise) write(text string) error {
	_ = p.out.SetWriteDeadline(time.Now().Add(patience)) // a recorder in a test has none
	if _, err := p.to.Write([]byte(text)); err != nil {
		return err
	}
	return p.out.Flush()
}
