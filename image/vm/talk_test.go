package vm

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// room is a guest without a machine: the agent runs here, at the other end of a socket.
type room struct {
	*Guest
	agent *exec.Cmd
}

func newRoom(t *testing.T, shell ...string) *room {
	t.Helper()
	ours, theirs, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	off := make(chan struct{})
	r := &room{&Guest{talk: newTalk(off), off: off, Console: newConsole(time.Now())}, nil}
	r.talk.attach(ours)
	t.Cleanup(r.talk.close)
	script := filepath.Join(t.TempDir(), "agent.sh")
	if err := os.WriteFile(script, agent, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], script)...)
	cmd.Env = append(os.Environ(), "AGENT_PORT=open", "AGENT_DIR="+t.TempDir())
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	r.agent = cmd
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	go func() { _ = cmd.Wait(); close(off) }()
	if _, err := r.AwaitBoot(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return r
}

func shells(t *testing.T, f func(t *testing.T, r *room)) {
	for _, shell := range [][]string{{"dash"}, {"bash", "--posix"}} {
		t.Run(shell[0], func(t *testing.T) { f(t, newRoom(t, shell...)) })
	}
}

func TestRun(t *testing.T) {
	shells(t, func(t *testing.T, r *room) {
		for _, c := range []struct{ command, want string }{
			{"echo hello", "hello\n"},
			{"true", ""},
			{"printf 'no end of line'", "no end of line"},
			{"echo out; echo err >&2", "out\nerr\n"},
			{`printf 'done 1 0 5\nhello x 1\n'`, "done 1 0 5\nhello x 1\n"}, // the protocol's own words
			{"cat", ""},
			{"(sleep 60; echo late) & echo now", "now\n"},
		} {
			if out, err := r.Run(t.Context(), c.command); err != nil || out != c.want {
				t.Errorf("%s: %q, %v, want %q", c.command, out, err, c.want)
			}
		}
		var status *StatusError
		if out, err := r.Run(t.Context(), "echo why; exit 3"); out != "why\n" || !errors.As(err, &status) || status.Status != 3 {
			t.Errorf("exit 3: %q, %v", out, err)
		}
	})
}

func TestRunHasItsTime(t *testing.T) {
	shells(t, func(t *testing.T, r *room) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		var status *StatusError
		if out, err := r.Run(ctx, "echo begun; exec sleep 60"); out != "begun\n" || !errors.As(err, &status) {
			t.Errorf("a command without an end: %q, %v", out, err)
		}
		if out, err := r.Run(t.Context(), "echo next"); err != nil || out != "next\n" {
			t.Errorf("after it: %q, %v", out, err)
		}
	})
}

func TestPutAndGet(t *testing.T) {
	shells(t, func(t *testing.T, r *room) {
		content := strings.Repeat("a line\x00\xff\n", 100_000)
		name := filepath.Join(t.TempDir(), "it's a name")
		if err := r.Put(t.Context(), name, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Get(t.Context(), name); err != nil || string(got) != content {
			t.Errorf("%d bytes back of %d, %v", len(got), len(content), err)
		}
		if err := r.Put(t.Context(), name, make([]byte, most+1)); err == nil || !strings.Contains(err.Error(), "are more than") {
			t.Errorf("too much: %v", err)
		}
	})
}

func TestAnswersOfAnEarlierBootDoNotCount(t *testing.T) {
	r := newRoom(t, "sh")
	mark := filepath.Join(t.TempDir(), "mark")
	boots, _ := r.talk.seen()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	r.talk.ask(ctx, Boot{ID: "an-earlier-one"}, "touch "+mark, nil)
	if out, err := r.Run(t.Context(), "echo "+boots[0].ID); err != nil || out != boots[0].ID+"\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the guest has run what was asked of it before it started again")
	}
}

// during runs a command, has something happen while it runs, and returns its error.
func (r *room) during(t *testing.T, happen func()) error {
	t.Helper()
	mark := filepath.Join(t.TempDir(), "mark")
	ended := make(chan error, 1)
	go func() {
		_, err := r.Run(t.Context(), "touch "+mark+"; while [ -e "+mark+" ]; do sleep 0.05; done")
		ended <- err
	}()
	for _, err := os.Stat(mark); err != nil; _, err = os.Stat(mark) {
		time.Sleep(time.Millisecond)
	}
	happen()
	return <-ended
}

func TestRunEndsWithTheGuest(t *testing.T) {
	r := newRoom(t, "sh")
	if err := r.during(t, func() { _ = r.agent.Process.Kill() }); !errors.Is(err, errOff) {
		t.Errorf("the agent's end: %v", err)
	}
}

func TestRunTellsOfARestart(t *testing.T) {
	r := newRoom(t, "sh")
	another := Boot{ID: "another", At: time.Now(), Uptime: time.Second}
	if err := r.during(t, func() { r.talk.greet(another) }); !errors.Is(err, errRestarted) {
		t.Errorf("a restart: %v", err)
	}
	if b, err := r.AwaitBoot(t.Context(), 1); err != nil || b != another || !b.Kernel().Equal(another.At.Add(-time.Second)) {
		t.Errorf("%+v, %v", b, err)
	}
}
