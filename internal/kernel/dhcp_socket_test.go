package kernel_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/wan"
)

var providers atomic.Int32

// provider is a namespace with dnsmasq in it, at the other end of a cable of a customer.
type provider struct {
	*sandbox.Namespace
	t       *testing.T
	device  string // the customer's end
	leases  string
	said    chan string
	process *exec.Cmd
}

// newCustomer is a namespace without any line.
func newCustomer(t *testing.T) *sandbox.Namespace {
	t.Helper()
	ns, err := sandbox.Add(fmt.Sprintf("customer%d", providers.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// connect gives the customer a line. The provider is 198.51.100.1 whoever it is.
func connect(t *testing.T, customer *sandbox.Namespace, device string) *provider {
	t.Helper()
	if _, err := exec.LookPath("dnsmasq"); err != nil {
		t.Skip("no dnsmasq")
	}
	ns, err := sandbox.Add(fmt.Sprintf("isp%d", providers.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{Namespace: ns, t: t, device: device, leases: filepath.Join(t.TempDir(), "leases"), said: make(chan string, 1000)}
	must(t, customer, fmt.Sprintf("ip link add %s type veth peer name house0 netns %s", device, ns.Name))
	must(t, customer, fmt.Sprintf("ip link set %s up", device))
	must(t, ns, "ip address add 198.51.100.1/24 dev house0")
	must(t, ns, "ip link set house0 up")
	return p
}

func must(t *testing.T, ns *sandbox.Namespace, line string) string {
	t.Helper()
	out, err := ns.Run(line)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// serve starts dnsmasq with addresses from first to last and returns when it listens.
func (p *provider) serve(first, last string) {
	p.t.Helper()
	p.process = exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
		"--log-facility=-", "--log-dhcp", "--pid-file=", "--no-ping", "--dhcp-sequential-ip",
		"--dhcp-authoritative", "--interface=house0", "--except-interface=lo",
		"--dhcp-leasefile="+p.leases, "--dhcp-range="+first+","+last+",2m", "--dhcp-option=option:T1,15")
	out, err := p.process.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.Start(p.process); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.said <- lines.Text()
		}
	}()
	p.hears("DHCP, IP range")
	p.t.Cleanup(p.leave)
}

func (p *provider) leave() {
	if p.process != nil {
		_ = p.process.Process.Kill()
		_ = p.process.Wait()
		p.process = nil
	}
}

// hears waits for dnsmasq to say something with all of these words.
func (p *provider) hears(words ...string) string {
	p.t.Helper()
	return await(p.t, p.said, strings.Join(words, " "), func(line string) bool {
		for _, w := range words {
			if !strings.Contains(line, w) {
				return false
			}
		}
		return true
	})
}

func await[T any](t *testing.T, from <-chan T, what string, good func(T) bool) T {
	t.Helper()
	var seen []T
	late := time.After(30 * time.Second)
	for {
		select {
		case v := <-from:
			if good(v) {
				return v
			}
			seen = append(seen, v)
		case <-late:
			t.Fatalf("waited in vain for %s, there was %+v", what, seen)
		}
	}
}

// inside opens the sockets of a DHCP client in a namespace.
type inside struct {
	ns *sandbox.Namespace
	s  kernel.DHCPSockets
}

type insideLine struct {
	wan.Line
	ns *sandbox.Namespace
}

func (i inside) Open(device string) (line wan.Line, err error) {
	err = i.ns.Do(func() error { line, err = i.s.Open(device); return err })
	return insideLine{line, i.ns}, err
}

func (i inside) Conflict(ctx context.Context, device string, a netip.Addr) (user string, err error) {
	err = i.ns.Do(func() error { user, err = i.s.Conflict(ctx, device, a); return err })
	return user, err
}

func (l insideLine) Send(message []byte, from, to netip.Addr) error {
	return l.ns.Do(func() error { return l.Line.Send(message, from, to) })
}

// customer runs a DHCP client whose address is put on its device, as the router does it.
type customer struct {
	*wan.DHCP
	t    *testing.T
	news chan wan.Update
	logs *strings.Builder // read after stop only
	stop func()
}

func subscribe(t *testing.T, ns *sandbox.Namespace, p *provider, file string) *customer {
	c := &customer{t: t, news: make(chan wan.Update, 100), logs: &strings.Builder{}}
	c.DHCP = &wan.DHCP{
		Name: p.device, Device: p.device, Hostname: "gate", Sockets: inside{ns, kernel.DHCPSockets{}}, Store: wan.FileStore{Path: file},
		Uptime: wan.ReadUptime, Log: slog.New(slog.NewTextHandler(c.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Report: func(u wan.Update) {
			_, _ = ns.Run("ip address flush dev " + p.device)
			if u.Lease != nil {
				_, _ = ns.Run(fmt.Sprintf("ip address add %s dev %s", u.Lease.Address, p.device))
			}
			c.news <- u
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	c.stop = func() {
		if cancel(); ctx != nil {
			if err := <-done; err != nil {
				t.Error(err)
			}
			ctx = nil
		}
	}
	t.Cleanup(c.stop)
	return c
}

func (c *customer) hears(reason string) wan.Update {
	c.t.Helper()
	return await(c.t, c.news, reason, func(u wan.Update) bool { return strings.Contains(u.Reason, reason) })
}

// packetSockets counts the packet sockets in a namespace: a header and one line each.
func packetSockets(t *testing.T, ns *sandbox.Namespace) int {
	return strings.Count(must(t, ns, "cat /proc/net/packet"), "\n") - 1
}

func macOf(t *testing.T, ns *sandbox.Namespace, device string) (address string) {
	t.Helper()
	err := ns.Do(func() error {
		link, err := net.InterfaceByName(device)
		if err == nil {
			address = link.HardwareAddr.String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Two lines with the same network and the same server address: nothing but the device tells them apart.
func TestTwoLinesOfTheSameNetwork(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits 15 s for T1")
	}
	house := newCustomer(t)
	one, two := connect(t, house, "wan0"), connect(t, house, "wan1")
	one.serve("198.51.100.100", "198.51.100.100")
	two.serve("198.51.100.100", "198.51.100.100")
	begun := time.Now()
	first := subscribe(t, house, one, filepath.Join(t.TempDir(), "lease"))
	if u := first.hears("gave us 198.51.100.100"); u.Lease.Gateway != netip.MustParseAddr("198.51.100.1") {
		t.Errorf("leased %+v", u.Lease)
	}
	t.Logf("first lease after %v", time.Since(begun))
	second := subscribe(t, house, two, filepath.Join(t.TempDir(), "lease"))
	second.hears("gave us 198.51.100.100")
	if n := packetSockets(t, house); n != 0 {
		t.Errorf("%d packet sockets are open while nothing is awaited", n)
	}
	for _, isp := range []*provider{one, two} {
		isp.hears("DHCPACK", macOf(t, house, isp.device)) // of the first exchange
		isp.hears("DHCPREQUEST", macOf(t, house, isp.device))
		isp.hears("DHCPACK", macOf(t, house, isp.device))
	}
	first.hears("gave us")
	second.hears("gave us")
	first.stop()
	second.stop()
	for i, c := range []*customer{first, second} {
		if logs := c.logs.String(); strings.Contains(logs, "level=WARN") || strings.Contains(logs, "broadcast instead") || strings.Contains(logs, "not sent") {
			t.Errorf("line %d: the renewal was not sent to the server alone:\n%s", i, logs)
		}
	}
	for isp, other := range map[*provider]string{one: "wan1", two: "wan0"} {
		for len(isp.said) > 0 {
			if line := <-isp.said; strings.Contains(line, macOf(t, house, other)) {
				t.Errorf("%s hears from the other line: %s", isp.Name, line)
			}
		}
	}
}

func TestRestartAndRelease(t *testing.T) {
	t.Parallel()
	house := newCustomer(t)
	isp := connect(t, house, "wan0")
	isp.serve("198.51.100.100", "198.51.100.150")
	file := filepath.Join(t.TempDir(), "lease")
	c := subscribe(t, house, isp, file)
	before := c.hears("gave us").Lease.Address
	c.stop()

	c = subscribe(t, house, isp, file)
	u := <-c.news
	if u.Lease == nil || u.Lease.Address != before {
		t.Errorf("after a restart the first news is %+v, want %v in use", u, before)
	}
	if u := c.hears("gave us"); u.Lease.Address != before {
		t.Errorf("confirmed %v, had %v", u.Lease.Address, before)
	}
	if err := c.Release(); err != nil {
		t.Error(err)
	}
	isp.hears("DHCPRELEASE", before.Addr().String())
	c.hears("given back")
	isp.leave()
	if text, err := os.ReadFile(isp.leases); err != nil || strings.Contains(string(text), before.Addr().String()) {
		t.Errorf("the server still has %q (%v)", text, err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the lease file is still there: %v", err)
	}
	if n := packetSockets(t, house); n != 0 {
		t.Errorf("%d packet sockets are left", n)
	}
}

func TestRefusedAfterThePoolChanged(t *testing.T) {
	t.Parallel()
	house := newCustomer(t)
	isp := connect(t, house, "wan0")
	isp.serve("198.51.100.100", "198.51.100.100")
	c := subscribe(t, house, isp, filepath.Join(t.TempDir(), "lease"))
	c.hears("gave us 198.51.100.100")
	isp.leave()
	if err := os.Remove(isp.leases); err != nil {
		t.Fatal(err)
	}
	isp.serve("198.51.100.200", "198.51.100.200")
	c.LinkUp()
	if u := c.hears("198.51.100.1 refused our address"); u.Lease != nil {
		t.Errorf("still uses %v", u.Lease.Address)
	}
	c.hears("gave us 198.51.100.200")
}

func TestDeclinedWhenSomeoneElseHasIt(t *testing.T) {
	t.Parallel()
	house := newCustomer(t)
	isp := connect(t, house, "wan0")
	must(t, isp.Namespace, "ip address add 198.51.100.100/32 dev lo")
	isp.serve("198.51.100.100", "198.51.100.101")
	user := macOf(t, isp.Namespace, "house0") // it answers for all addresses of its host
	c := subscribe(t, house, isp, filepath.Join(t.TempDir(), "lease"))
	if u := c.hears("address 198.51.100.100 is in use by " + user); u.Lease != nil {
		t.Errorf("uses %v all the same", u.Lease.Address)
	}
	isp.hears("DHCPDECLINE", "198.51.100.100")
	c.hears("gave us 198.51.100.101")
	sockets := inside{house, kernel.DHCPSockets{}}
	for address, want := range map[string]string{"198.51.100.100": user, "198.51.100.77": ""} {
		if got, err := sockets.Conflict(t.Context(), "wan0", netip.MustParseAddr(address)); got != want || err != nil {
			t.Errorf("%s is used by %q (%v), want %q", address, got, err, want)
		}
	}
}

func TestFilterPassesNothingButDHCP(t *testing.T) {
	t.Parallel()
	house := newCustomer(t)
	isp := connect(t, house, "wan0")
	line, err := inside{house, kernel.DHCPSockets{}}.Open("wan0")
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	must(t, house, "ip address add 198.51.100.7/24 dev wan0")
	err = isp.Do(func() error {
		for _, to := range []string{"198.51.100.7:69", "198.51.100.7:68"} {
			c, err := net.Dial("udp4", to)
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := c.Write([]byte("to " + to)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	n, err := line.Receive(buffer)
	if got := string(buffer[:n]); err != nil || got != "to 198.51.100.7:68" {
		t.Errorf("the first that comes through is %q (%v)", got, err)
	}
}

func TestSocketsOnADeviceThatIsNotThere(t *testing.T) {
	house := newCustomer(t)
	_, err := kernel.DHCPSockets{}.Open("usb7")
	if want := "open dhcp socket on usb7: route ip+net: no such network interface"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = inside{house, kernel.DHCPSockets{}}.Conflict(t.Context(), "usb7", netip.MustParseAddr("198.51.100.7"))
	if want := "look for another user of 198.51.100.7 on usb7: route ip+net: no such network interface"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
