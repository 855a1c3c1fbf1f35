package pair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// visits is how often the other router is asked how it is, and gone how long it may be silent until it counts as away:
	// two visits that miss.
	visits = 5 * time.Second
	gone   = 15 * time.Second
	// quick is how long it may take to answer: it is on the same LAN.
	quick = 2 * time.Second
	// biggest is the largest status that it may have, and clause the longest text of it that is shown: everybody gets it, again
	// and again.
	biggest, clause = 256 << 10, 300
)

// Watch looks how the other router of the pair is. It is safe for concurrent use.
type Watch struct {
	snapshot func() *router.Snapshot // our own
	tell     func(router.PeerSeen)
	log      *slog.Logger
	http     *http.Client
	port     string // of the other router's page; empty: HTTP's own

	mu   sync.Mutex
	peer netip.Addr
	wake chan struct{}
}

// NewWatch returns a Watch that tells what it sees for as long as it runs. Tell must not block.
func NewWatch(snapshot func() *router.Snapshot, tell func(router.PeerSeen), log *slog.Logger) *Watch {
	return &Watch{snapshot: snapshot, tell: tell, log: log, http: neighbour(), wake: make(chan struct{}, 1)}
}

// Use takes the other router's address; one that is not valid: there is none.
func (w *Watch) Use(peer netip.Addr) {
	w.mu.Lock()
	w.peer = peer
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run asks the other router how it is, again and again, until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(visits)
	defer tick.Stop()
	defer w.http.CloseIdleConnections()
	var last meeting
	for {
		last = w.look(ctx, last)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-w.wake:
		}
	}
}

// look visits the other router once, and tells what it is like by now.
func (w *Watch) look(ctx context.Context, last meeting) meeting {
	w.mu.Lock()
	peer := w.peer
	w.mu.Unlock()
	now := time.Now()
	if peer != last.peer {
		last = meeting{peer: peer, began: now}
		if !peer.IsValid() {
			w.tell(router.PeerSeen{})
		}
	}
	if !peer.IsValid() {
		return last
	}
	m, err := w.ask(ctx, peer)
	switch {
	case err == nil:
		m.began, m.told, m.toldAt = last.began, last.told, last.toldAt
		last = m
	case ctx.Err() != nil:
		return last
	default:
		w.log.Debug("the other router does not answer", "err", err)
	}
	now = time.Now()
	if last.at.IsZero() && now.Sub(last.began) < gone {
		return last // it is too early to say that it is away
	}
	// Each news costs the house's readers a new page: that it is still so is said once a minute.
	view := last.seenBy(w.snapshot(), now)
	if last.told == nil || !alike(*last.told, *view) || now.Sub(last.toldAt) >= time.Minute {
		last.told, last.toldAt = view, now
		w.tell(router.PeerSeen{View: view})
	}
	return last
}

// alike reports whether two views differ at most in when the other router last answered.
func alike(a, b router.PairView) bool {
	a.Seen, b.Seen = nil, nil
	return a == b
}

// neighbour asks a box in the house: no proxy is between, and no redirect leads elsewhere.
func neighbour() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: quick, KeepAlive: -1}).DialContext, MaxIdleConns: 1, IdleConnTimeout: 2 * visits,
			MaxResponseHeaderBytes: 16 << 10, ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// plain is an HTTP client's error without the address, which its reader knows.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// ask fetches the other router's own status.
func (w *Watch) ask(ctx context.Context, peer netip.Addr) (meeting, error) {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	m := meeting{peer: peer}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(c httptrace.GotConnInfo) { m.us = addrOf(c.Conn.LocalAddr()) },
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, pageOf(peer, w.port)+"/api/v1/status", nil)
	if err != nil {
		return m, err
	}
	answer, err := w.http.Do(request)
	if err != nil {
		return m, fmt.Errorf("ask %s how it is: %w", peer, plain(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return m, fmt.Errorf("ask %s how it is: it answers %s", peer, answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, biggest+1))
	switch {
	case err != nil:
		return m, fmt.Errorf("ask %s how it is: %w", peer, err)
	case len(text) > biggest:
		return m, fmt.Errorf("ask %s how it is: it says too much", peer)
	}
	m.theirs, m.at = new(status), time.Now()
	if err := json.Unmarshal(text, m.theirs); err != nil {
		return m, fmt.Errorf("ask %s how it is: %w", peer, err)
	}
	return m, nil
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
