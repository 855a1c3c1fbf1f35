package lab

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// InboxHost is a host of the Internet that takes messages over HTTPS: any path, any method.
const InboxHost = "inbox.example"

// Inbox remembers what was sent to InboxHost, and over which line it came.
type Inbox struct {
	house *House

	mu     sync.Mutex
	taken  []Taken
	status int // what it answers; 0: 200
	news   chan struct{}
}

// Taken is one request to an Inbox.
type Taken struct {
	Time time.Time
	Line string // the provider whose customer sent it
	Path string
	Body string
}

func (t Taken) String() string {
	return fmt.Sprintf("%s by %s to %s: %s", t.Time.Format(time.TimeOnly+".0"), t.Line, t.Path, t.Body)
}

// OpenInbox has InboxHost listen at a port.
func (h *House) OpenInbox(port int) (*Inbox, error) {
	i := &Inbox{house: h, news: make(chan struct{})}
	return i, h.serveHTTPS(h.internet.space, port, i.take, InboxHost, EchoAddress)
}

func (i *Inbox) take(w http.ResponseWriter, r *http.Request) {
	const enough = 64 << 10
	body, err := io.ReadAll(io.LimitReader(r.Body, enough))
	if err != nil {
		return // it was not sent to its end
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.taken = append(i.taken, Taken{Time: time.Now(), Line: i.house.LineOf(from.Addr()), Path: r.URL.Path, Body: string(body)})
	close(i.news)
	i.news = make(chan struct{})
	if i.status != 0 {
		w.WriteHeader(i.status)
	}
}

// Answer has it answer with another status from now on; 0: 200.
func (i *Inbox) Answer(status int) { i.mu.Lock(); defer i.mu.Unlock(); i.status = status }

// Taken are the requests to paths with a prefix, oldest first.
func (i *Inbox) Taken(prefix string) []Taken {
	all, _ := i.look(prefix)
	return all
}

func (i *Inbox) look(prefix string) ([]Taken, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(i.taken), func(t Taken) bool { return !strings.HasPrefix(t.Path, prefix) }), i.news
}

// Await waits until there are so many.
func (i *Inbox) Await(ctx context.Context, prefix string, count int) ([]Taken, error) {
	for {
		all, news := i.look(prefix)
		if len(all) >= count {
			return all, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return all, fmt.Errorf("%d of %d requests to %s: %w", len(all), count, prefix, ctx.Err())
		}
	}
}
