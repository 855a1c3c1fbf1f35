package lan

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// alone returns a wish for a network of its own, whose device has an address.
func alone(t *testing.T) Wanted {
	t.Helper()
	networks++
	w := served()
	w.Own = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(networks), 1}), 24)
	w.Gateway, w.DHCP.First, w.DHCP.Last = w.Own.Addr(), hosts(w, 100), hosts(w, 199)
	device := fmt.Sprintf("house%d", networks)
	for _, line := range []string{"link add " + device + " type bridge", "addr add " + w.Own.String() + " dev " + device, "link set " + device + " up"} {
		run(t, "ip "+line)
	}
	t.Cleanup(func() { run(t, "ip link del "+device) })
	w.Device = device
	w.Upstream = []Upstream{{Server: netip.MustParseAddr("192.0.2.1")}}
	return w
}

// networks is how many alone has given away.
var networks int

// hosts is the n-th address of the house.
func hosts(w Wanted, n byte) netip.Addr {
	a := w.Own.Addr().As4()
	a[3] = n
	return netip.AddrFrom4(a)
}

func run(t *testing.T, line string) string {
	t.Helper()
	words := strings.Fields(line)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// real starts a real dnsmasq and waits until it serves.
func real(t *testing.T, state string, w Wanted) *dnsmasq {
	t.Helper()
	p, err := spawn(Leases(state), w.arguments(), w.servers())
	must(t, err)
	t.Cleanup(p.end)
	select {
	case <-p.serving():
	case <-p.ended():
		t.Fatal(p.why())
	case <-time.After(10 * time.Second):
		t.Fatal("does not serve")
	}
	return p.(*dnsmasq)
}

func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 10 s: ", what)
		}
	}
}

func (d *dnsmasq) said() string {
	d.words.mu.Lock()
	defer d.words.mu.Unlock()
	return string(d.words.text)
}

// TestARealOne: what it becomes, that it reads its servers again, and that nothing of it stays.
func TestARealOne(t *testing.T) {
	must(t, sandbox.Check())
	state := t.TempDir()
	d := real(t, state, alone(t))
	wait(t, "its first server", func() bool { return strings.Contains(d.said(), "using nameserver 192.0.2.1#53") })
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	must(t, err)
	if strings.HasPrefix(account()[0], "--user=root") != bytes.Contains(status, []byte("\nUid:\t0\t0\t0\t0\n")) {
		t.Errorf("account %s, but\n%s", account(), status)
	}
	must(t, d.ask([]string{"192.0.2.77"}))
	wait(t, "its second server", func() bool { return strings.Contains(d.said(), "using nameserver 192.0.2.77#53") })
	if _, err := os.Stat(Leases(state)); err != nil {
		t.Error(err)
	}
	d.end()
	if _, err := os.Stat(d.dir); !os.IsNotExist(err) {
		t.Errorf("left %s (%v)", d.dir, err)
	}
}

func TestItsLastWordsSayWhyItEnded(t *testing.T) {
	w := alone(t)
	first := real(t, t.TempDir(), w)
	defer first.end()
	p, err := spawn(Leases(t.TempDir()), w.arguments(), nil)
	must(t, err)
	<-p.ended()
	want := fmt.Sprintf("dnsmasq has ended: failed to create listening socket for %s: Address already in use", w.Own.Addr())
	if p.why().Error() != want {
		t.Errorf("got %v, want %s", p.why(), want)
	}
	if sentence, _ := trouble(p.why()); !strings.Contains(sentence, "another program on this machine") {
		t.Error(sentence)
	}
}

func TestLastWords(t *testing.T) {
	for text, want := range map[string]string{
		"\ndnsmasq: bad option at line 1\n": "bad option at line 1",
		"dnsmasq[7]: started, version 2.90\ndnsmasq[7]: failed to change group-id to x: Operation not permitted\ndnsmasq[7]: FAILED to start up\n": "failed to change group-id to x: Operation not permitted",
		"": "",
		strings.Repeat("dnsmasq: cleared cache\n", 1000) + "dnsmasq: out of it\n": "out of it",
	} {
		w := &words{heard: make(chan struct{})}
		for chunk := range slices.Chunk([]byte(text), 7) {
			_, _ = w.Write(chunk)
		}
		if got := w.last(); got != want || len(w.text) > 3000 {
			t.Errorf("%.60q: %q of %d bytes, want %q", text, got, len(w.text), want)
		}
	}
}

func TestWithoutTheProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := spawn("leases", nil, nil)
	if err == nil {
		t.Fatal("started")
	}
	if got, _ := trouble(err); !strings.Contains(got, "apt install dnsmasq-base") {
		t.Error(got)
	}
}

// TestALeftoverIsEnded: that of a killed daemon with the same state directory, and no other.
func TestALeftoverIsEnded(t *testing.T) {
	state, others := t.TempDir(), t.TempDir()
	left, other := real(t, state, alone(t)), real(t, others, alone(t))
	decoy := exec.Command("sh", "-c", "read line", "sh", leaseArgument(Leases(state))) // an owner who looks for it
	input, err := decoy.StdinPipe()
	must(t, err)
	must(t, decoy.Start())
	var log bytes.Buffer
	EndLeftover(state, slog.New(slog.NewTextHandler(&log, nil)))
	select {
	case <-left.ended():
	case <-time.After(patience):
		t.Errorf("it is still there: %s", log.String())
	}
	select {
	case <-other.ended():
		t.Error("another daemon's was ended")
	default:
	}
	must(t, input.Close())
	if err := decoy.Wait(); err == nil || decoy.ProcessState.ExitCode() != 1 { // of read at the end of its input
		t.Errorf("another program was ended: %v", err)
	}
	if want := fmt.Sprintf("pid=%d", left.cmd.Process.Pid); strings.Count(log.String(), "ended an earlier dnsmasq") != 1 || !strings.Contains(log.String(), want) {
		t.Errorf("log: %s", log.String())
	}
	if left, err := filepath.Glob(left.dir + "/*"); err != nil || len(left) > 0 {
		t.Errorf("left %q (%v)", left, err)
	}
}

func TestOnlyOurOwnDirectoryGoesWithALeftover(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, dirPrefix+"x", "pid")
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	removeDirectory([]string{"dnsmasq", pidArgument + file, "--pid-file"})
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		t.Errorf("a directory elsewhere was removed: %v", err)
	}
}

func TestMappedIDs(t *testing.T) {
	if !mapped("uid", fmt.Sprint(os.Getuid())) || mapped("uid", "x") || mapped("uid", "4294967295") {
		t.Errorf("own %t, nonsense %t, none %t", mapped("uid", fmt.Sprint(os.Getuid())), mapped("uid", "x"), mapped("uid", "4294967295"))
	}
}
