package wan

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/durable"
)

// programs starts and finds pppd.
type programs interface {
	begin(options string, m memory) (session, error)
	resume() (session, memory) // nil: none runs
	last() string              // the words of the newest session, be it gone
	forget(m memory)           // that one runs
}

// session is one running pppd.
type session interface {
	words() string // all that it has said
	ended() <-chan struct{}
	end() // waits until it is gone
	why() string
}

// pppd is the real program. What it says goes to a file, so that it can do without us.
type pppd struct{ dir, name string }

func (p pppd) file(kind string) string { return filepath.Join(p.dir, "pppoe-"+p.name+"."+kind) }

// mark is the argument by which a later daemon recognises a pppd of this WAN.
func (p pppd) mark() string { return markOf(p.dir) + p.name }

func markOf(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	return "twinpath:" + dir + ":"
}

// begin starts pppd. It reads its options, the password among them, from a pipe: they are neither on disk nor to be seen with ps(1).
func (p pppd) begin(options string, m memory) (session, error) {
	path, err := exec.LookPath("pppd")
	if err != nil {
		return nil, fmt.Errorf("start pppd: %w", err)
	}
	log, err := os.OpenFile(p.file("words"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start pppd: %w", err)
	}
	defer log.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start pppd: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(path, "file", "/proc/self/fd/3", "ipparam", p.mark())
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{out}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // the end of our terminal or of ourselves is none of its business
	if err := cmd.Start(); err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("start pppd: %w", err)
	}
	_, err = in.WriteString(options) // a pipe takes 64 kB without a reader
	_ = in.Close()
	c := &child{log: p.file("words"), done: make(chan struct{}), signal: func(s syscall.Signal) { _ = cmd.Process.Signal(s) }}
	go func() {
		_ = cmd.Wait() // its words say why
		close(c.done)
	}()
	m.PID = cmd.Process.Pid
	if err := errors.Join(err, p.remember(m)); err != nil {
		c.end()
		return nil, fmt.Errorf("start pppd: %w", err)
	}
	return c, nil
}

func (p pppd) remember(m memory) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return durable.Write(p.file("json"), text, 0o600)
}

func (p pppd) forget(m memory) {
	m.PID = 0
	_ = p.remember(m) // at worst the next daemon looks for a process that is gone
}

func (p pppd) last() string {
	text, _ := os.ReadFile(p.file("words"))
	return string(text)
}

func (p pppd) resume() (session, memory) {
	var m memory
	text, err := os.ReadFile(p.file("json"))
	if err != nil || json.Unmarshal(text, &m) != nil || m.PID <= 0 {
		return nil, m
	}
	process, err := unix.PidfdOpen(m.PID, 0) // from here on the number cannot become another process's
	if err != nil {
		return nil, m
	}
	if !isPppd(m.PID, func(mark string) bool { return mark == p.mark() }) {
		_ = unix.Close(process)
		return nil, m
	}
	c := &child{log: p.file("words"), done: make(chan struct{}), signal: func(s syscall.Signal) { _ = unix.PidfdSendSignal(process, s, nil, 0) }}
	go func() {
		defer close(c.done) // the descriptor stays open: signals may come late
		for {
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, -1); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}()
	return c, m
}

// isPppd reports whether a process is a pppd of ours.
func isPppd(pid int, ours func(mark string) bool) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	words := strings.Split(string(text), "\x00")
	return err == nil && filepath.Base(words[0]) == "pppd" && slices.ContainsFunc(words, ours)
}

// child is a pppd that runs.
type child struct {
	log    string
	done   chan struct{} // closed when it has ended
	signal func(syscall.Signal)
}

func (c *child) ended() <-chan struct{} { return c.done }

func (c *child) words() string {
	text, _ := os.ReadFile(c.log)
	return string(text)
}

// why is the last thing that it said.
func (c *child) why() string {
	lines := strings.Split(strings.TrimSpace(c.words()), "\n")
	for _, line := range slices.Backward(lines) {
		if line = foreign(line); line != "" && line != "Exit." {
			return line
		}
	}
	return ""
}

// goodbye is how long pppd has to end a session in an orderly way, which takes it milliseconds; where nobody answers any more it would wait for
// six seconds. The router's loop waits for it, and the sentinel takes a loop that stands for a second for a hanging one.
const goodbye = 500 * time.Millisecond

func (c *child) end() {
	for _, s := range [...]syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-c.done:
			return
		default:
		}
		c.signal(s)
		select {
		case <-c.done:
			return
		case <-time.After(goodbye):
		}
	}
	<-c.done
}

// EndSessions ends every pppd that daemons with this runtime directory have left, but those of WANs to be kept. It returns how many.
func EndSessions(dir string, kept func(name string) bool) (n int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		name, found := "", false
		if !isPppd(pid, func(word string) bool {
			name, found = strings.CutPrefix(word, markOf(dir))
			return found
		}) || kept(name) {
			continue
		}
		if s, _ := (pppd{dir: dir, name: name}).resume(); s != nil {
			s.end()
			n++
		}
	}
	return n
}

func startTrouble(err error) trouble {
	if errors.Is(err, exec.ErrNotFound) {
		return noProgram
	}
	return broken
}

func startRemark(err error) string {
	if errors.Is(err, exec.ErrNotFound) {
		return ""
	}
	return foreign(err.Error())
}
