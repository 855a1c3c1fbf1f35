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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Client talks to a running daemon, through its socket or over a private connection.
type Client struct {
	path  string
	token string
	http  *http.Client
}

// NewClient returns a client of the daemon whose socket is at path.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// As returns the same client for the session with the token: over a private connection whatever changes something needs one.
func (c *Client) As(token string) *Client {
	as := *c
	as.token = token
	return &as
}

// Status returns the newest snapshot.
func (c *Client) Status(ctx context.Context) (*router.Snapshot, error) {
	snapshot := new(router.Snapshot)
	return snapshot, c.get(ctx, "/api/v1/status", snapshot)
}

// Raw returns the daemon's own bytes for a path, as `--json` prints them.
func (c *Client) Raw(ctx context.Context, path string) ([]byte, error) {
	body, err := c.do(ctx, http.MethodGet, path, nil, nil)
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

// Incidents returns the newest thousand incidents that overlap the period, newest first. A zero to is now.
func (c *Client) Incidents(ctx context.Context, from, to time.Time) ([]router.Incident, error) {
	query := url.Values{"since": {from.UTC().Format(time.RFC3339)}}
	if !to.IsZero() {
		query.Set("until", to.UTC().Format(time.RFC3339))
	}
	var all []router.Incident
	return all, c.get(ctx, "/api/v1/incidents?"+query.Encode(), &all)
}

// Report returns the outages of a period, as query asks for them: from, to, wan and format of docs/api.md.
func (c *Client) Report(ctx context.Context, query url.Values) ([]byte, error) {
	return c.Raw(ctx, "/api/v1/report?"+query.Encode())
}

// Watch calls f with each snapshot until ctx ends or the daemon does.
func (c *Client) Watch(ctx context.Context, f func(*router.Snapshot)) error {
	body, err := c.do(ctx, http.MethodGet, "/api/v1/stream", nil, nil)
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
	answer, err := c.do(ctx, http.MethodPost, "/api/v1/"+verb+"?"+values.Encode(), nil, body)
	if err != nil {
		return err
	}
	return answer.Close()
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, nil, into)
}

// call sends wish as JSON, nil for none, and reads the answer into into, nil for none.
func (c *Client) call(ctx context.Context, method, path string, header http.Header, wish, into any) error {
	var body []byte
	if wish != nil {
		text, err := json.Marshal(wish)
		if err != nil {
			return err
		}
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		header.Set("Content-Type", jsonType)
		body = text
	}
	answer, err := c.do(ctx, method, path, header, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(answer).Decode(into); err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, path string, header http.Header, body []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://twinpath"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		request.Header = header.Clone()
	}
	if c.token != "" {
		request.Header.Set(tokenHeader, bearer+c.token)
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
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // mostly not there
	return nil, &refused{Refusal(strings.TrimSpace(string(text))), response.StatusCode, time.Duration(seconds) * time.Second}
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
