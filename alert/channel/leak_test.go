package channel

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"
)

// TestNothingStaysOpen sends over good lines and bad ones, and counts what is left.
func TestNothingStaysOpen(t *testing.T) {
	s := new(services)
	before, files := 0, 0
	for _, address := range []string{"ntfy://ntfy.sh/topic", "matrix://:syt_x@matrix.example/?rooms=%23home:example", "telegram://12345:x@telegram?chats=1,2", "http://192.168.1.9/x"} {
		c, way := reach(t, s, address)
		silent := Way{Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { _ = theirs.Close() })
			return ours, nil
		}}
		broken := Way{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route to host") }}
		before, files = runtime.NumGoroutine(), open(t)
		for range 20 {
			if err := c.Send(t.Context(), way, outage); err != nil {
				t.Fatal(err)
			}
			c.direct = broken.Dial
			if err := c.Send(t.Context(), broken, outage); err == nil {
				t.Error("sent over no line")
			}
			soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			c.direct = silent.Dial
			if err := c.Send(soon, silent, outage); err == nil {
				t.Error("sent to nobody")
			}
			cancel()
			c.direct = way.Dial
		}
		settle(t, before, files)
	}
}
