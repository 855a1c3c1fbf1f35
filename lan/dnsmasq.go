package lan

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// dnsmasq is the real program.
type dnsmasq struct {
	cmd    *exec.Cmd
	dir    string // with the file of servers: an unprivileged dnsmasq reads it again at each SIGHUP, but can read nothing of ours
	words  *words
	done   chan struct{}
	result error
}

// spawn starts dnsmasq.
func spawn(leases string, arguments []string, servers string) (program, error) {
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		return nil, fmt.Errorf("start dnsmasq: %w", err)
	}
	d := &dnsmasq{words: &words{heard: make(chan struct{})}, done: make(chan struct{})}
	if d.dir, err = os.MkdirTemp("", serversPrefix); err != nil {
		return nil, fmt.Errorf("start dnsmasq: %w", err)
	}
	if err := d.start(path, append(own(leases, d.file()), arguments...), servers); err != nil {
		_ = os.RemoveAll(d.dir)
		return nil, fmt.Errorf("start dnsmasq: %w", err)
	}
	go d.wait()
	return d, nil
}

// own are the arguments that belong to a process rather than to what it serves. That of the leases is how a later daemon
// recognises it.
func own(leases, servers string) []string {
	return append([]string{"--keep-in-foreground", "--log-facility=-", "--pid-file=", leaseArgument(leases), serversArgument + servers}, account()...)
}

const (
	serversArgument = "--servers-file="
	serversPrefix   = "twinpath-dnsmasq-" // of the directory
)

func leaseArgument(leases string) string { return "--dhcp-leasefile=" + leases }

func (d *dnsmasq) file() string { return filepath.Join(d.dir, "servers") }

func (d *dnsmasq) start(path string, arguments []string, servers string) error {
	if err := os.Chmod(d.dir, 0o755); err != nil {
		return err
	}
	if err := d.write(servers); err != nil {
		return err
	}
	d.cmd = exec.Command(path, arguments...)
	d.cmd.Env = []string{"LC_ALL=C"} // its words are looked at; and systemd's socket is ours
	d.cmd.Stdout, d.cmd.Stderr = d.words, d.words
	d.cmd.WaitDelay = patience
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is for the daemon, which ends it
	return d.cmd.Start()
}

// write replaces the file of servers as a whole: dnsmasq may be reading it.
func (d *dnsmasq) write(servers string) error {
	next := d.file() + ".new"
	if err := os.WriteFile(next, []byte(servers), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(next, 0o644); err != nil { // whatever the umask
		return err
	}
	return os.Rename(next, d.file())
}

func (d *dnsmasq) wait() {
	d.result = fmt.Errorf("dnsmasq has ended: %w", d.cmd.Wait())
	if last := d.words.last(); last != "" {
		d.result = fmt.Errorf("dnsmasq has ended: %s", last)
	}
	_ = os.RemoveAll(d.dir)
	close(d.done)
}

func (d *dnsmasq) serving() <-chan struct{} { return d.words.heard }
func (d *dnsmasq) ended() <-chan struct{}   { return d.done }
func (d *dnsmasq) why() error               { return d.result }

func (d *dnsmasq) ask(servers string) error {
	if err := d.write(servers); err != nil {
		return err
	}
	return d.cmd.Process.Signal(syscall.SIGHUP)
}

// patience is how long dnsmasq may take to end. It takes milliseconds; the daemon itself has two seconds.
const patience = time.Second

func (d *dnsmasq) end() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // ended already: that is what we want
	select {
	case <-d.done:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		<-d.done
	}
}

// words is what dnsmasq prints: it says when it serves, and why it ends.
type words struct {
	mu    sync.Mutex
	text  []byte
	told  bool
	heard chan struct{} // closed when it serves
}

// Write implements io.Writer. It keeps the end, however long dnsmasq runs.
func (w *words) Write(p []byte) (int, error) {
	const enough = 2000
	w.mu.Lock()
	defer w.mu.Unlock()
	all := append(w.text, p...)
	if !w.told && bytes.Contains(all, []byte("started, version")) {
		w.told = true
		close(w.heard)
	}
	w.text = bytes.Clone(all[max(0, len(all)-enough):])
	return len(p), nil
}

// last is the last line that says something, without the program's name before it.
func (w *words) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := ""
	for line := range strings.Lines(string(w.text)) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if text != "" && text != "FAILED to start up" {
			said = text
		}
	}
	return said
}
