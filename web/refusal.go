package web

import (
	"errors"
	"time"
)

// Refusal is the daemon's own words for what it did not do.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// refused is a Refusal with what HTTP said beside it.
type refused struct {
	Refusal
	status int
	after  time.Duration
}

func (r *refused) Unwrap() error { return r.Refusal }

// StatusOf returns the HTTP status of a Refusal, and 0 for any other error: the daemon did not answer.
func StatusOf(err error) int {
	if r := (*refused)(nil); errors.As(err, &r) {
		return r.status
	}
	return 0
}

// RetryAfter returns how long the daemon asks to wait before the next try; 0 when it does not.
func RetryAfter(err error) time.Duration {
	if r := (*refused)(nil); errors.As(err, &r) {
		return r.after
	}
	return 0
}
