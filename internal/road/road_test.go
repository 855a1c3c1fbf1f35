package road

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/router"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Tests(m.Run)) }

// far is the Internet behind one line: a resolver, and a host that says which line was taken.
type far struct {
	space *sandbox.Namespace
	name  string
	asked atomic.Int32 // names
	met   atomic.Int32 // connections
}

const mailHost = "198.51.100.25"

// wire gives this machine the lines wan0 and wan1 to the same Internet, each with an Internet of its own.
func wire(t *testing.T, device, network string) *far {
	t.Helper()
	space, err := sandbox.Add("far-" + device)
	if err != nil {
		t.Fatal(err)
	}
	f := &far{space: space, name: device}
	run := func(n *sandbox.Namespace, line string) {
		t.Helper()
		var out []byte
		if n == nil {
			out, err = exec.Command("sh", "-c", line).CombinedOutput()
		} else {
			var text string
			text, err = n.Run(line)
			out = []byte(text)
		}
		if err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
	run(nil, "ip link add "+device+" type veth peer name far netns "+space.Name)
	run(nil, "ip addr add "+network+".2/24 dev "+device)
	run(nil, "ip link set "+device+" up")
	run(space, "ip link set far up")
	run(space, "ip addr add "+network+".1/24 dev far")
	run(space, "ip addr add "+mailHost+"/32 dev lo")
	run(nil, fmt.Sprintf("ip route add %s via %s.1 dev %s metric %s0", mailHost, network, device, device[3:]))
	f.serve(t, network+".1:53")
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "del", device).Run()
		_ = space.Remove()
	})
	return f
}

func (f *far) serve(t *testing.T, resolver string) {
	t.Helper()
	var names net.PacketConn
	var host net.Listener
	err := f.space.Do(func() (err error) {
		if names, err = net.ListenPacket("udp4", resolver); err != nil {
			return err
		}
		host, err = net.Listen("tcp4", mailHost+":25")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	t.Cleanup(func() { names.Close(); host.Close(); tasks.Wait() })
	tasks.Go(func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := names.ReadFrom(buffer)
			if err != nil {
				return
			}
			f.asked.Add(1)
			_, _ = names.WriteTo(answer(buffer[:n]), from)
		}
	})
	tasks.Go(func() {
		for {
			conn, err := host.Accept()
			if err != nil {
				return
			}
			f.met.Add(1)
			_, _ = conn.Write([]byte(f.name))
			_ = conn.Close()
		}
	})
}

// answer resolves mail.example, and printer.example to an address in the house.
func answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	known := map[string]string{"mail.example.": mailHost, "printer.example.": "192.168.1.10"}
	address, is := known[q.Name.String()]
	switch {
	case !is:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
		}}
	}
	text, _ := m.Pack()
	return text
}

func said(t *testing.T, dial func(context.Context, string, string) (net.Conn, error), address string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	return string(text), err
}

// lived is a house with two lines, of which the second carries.
func lived() (*router.Snapshot, *router.Config) {
	s := &router.Snapshot{WANs: []router.WANSnapshot{
		{Name: "fibre", Interface: "wan0", State: "degraded", Lost: 60, DNS: []string{"192.0.2.1"}, Mark: firewall.MarkOf(0)},
		{Name: "lte", Interface: "wan1", State: "up", Cost: 50, Active: true, DNS: []string{"203.0.113.1"}, Mark: firewall.MarkOf(1)},
	}}
	cfg := &router.Config{}
	cfg.LAN.Address = netip.MustParsePrefix("192.168.1.1/24")
	cfg.LAN.DNS.Domain = "home.arpa"
	cfg.LAN.Hosts = []router.Host{{Name: "nas", Address: netip.MustParseAddr("192.168.1.10")}}
	return s, cfg
}

func TestEachRoadIsItsOwnLine(t *testing.T) {
	wan0, wan1 := wire(t, "wan0", "192.0.2"), wire(t, "wan1", "203.0.113")
	all := Working(lived())
	if len(all) != 2 || all[0].Name != "lte" || all[1].Name != "fibre" {
		t.Fatalf("roads: %+v", all)
	}
	lte, fibre := all[0], all[1]
	for _, address := range []string{mailHost + ":25", "mail.example:25"} {
		if text, err := said(t, lte.Dial, address); err != nil || text != "wan1" {
			t.Errorf("over lte to %s: %q, %v", address, text, err)
		}
		if text, err := said(t, fibre.Dial, address); err != nil || text != "wan0" {
			t.Errorf("over fibre to %s: %q, %v", address, text, err)
		}
	}
	if _, err := said(t, lte.Dial, "nobody.example:25"); err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("a name that does not exist: %v", err)
	}

	wan0.asked.Store(0)
	wan0.met.Store(0)
	if _, err := wan1.space.Feed("nft -f -", "table ip t { chain c { type filter hook input priority 0; policy drop; }; }"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{mailHost + ":25", "mail.example:25"} {
		if text, err := said(t, lte.Dial, address); err == nil {
			t.Errorf("over lte, which is dead, to %s: %q", address, text)
		}
	}
	if asked, met := wan0.asked.Load(), wan0.met.Load(); asked+met > 0 {
		t.Errorf("what was meant for lte left by fibre: %d questions, %d connections", asked, met)
	}
}

// inTheHouse has a device of the house, which says its name.
func inTheHouse(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", "ip link add lan0 type bridge && ip addr add 192.168.1.10/24 dev lan0 && ip link set lan0 up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "lan0").Run() })
	nas, err := net.Listen("tcp4", "192.168.1.10:1883")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { nas.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := nas.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("nas"))
			_ = conn.Close()
		}
	}()
}

func TestTheHouseIsReachedOverNoLine(t *testing.T) {
	wan0 := wire(t, "wan0", "192.0.2")
	inTheHouse(t)
	s, cfg := lived()
	s.WANs[1].State, s.WANs[1].Active = "down", false
	fibre, none := Working(s, cfg)[0], Home(cfg)
	for _, address := range []string{"192.168.1.10:1883", "nas:1883", "NAS.home.arpa:1883"} {
		for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){"fibre": fibre.Dial, "no line": none.Dial} {
			if text, err := said(t, dial, address); err != nil || text != "nas" {
				t.Errorf("%s over %s: %q, %v", address, name, text, err)
			}
		}
	}
	if wan0.asked.Load() > 0 {
		t.Error("the provider was asked for a name of the house")
	}
	if text, err := said(t, fibre.Dial, "printer.example:1883"); err != nil || text != "nas" {
		t.Errorf("a public name of an address in the house: %q, %v", text, err)
	}
	for _, address := range []string{mailHost + ":25", "mail.example:25"} {
		if text, err := said(t, none.Dial, address); err == nil || !strings.Contains(err.Error(), "no line works") {
			t.Errorf("to %s while no line works: %q, %v", address, text, err)
		}
	}
	if _, err := said(t, fibre.Dial, "toaster:80"); err == nil || !strings.Contains(err.Error(), "no device of the house has that name") {
		t.Errorf("a name that nobody in the house has: %v", err)
	}
}

func TestTheBestRoadComesFirst(t *testing.T) {
	s := &router.Snapshot{WANs: []router.WANSnapshot{
		{Name: "drained", State: "up", Drained: true}, {Name: "dear", State: "up", Cost: 50}, {Name: "down", State: "down"},
		{Name: "new", State: "unknown"}, {Name: "cheap", State: "degraded", Lost: 20}, {Name: "used", State: "up", Cost: 90, Active: true},
	}}
	var names []string
	for _, w := range Working(s, &router.Config{}) {
		names = append(names, w.Name)
	}
	if got := strings.Join(names, " "); got != "used cheap dear drained" {
		t.Errorf("roads: %s", got)
	}
}
