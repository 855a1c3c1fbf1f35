package site

import "sync"

// streams bounds how many follow the state live.
type streams struct {
	mu sync.Mutex
	n  int
}
