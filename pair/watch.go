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
	"reflect"
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

	mu    sync.Mutex
	peer  netip.Addr
	heard *meeting // over the link between the two; nil: its page is asked
	wake  chan struct{}
}

// NewWatch returns a Watch that tells what it sees for as long as it runs. Tell must not block.
func NewWatch(snapshot func() *router.Snapshot, tell func(router.PeerSeen), log *slog.Logger) *Watch {
	return &Watch{snapshot: snapshot, tell: tell, log: log, http: neighbour(), wake: make(chan struct{}, 1)}
}

// Use takes the other router's address; one that is not valid: there is none.
func (w *Watch) Use(peer netip.Addr) {
	w.mu.Lock()
	w.peer, w.heard = peer, nil
	w.mu.Unlock()
	w.look()
}

// Hear takes what the other router shows over the link between the two, a Viewer's text; us is this router's address there. For as long as it
// goes on coming, the other router's page is not asked.
func (w *Watch) Hear(text []byte, us netip.Addr) error {
	m := &meeting{us: us, at: time.Now(), theirs: new(status)}
	if len(text) > mostShown {
		return fmt.Errorf("read what the other router shows: %d bytes, more than %d", len(text), mostShown)
	}
	if err := json.Unmarshal(text, m.theirs); err != nil {
		return fmt.Errorf("read what the other router shows: %w", err)
	}
	w.mu.Lock()
	m.peer = w.peer
	w.heard = m
	w.mu.Unlock()
	w.look()
	return nil
}

// Part says that the link is no more: the other router's page is asked again.
func (w *Watch) Part() {
	w.mu.Lock()
	w.heard = nil
	w.mu.Unlock()
	w.look()
}

func (w *Watch) look() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// told is what the link has brought, unless that is old.
func (w *Watch) told() (netip.Addr, *meeting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.heard != nil && time.Since(w.heard.at) > 2*again {
		w.heard = nil
	}
	return w.peer, w.heard
}

// Run asks the other router how it is, again and again, until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(visits)
	defer tick.Stop()
	defer w.http.CloseIdleConnections()
	var last meeting
	for {
		last = w.visit(ctx, last)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-w.wake:
		}
	}
}

// visit looks at the other router once, and tells what it is like by now.
func (w *Watch) visit(ctx context.Context, last meeting) meeting {
	peer, heard := w.told()
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
	m, err := w.meet(ctx, peer, heard)
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

// meet takes what the link has brought, or asks the other router's page.
func (w *Watch) meet(ctx context.Context, peer netip.Addr, heard *meeting) (meeting, error) {
	if heard != nil {
		return *heard, nil
	}
	return w.ask(ctx, peer)
}

// alike reports whether two views differ at most in when the other router last answered.
func alike(a, b router.PairView) bool {
	a.Seen, b.Seen = nil, nil
	return reflect.DeepEqual(a, b)
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
