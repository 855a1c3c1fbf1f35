package lab

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
)

func TestMain(m *testing.M) {
	if status, yes := pretend(os.Args); yes {
		os.Exit(status)
	}
	flag.Parse()
	parallel()
	os.Exit(sandbox.Tests(m.Run))
}

// parallel lets many tests run side by side, for they mostly wait; unless the command line says how many.
func parallel() {
	const many = "24" // about the cells of the interop matrix, which is the longest of them
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		_ = flag.Set("test.parallel", many) // a flag that the testing package defines
	}
}

// plain builds the default home with a masquerading router without a daemon.
func plain(t testing.TB, isp string) (*House, *Box, *Device) {
	t.Helper()
	h, err := Build(t.Context(), Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	b, d := h.Boxes[0], h.Devices[0]
	if err := b.SetUp(ByHand{ISP: isp, Masquerade: true}); err != nil {
		t.Fatal(err)
	}
	online(t, d)
	return h, b, d
}

// online waits until a new flow of the device gets an answer.
func online(t testing.TB, d *Device) {
	t.Helper()
	eventually(t, "the device is online", func() bool { _, err := d.Seen(t.Context()); return err == nil })
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
		time.Sleep(look)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEitherLineCarries(t *testing.T) {
	h, b, d := plain(t, "fibre")
	for _, isp := range []string{"fibre", "lte"} {
		must(t, b.SetUp(ByHand{ISP: isp, Masquerade: true}))
		from, err := d.Seen(t.Context())
		if err != nil || h.LineOf(from) != isp {
			t.Errorf("through %s the Internet sees %s (line %q), %v", isp, from, h.LineOf(from), err)
		}
	}
	for _, a := range Targets() {
		if out, err := d.Run("ping -c1 -W1 " + a); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

func TestServicesAnswer(t *testing.T) {
	h, b, d := plain(t, "fibre")
	resolver := h.Lines[0].Gateway().String()
	for _, c := range []struct{ who, line, want string }{
		{"laptop", "curl -s -m 2 -o /dev/null -w %{http_code} http://1.1.1.1/generate_204", "204"},
		{"main", "curl -s -m 2 -o /dev/null -w %{http_code} http://203.0.113.10/", "204"},
	} {
		n := d.space
		if c.who == "main" {
			n = b.space
		}
		if out, err := n.Run(c.line); err != nil || out != c.want {
			t.Errorf("%s: %s: got %q, %v, want %q", c.who, c.line, out, err, c.want)
		}
	}
	for _, server := range []string{"8.8.8.8", "203.0.113.2", resolver} {
		if got := lookUp(t, b, server); got != EchoAddress {
			t.Errorf("%s resolves example.org to %q, want %s", server, got, EchoAddress)
		}
	}
}

func TestProviderDropsForeignSources(t *testing.T) {
	h, b, d := plain(t, "fibre")
	before, err := h.Lines[0].Foreign()
	must(t, err)
	_, err = b.Run("nft delete table ip plain")
	must(t, err)
	if _, err := d.Seen(t.Context()); err == nil {
		t.Error("a packet with a private source address was answered")
	}
	after, err := h.Lines[0].Foreign()
	must(t, err)
	if after <= before {
		t.Errorf("foreign packets %d after %d: the filter did not count", after, before)
	}
}

func TestUnmasqueradedYardstick(t *testing.T) {
	_, b, d := plain(t, "fibre")
	must(t, b.SetUp(ByHand{ISP: "fibre"}))
	from, err := d.Seen(t.Context())
	if err != nil || from.String() != "192.168.1.100" {
		t.Errorf("the Internet sees %s, %v, want the laptop's own address", from, err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	h, err := Build(t.Context(), Default())
	must(t, err)
	must(t, h.Boxes[0].SetUp(ByHand{ISP: "fibre", Masquerade: true}))
	h.Close()
	eventually(t, "goroutines of the house end", func() bool { return runtime.NumGoroutine() <= goroutines })
	if names, _ := filepath.Glob("/run/netns/*"); len(names) > 0 {
		t.Errorf("namespaces left: %v", names)
	}
	if names, _ := filepath.Glob("/run/lab-*"); len(names) > 0 {
		t.Errorf("directories left: %v", names)
	}
	programs, err := filepath.Glob("/proc/[0-9]*/exe")
	must(t, err)
	for _, p := range programs[1:] {
		name, err := os.Readlink(p)
		if err != nil {
			continue // it has ended; nobody waits for the orphans of other tests' programs
		}
		words, _ := os.ReadFile(filepath.Dir(p) + "/cmdline")
		t.Errorf("a process left: %s: %q", name, words)
	}
}

func TestBuildRefuses(t *testing.T) {
	twice := Default()
	twice.Clients = append(twice.Clients, twice.Clients[0])
	unknown := Default()
	unknown.Routers[0].WANs = []string{"cable"}
	for name, c := range map[string]struct {
		home Home
		want string
	}{
		"long name":   {Home{ISPs: []ISP{{Name: "a-name-too-long-for-it", Network: "192.0.2.0/24"}}}, "up to 15"},
		"bad network": {Home{ISPs: []ISP{{Name: "a", Network: "192.0.2.0"}}}, "no '/'"},
		"twice":       {twice, "file exists"},
		"unknown ISP": {unknown, `no provider is named "cable"`},
	} {
		h, err := Build(t.Context(), c.home)
		if err == nil {
			h.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestBuildRefusesOutsideTheSandbox(t *testing.T) {
	here, err := os.Readlink("/proc/self/ns/net")
	must(t, err)
	t.Setenv("TWINPATH_SANDBOX", here) // as if nobody had left this namespace
	if h, err := Build(context.Background(), Default()); err == nil {
		h.Close()
		t.Error("Build works outside the sandbox")
	}
}
