package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// How many bytes of sealed letters are taken at once, and of sealed leases: those of two thousand devices.
const (
	mostLetters = 64 << 10
	mostLeases  = 256 << 10
)

// sealed takes what the other router of the pair wants told or kept. Anybody may try: the seal is the permission. The page's process, which
// faces the house, lets no more through than a pair needs.
func sealed(take func([]byte) ([]byte, error), most int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
		if err != nil {
			http.Error(w, fmt.Sprintf("letters are larger than %d KiB", most>>10), http.StatusRequestEntityTooLarge)
			return
		}
		answer, err := take(text)
		receipt(w, answer, err)
	}
}

// receipt answers a letter.
func receipt(w http.ResponseWriter, answer []byte, err error) {
	var again interface{ Again() string }
	switch {
	case errors.As(err, &again):
		http.Error(w, again.Again(), http.StatusConflict)
	case err != nil:
		fail(w, err, http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(answer) // the other router went away: it will ask again
	}
}

// Bucket lets a burst of ten through, and one a second in the long run: a pair needs one every five seconds. It is safe for concurrent use.
type Bucket struct {
	mu   sync.Mutex
	left float64
	at   time.Time
}

// Take reports whether one more may pass now.
func (b *Bucket) Take(now time.Time) bool {
	const burst, rate = 10, 1
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(burst, b.left+now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// Letters posts sealed letters, and returns the sealed answer. A Refusal with status 409 has a challenge that is to be answered.
func (c *Client) Letters(ctx context.Context, sealed []byte) ([]byte, error) {
	return c.sealed(ctx, "/api/v1/pair/letters", sealed, mostLetters)
}

// PairLeases posts sealed leases, as Letters does letters.
func (c *Client) PairLeases(ctx context.Context, sealed []byte) ([]byte, error) {
	return c.sealed(ctx, "/api/v1/pair/leases", sealed, mostLeases)
}

func (c *Client) sealed(ctx context.Context, path string, sealed []byte, most int64) ([]byte, error) {
	answer, err := c.do(ctx, http.MethodPost, path, http.Header{"Content-Type": {"application/octet-stream"}}, sealed)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	return io.ReadAll(io.LimitReader(answer, most))
}
