package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Client talks to a running daemon through its socket.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client of the daemon whose socket is at path.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Status returns the newest snapshot.
func (c *Client) Status(ctx context.Context) (*router.Snapshot, error) {
	snapshot := new(router.Snapshot)
	return snapshot, c.get(ctx, "/api/v1/status", snapshot)
}

// Raw returns the daemon's own bytes for a path, as `--json` prints them.
func (c *Client) Raw(ctx context.Context, path string) ([]byte, error) {
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// Events returns the history since t.
func (c *Client) Events(ctx context.Context, t time.Time) ([]router.Event, error) {
	var events []router.Event
	return events, c.get(ctx, EventsPath(t), &events)
}

// EventsPath is the API's path for the history since t.
func EventsPath(t time.Time) string {
	return "/api/v1/events?since=" + url.QueryEscape(t.UTC().Format(time.RFC3339))
}

// Watch calls f with each snapshot until ctx ends or the daemon does.
func (c *Client) Watch(ctx context.Context, f func(*router.Snapshot)) error {
	body, err := c.do(ctx, http.MethodGet, "/api/v1/stream", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("the daemon ended the stream: %w", err)
		}
		text, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		snapshot := new(router.Snapshot)
		if err := json.Unmarshal(text, snapshot); err != nil {
			return fmt.Errorf("read snapshot: %w", err)
		}
		f(snapshot)
	}
}

// Post asks for a change, such as "drain" with wan=fibre.
func (c *Client) Post(ctx context.Context, verb string, values url.Values, body []byte) error {
	answer, err := c.do(ctx, http.MethodPost, "/api/v1/"+verb+"?"+values.Encode(), body)
	if err != nil {
		return err
	}
	return answer.Close()
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(into)
}

// Refusal is the daemon's own words for what it did not do.
type Refusal string

func (r Refusal) Error() string { return string(r) }

func (c *Client) do(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://twinpath"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.explain(err)
	}
	if response.StatusCode < 300 {
		return response.Body, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, biggest))
	if err != nil {
		return nil, err
	}
	return nil, Refusal(strings.TrimSpace(string(text)))
}

// explain turns a failed dial into what to do about it.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no daemon answers at %s: is it running? (start it with \"twinpath run\", or name its socket with --socket)", c.path)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("may not use %s: try it as root", c.path)
	}
	return err
}
