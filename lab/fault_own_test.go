package lab

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// TestOwnTraffic: what the router itself sends follows the house, and what comes from outside to the router meets silence.
func TestOwnTraffic(t *testing.T) {
	h, b, _ := home(t, Default(), quick())
	s := await(t, b, "both lines are up", on("fibre"))
	box := &Device{Name: "main", space: b.space}
	follows := func(device, line string) {
		t.Helper()
		awaitLine(t, h, box, line)
		out, err := b.Run("ip route get 1.1.1.1")
		if err != nil || !strings.Contains(out, "dev "+device+" src "+s.line(line).Address) {
			t.Errorf("on %s the router's own way is %q, %v", line, out, err)
		}
	}
	follows("wan0", "fibre")
	nothingListens(t, b)
	strangers(t, h, b, s)
	must(t, h.Blackhole("fibre", Beyond))
	await(t, b, "the house is on lte", carriedBy("lte"))
	follows("wan1", "lte")
	must(t, h.Heal("fibre"))
	await(t, b, "the house is back on fibre", on("fibre"))
	follows("wan0", "fibre")
}

// nothingListens looks for sockets of the box that take what comes from anywhere.
func nothingListens(t *testing.T, b *Box) {
	t.Helper()
	out, err := b.Run("ss -H -l -n -t -u")
	must(t, err)
	if strings.TrimSpace(out) != "" {
		t.Errorf("the daemon listens: %s", out)
	}
}

// isTimeout tells silence from an answer, whichever of the two clocks of a dial ran out first.
func isTimeout(err error) bool {
	var timed net.Error
	return errors.As(err, &timed) && timed.Timeout()
}

// strangers tries the box's ports from the Internet: one with a service, one without. Neither may say a word.
func strangers(t *testing.T, h *House, b *Box, s Status) {
	t.Helper()
	const service, nobody = "2222", "2223"
	must(t, h.serveStreams(b.space, 2222, echoStream))
	inet := &Device{Name: "inet", space: h.internet.space}
	box := &Device{Name: "main", space: b.space}
	if err := ask(t.Context(), box.Dial, "127.0.0.1:"+service); err != nil {
		t.Fatalf("the service does not answer on the box itself: %v", err)
	}
	for _, line := range []string{"fibre", "lte"} {
		for _, port := range []string{service, nobody} {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			conn, err := inet.Dial(ctx, "tcp4", net.JoinHostPort(s.line(line).Address, port))
			cancel()
			switch {
			case err == nil:
				conn.Close()
				t.Errorf("port %s of %s takes a stranger", port, line)
			case !isTimeout(err):
				t.Errorf("port %s of %s answers a stranger: %v", port, line, err)
			}
		}
	}
	if err := ask(t.Context(), h.Devices[0].Dial, "192.168.1.1:"+service); err != nil {
		t.Errorf("the service does not answer the house: %v", err)
	}
}
