package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pretend makes this test binary a daemon when it is run as one: it shows its config as its sentence.
func pretend(args []string) (status int, yes bool) {
	if len(args) < 2 {
		return 0, false
	}
	switch args[1] {
	case "run": // run --config F --state DIR --socket S
		return pretendDaemon(args[3], args[7]), true
	case "say":
		fmt.Println(strings.Join(args[1:], " "))
		return 0, true
	case "refuse":
		fmt.Println("no such line")
		return 1, true
	}
	return 0, false
}

func pretendDaemon(config, socket string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	text, err := os.ReadFile(config)
	if err != nil {
		return 1
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return 1
	}
	fmt.Println("it runs")
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/status" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(Status{Sentence: string(text)})
	})}
	go func() { <-ctx.Done(); _ = server.Close() }()
	_ = server.Serve(listener)
	return 0
}

func TestDaemonVerbs(t *testing.T) {
	h, err := Build(t.Context(), Default())
	must(t, err)
	t.Cleanup(h.Close)
	b := h.Boxes[0]
	binary, err := os.Executable()
	must(t, err)
	answers := func() bool {
		s, err := b.Status(t.Context())
		return err == nil && s.Sentence == "all is well"
	}
	must(t, b.Start(t.Context(), binary, "all is well"))
	if !answers() || b.PID() == 0 || !strings.Contains(b.Log(), "it runs") {
		t.Errorf("after start: pid %d, log %q", b.PID(), b.Log())
	}
	if err := b.Start(t.Context(), binary, ""); err == nil {
		t.Error("a second start works")
	}
	where, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", b.PID()))
	must(t, err)
	if ours, _ := os.Readlink("/proc/self/ns/net"); where == ours {
		t.Error("the daemon is not in the box's namespace")
	}

	must(t, b.Pause())
	if answers() || !b.Running() {
		t.Error("a paused daemon answers, or counts as ended")
	}
	must(t, b.Resume())
	eventually(t, "the daemon answers again", answers)

	must(t, b.Kill())
	if answers() || b.Running() || b.PID() != 0 || b.Kill() == nil {
		t.Error("a killed daemon answers, counts as running, or can be killed again")
	}
	must(t, b.Restart(t.Context())) // over the socket that the killed one left
	if !answers() {
		t.Error("it does not answer after a restart")
	}
	must(t, b.Stop())
	if b.Running() {
		t.Error("it runs after stop")
	}
}

func TestCall(t *testing.T) {
	h, err := Build(t.Context(), Default())
	must(t, err)
	t.Cleanup(h.Close)
	b := h.Boxes[0]
	if _, err := b.Call(t.Context(), "say"); err == nil {
		t.Error("a call before the first start works")
	}
	binary, err := os.Executable()
	must(t, err)
	must(t, b.Start(t.Context(), binary, ""))
	out, err := b.Call(t.Context(), "say", "drain", "fibre")
	if want := "say --socket " + b.Socket() + " drain fibre\n"; err != nil || out != want {
		t.Errorf("call: %q, %v, want %q", out, err, want)
	}
	if out, err := b.Call(t.Context(), "refuse"); err == nil || out != "no such line\n" || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("a refusal: %q, %v", out, err)
	}
	if _, err := b.Get(t.Context(), "/nowhere"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("get of an unknown path: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.AwaitStatus(ctx, func(s Status) bool { return s.Active() == "fibre" }); err == nil {
		t.Error("a wait for what never comes ends well")
	}
}
