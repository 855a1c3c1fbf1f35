package site

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheDaemonIsNotAskedAllTheTime has somebody ask for another period again and again, of a daemon that takes a second for each.
func TestTheDaemonIsNotAskedAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p past
		busy := time.Duration(0)
		ask := func(context.Context, string) ([]byte, error) {
			const takes = 500 * time.Millisecond
			time.Sleep(takes)
			busy += takes
			return []byte("all of it"), nil
		}
		began := time.Now()
		for n := range 60 {
			if text, err := p.get(t.Context(), fmt.Sprint("/api/v1/incidents?since=", n), fresh, ask); err != nil || string(text) != "all of it" {
				t.Fatalf("%q, %v", text, err)
			}
		}
		if took := time.Since(began); busy > took/3 {
			t.Errorf("the daemon was at it for %s of %s", busy, took)
		}
	})
}
