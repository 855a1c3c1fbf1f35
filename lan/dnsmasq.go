package lan

import (
	"bytes"
	"fmt"
	"net/netip"
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
	dir    string // with its bus, which it comes to before it becomes somebody else: nobody else gets in
	bus    *bus
	words  *words
	done   chan struct{}
	result error
}

// spawn starts dnsmasq.
func spawn(leases string, arguments []string, servers []string) (program, error) {
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		return nil, fmt.Errorf("start dnsmasq: %w", err)
	}
	d := &dnsmasq{words: &words{heard: make(chan struct{})}, done: make(chan struct{})}
	if d.dir, err = os.MkdirTemp("", dirPrefix); err != nil {
		return nil, fmt.Errorf("start dnsmasq: %w", err)
	}
	if d.bus, err = openBus(filepath.Join(d.dir, "bus"), setServers(servers)); err == nil {
		if err = d.start(path, append(own(leases, d.dir), arguments...)); err != nil {
			d.bus.close()
		}
	}
	if err != nil {
		_ = os.RemoveAll(d.dir)
		return nil, fmt.Errorf("start dnsmasq: %w", err)
	}
	go d.wait()
	return d, nil
}

// own are the arguments that belong to a process rather than to what it serves. That of the leases is how a later daemon
// recognises it, and that of its number says where its directory is.
func own(leases, dir string) []string {
	return append([]string{
		"--keep-in-foreground", "--log-facility=-", pidArgument + filepath.Join(dir, "pid"), leaseArgument(leases), "--enable-dbus=" + busName,
	}, account()...)
}

const (
	pidArgument = "--pid-file="
	dirPrefix   = "twinpath-dnsmasq-"
)

func leaseArgument(leases string) string { return "--dhcp-leasefile=" + leases }

func (d *dnsmasq) start(path string, arguments []string) error {
	d.cmd = exec.Command(path, arguments...)
	// Its words are looked at; systemd's socket is ours; and libdbus takes ours for the bus of the machine.
	d.cmd.Env = []string{"LC_ALL=C", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + filepath.Join(d.dir, "bus")}
	d.cmd.Stdout, d.cmd.Stderr = d.words, d.words
	d.cmd.WaitDelay = patience
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is for the daemon, which ends it
	return d.cmd.Start()
}

func (d *dnsmasq) wait() {
	d.result = fmt.Errorf("dnsmasq has ended: %w", d.cmd.Wait())
	if last := d.words.last(); last != "" {
		d.result = fmt.Errorf("dnsmasq has ended: %s", last)
	}
	d.bus.close()
	_ = os.RemoveAll(d.dir)
	close(d.done)
}

func (d *dnsmasq) serving() <-chan struct{} { return d.words.heard }
func (d *dnsmasq) ended() <-chan struct{}   { return d.done }
func (d *dnsmasq) why() error               { return d.result }

func (d *dnsmasq) changed() <-chan struct{} { return d.bus.changed }

// ask has it use these servers from now on. What it knows it keeps.
func (d *dnsmasq) ask(servers []string) error { return d.bus.do(setServers(servers)) }

func setServers(servers []string) message {
	return message{kind: methodCall, member: "SetDomainServers", body: new(body).texts(servers)}
}

// give has it know of a lease, in place of what it knew of the address.
func (d *dnsmasq) give(l Lease, now time.Time) error {
	arguments := new(body).text(l.Address.String()).text(l.MAC).octets([]byte(l.Name)).octets(l.client()).
		number(uint32(max(1, l.left(now)/time.Second))).number(0).no()
	return d.bus.do(message{kind: methodCall, member: "AddDhcpLease", body: arguments})
}

// forget has it know of no lease of the address.
func (d *dnsmasq) forget(a netip.Addr) error {
	return d.bus.do(message{kind: methodCall, member: "DeleteDhcpLease", body: new(body).text(a.String())})
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
