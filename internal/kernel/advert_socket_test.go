package kernel_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/lan/advert"
	"github.com/twinpath/twinpath/router"
)

// announced is a house whose IPv6 is announced by a real Sender, and a Linux device in it.
type announced struct {
	t      *testing.T
	router *sandbox.Namespace // with lan0
	device *sandbox.Namespace // with eth0
	house  advert.House
	sender *advert.Sender
	events chan router.Event
}

func announce(t *testing.T) *announced {
	t.Helper()
	a := &announced{t: t, router: newCustomer(t), device: newCustomer(t), events: make(chan router.Event, 100)}
	must(t, a.router, fmt.Sprintf("ip link add lan0 type veth peer name eth0 netns %s", a.device.Name))
	for _, n := range []*sandbox.Namespace{a.router, a.device} {
		sysctl(t, n, "net/ipv6/conf/default/accept_dad", "0") // addresses are there at once
	}
	sysctl(t, a.router, "net/ipv6/conf/all/forwarding", "1")
	must(t, a.router, "ip link set lan0 up")
	sysctl(t, a.device, "net/ipv6/conf/eth0/accept_dad", "0")
	sysctl(t, a.device, "net/ipv6/conf/eth0/accept_ra_rt_info_max_plen", "0")
	must(t, a.device, "ip link set eth0 up")
	a.find()
	a.sender = advert.New(t.TempDir(), func(device string) (line advert.Line, err error) {
		err = a.router.Do(func() (err error) { line, err = kernel.OpenAdvert(device); return err })
		return line, err
	}, func(e router.Event) { a.events <- e }, func(router.HouseView) {}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.sender.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return a
}

func sysctl(t *testing.T, n *sandbox.Namespace, path, value string) {
	t.Helper()
	if err := n.Do(func() error { return os.WriteFile("/proc/sys/"+path, []byte(value), 0o600) }); err != nil {
		t.Fatal(err)
	}
}

// find waits for the house's side to have a link-local address.
func (a *announced) find() {
	a.t.Helper()
	k := kernel.New(slog.New(slog.DiscardHandler))
	a.sees("a link-local address", func() bool {
		err := a.router.Do(func() error {
			links, err := k.Links()
			for _, l := range links {
				if l.Name == "lan0" {
					a.house.Link = l
					a.house.Own, err = k.LinkLocal(l.Index)
				}
			}
			return err
		})
		if err != nil {
			a.t.Fatal(err)
		}
		return a.house.Carrier && a.house.Own.IsValid()
	})
}

// sees waits until it is so.
func (a *announced) sees(what string, is func() bool) {
	a.t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("not within 10 s: %s\n%s\n%s", what, a.shows("address"), a.shows("route"))
		}
	}
}

func (a *announced) shows(what string) string {
	a.t.Helper()
	return must(a.t, a.device, "ip -6 "+what+" show dev eth0")
}

// wanted is what is announced with these prefixes.
func (a *announced) wanted(prefixes ...advert.Prefix) advert.Wanted {
	w := advert.Wanted{House: a.house, Serves: true, Default: true, MTU: 1400, Prefixes: prefixes}
	return w
}

func of(text string) advert.Prefix { return advert.Prefix{Prefix: netip.MustParsePrefix(text)} }

func TestALinuxDeviceFollowsOurAdverts(t *testing.T) {
	t.Parallel()
	a := announce(t)
	a.sender.Want(a.wanted(of("2001:db8:f00::/64")))
	a.sees("an address and a way out", func() bool {
		return strings.Contains(a.shows("address"), "2001:db8:f00:") && strings.Contains(a.shows("route"), "default via "+a.house.Own.String())
	})
	mtu, err := a.device.Run("cat /proc/sys/net/ipv6/conf/eth0/mtu")
	if err != nil || strings.TrimSpace(mtu) != "1400" {
		t.Errorf("MTU is %q, %v", mtu, err)
	}

	other := a.wanted(advert.Prefix{Prefix: netip.MustParsePrefix("2001:db8:f00::/64"), Retired: true})
	other.Default = false
	start := time.Now()
	a.sender.Want(other)
	a.sees("no way out, and an address for what runs only", func() bool {
		return !strings.Contains(a.shows("route"), "default") && strings.Contains(a.shows("address"), "deprecated")
	})
	t.Logf("the device has left the dead prefix and router after %s", time.Since(start).Round(time.Millisecond))

	next := a.wanted(of("2001:db8:17e::/64"))
	a.sender.Want(next)
	a.sees("the other prefix", func() bool {
		return strings.Contains(a.shows("address"), "2001:db8:17e:") && strings.Contains(a.shows("route"), "default") &&
			strings.Count(a.shows("address"), "deprecated") == 1
	})
}

func TestAVirtualRouterAnnouncesFromItsOwnAddresses(t *testing.T) {
	t.Parallel()
	a := announce(t)
	w := a.wanted(of("2001:db8:f00::/64"))
	w.Virtual, w.VirtualMAC = netip.MustParseAddr("fe80::5:1"), []byte{0, 0, 0x5e, 0, 2, 51}
	a.sender.Want(w)
	a.sees("the virtual router, with its Ethernet address", func() bool {
		return strings.Contains(a.shows("route"), "default via fe80::5:1") &&
			strings.Contains(a.shows("neighbor"), "fe80::5:1 lladdr 00:00:5e:00:02:33 router")
	})
}

func TestADeviceThatAsksIsAnswered(t *testing.T) {
	t.Parallel()
	a := announce(t)
	w := a.wanted(of("2001:db8:f00::/64"))
	w.Resolver, w.Domain = true, "home.arpa"
	a.sender.Want(w)
	a.sees("an address", func() bool { return strings.Contains(a.shows("address"), "2001:db8:f00:") })
	if _, err := exec.LookPath("rdisc6"); err != nil {
		t.Skip("no rdisc6")
	}
	// It does not say its Ethernet address, so that the answer is for everybody, three seconds after the one before.
	out := must(t, a.device, "rdisc6 --single --retry 1 --wait 5000 eth0")
	for _, want := range []string{
		"Hop limit                 :           64", "Router lifetime           :          180", "Prefix                   : 2001:db8:f00::/64",
		"On-link                 :          Yes", "Autonomous address conf.:          Yes", "Valid time              :         5400",
		"Pref. time              :         2700", "MTU                      :         1400 bytes", "Recursive DNS server     : " + a.house.Own.String(),
		"DNS search list          : home.arpa", "Source link-layer address: " + strings.ToUpper(a.house.MAC), "from " + a.house.Own.String(),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("rdisc6 does not say %q:\n%s", want, out)
		}
	}
}

func TestRadvdIsAStranger(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("radvd"); err != nil {
		t.Skip("no radvd")
	}
	a := announce(t)
	a.sender.Want(a.wanted())
	sysctl(t, a.device, "net/ipv6/conf/all/forwarding", "1")
	dir := t.TempDir()
	file := filepath.Join(dir, "radvd.conf")
	text := "interface eth0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; prefix 2001:db8:bad::/64 {}; };\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("radvd", "--nodaemon", "--config", file, "--pidfile", filepath.Join(dir, "pid"), "--logmethod", "stderr", "--username", "root", "--debug", "5")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.device.Start(cmd); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1000)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said <- lines.Text()
		}
	}()
	e := await(t, a.events, "another router", func(router.Event) bool { return true })
	if !strings.HasPrefix(e.Sentence, "Another router offers IPv6 in the house: fe80::") {
		t.Errorf("it says %q", e.Sentence)
	}
	await(t, said, "its loop", func(line string) bool { return strings.Contains(line, "polling for") }) // it takes signals now
	_ = cmd.Process.Signal(os.Interrupt)                                                                // and says good-bye
	e = await(t, a.events, "its end", func(router.Event) bool { return true })
	if !strings.Contains(e.Sentence, "no longer offers IPv6") {
		t.Errorf("it says %q", e.Sentence)
	}
	_ = cmd.Wait()
}
