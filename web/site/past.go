package site

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// crowded is how many may wait for what the daemon reads from its disk.
const crowded = 16

// Between two questions the daemon is left alone for rests times as long as the one before took, and longestRest at most: somebody in the
// house who asks for another period again and again gets a quarter of its time, and not all of it.
const (
	rests       = 3
	longestRest = 2 * time.Second
)

// past is what of the past readers ask the daemon for: one at a time, and the newest answer is good for a second.
type past struct {
	waiting atomic.Int32
	mu      sync.Mutex
	path    string
	at      time.Time
	next    time.Time // when the daemon may be asked again
	text    []byte
	err     error
}

// busy is an error: too many ask.
type busy struct{}

func (busy) Error() string { return "too many ask for the past" }

// get returns the daemon's answer to a path. While the daemon is silent the last one is as good as any.
func (p *past) get(ctx context.Context, path string, age time.Duration, ask func(context.Context, string) ([]byte, error)) ([]byte, error) {
	if p.waiting.Add(1) > crowded {
		p.waiting.Add(-1)
		return nil, busy{}
	}
	defer p.waiting.Add(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.path == path && p.err == nil && time.Since(p.at) < age {
		return p.text, nil
	}
	if err := spare(ctx, time.Until(p.next)); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, answering)
	defer stop()
	began := time.Now()
	text, err := ask(ctx, path)
	p.path, p.at, p.text, p.err = path, time.Now(), text, err
	p.next = p.at.Add(min(rests*p.at.Sub(began), longestRest))
	return text, err
}

// spare waits.
func spare(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// remembered is the daemon's answer to a path with these of the request's parameters.
func (s *Site) remembered(r *http.Request, path string, query url.Values) ([]byte, error) {
	return s.past.get(r.Context(), path+"?"+query.Encode(), s.hub.age(fresh), s.Client.Raw)
}

// only are those of a request's parameters that a path takes.
func only(r *http.Request, keys ...string) url.Values {
	query := url.Values{}
	for _, key := range keys {
		if text := r.FormValue(key); text != "" {
			query.Set(key, text)
		}
	}
	return query
}

// handOn answers with the daemon's own words: the path is the same there.
func (s *Site) handOn(keys ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := s.remembered(r, r.URL.Path, only(r, keys...))
		if err != nil {
			s.unremembered(w, r, err)
			return
		}
		send(w, r, http.StatusOK, "application/json", text)
	}
}

func (s *Site) unremembered(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, busy{}) {
		w.Header().Set("Retry-After", "2")
		s.fail(w, r, http.StatusServiceUnavailable, "Too many ask for the past at once.", "Try again in a few seconds.")
		return
	}
	s.refuse(w, r, err)
}
