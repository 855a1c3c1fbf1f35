package shout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/twinpath/twinpath/alert/channel"
)

// heard is how much of an answer is kept.
const heard = 64 << 10

// errRedirect keeps what a message says with the host that the owner named.
var errRedirect = errors.New("redirect")

// door is the transport of every HTTP client in the process.
type door struct {
	transport http.RoundTripper

	mu    sync.Mutex
	taken int            // requests that were answered with 2xx
	wrong channel.Answer // the last that was not
}

// RoundTrip implements http.RoundTripper.
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := d.transport.RoundTrip(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.wrong = channel.Answer{Problem: err.Error()}
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, heard))
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	switch status := response.StatusCode; {
	case err != nil:
		d.wrong = channel.Answer{Problem: err.Error()}
		return nil, err
	case status < 200 || status > 299:
		d.wrong = channel.Answer{Status: status, Body: body}
	default:
		d.taken++
	}
	if response.StatusCode/100 == 3 {
		return nil, errRedirect
	}
	return response, nil
}

// answer is what became of the message, for which shoutrrr's word alone is not enough.
func (d *door) answer(err error) channel.Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.wrong.Problem != "" || d.wrong.Status != 0:
		d.wrong.Partly = d.taken > 0
		return d.wrong
	case err != nil:
		return channel.Answer{Problem: fmt.Sprintf("shoutrrr: %v", err)}
	case d.taken == 0:
		return channel.Answer{Problem: "shoutrrr asked nobody to take it"}
	}
	return channel.Answer{}
}
