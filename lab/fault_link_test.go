package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// renamed is quick with lte's interface named in another way.
func renamed(lte string) string {
	return strings.Replace(quick(), `interface = "wan1"`, fmt.Sprintf("interface = %q", lte), 1)
}

func TestInterfaceAppearsLater(t *testing.T) {
	h, b := unstarted(t, Default())
	must(t, ip(b.space, "link set wan1 name hidden"))
	start := time.Now()
	must(t, b.Start(t.Context(), built(t), renamed("usb*")))
	await(t, b, "fibre carries alone", func(s Status) bool { return s.Active() == "fibre" && s.line("fibre").State == "up" })
	awaitLine(t, h, h.Devices[0], "fibre")
	if e := awaitEvent(t, b, start, "lte is down: there is no interface usb*"); e.Blame != router.BlameCable {
		t.Errorf("%q blames %q", e.Sentence, e.Blame)
	}
	must(t, ip(b.space, "link set hidden name usb0"))
	await(t, b, "lte is up on usb0", on("fibre"))
	must(t, h.Cut("main", "fibre"))
	awaitLine(t, h, h.Devices[0], "lte")
}

func TestInterfaceByMAC(t *testing.T) {
	h, b := unstarted(t, Default())
	must(t, b.Start(t.Context(), built(t), renamed(mac(t, b.Run, "wan1"))))
	await(t, b, "both lines are up", on("fibre"))
	must(t, h.Cut("main", "fibre"))
	awaitLine(t, h, h.Devices[0], "lte")
	must(t, ip(b.space, "link set wan1 down\nlink set wan1 name modem\nlink set modem up"))
	await(t, b, "lte carries under its new name", func(s Status) bool {
		return s.Active() == "lte" && s.line("lte").State == "up" && b.deviceOf(t, "lte") == "modem"
	})
	awaitLine(t, h, h.Devices[0], "lte")
}

func TestInterfaceRenamedAway(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	start := time.Now()
	must(t, ip(b.space, "link set wan0 name other")) // while it is up: since Linux 6.2
	awaitEvent(t, b, start, "fibre is down: there is no interface wan0")
	awaitLine(t, h, d, "lte")
	must(t, ip(b.space, "link set other name wan0"))
	await(t, b, "fibre is back", on("fibre"))
	awaitLine(t, h, d, "fibre")
}

func TestInterfaceDeletedAndMadeAgain(t *testing.T) {
	h, b, d := home(t, Default(), quick())
	await(t, b, "both lines are up", on("fibre"))
	start := time.Now()
	must(t, ip(b.space, "link del wan0"))
	if e := awaitEvent(t, b, start, "fibre is down: there is no interface wan0"); e.Blame != router.BlameCable {
		t.Errorf("%q blames %q", e.Sentence, e.Blame)
	}
	awaitLine(t, h, d, "lte")
	must(t, connect(b.space, "wan0", h.Lines[0].space, "main", "access"))
	await(t, b, "fibre is back", on("fibre"))
	awaitLine(t, h, d, "fibre")
	if s, err := b.fullStatus(t); err != nil || s.Kernel.Error != "" {
		t.Errorf("the kernel refuses: %q, %v", s.Kernel.Error, err)
	}
}

// twins is a home whose two providers use the same network, as two modems of one make do.
func twins() Home {
	home := Default()
	for i := range home.ISPs {
		home.ISPs[i].Network = "192.168.0.0/24"
	}
	return home
}

// byCore names the line of an address of the links between the providers and the Internet: modems hide their customers.
func byCore(h *House, a netip.Addr) string {
	for _, l := range h.Lines {
		if l.core(2) == a {
			return l.Name
		}
	}
	return a.String()
}

func TestTwinProviders(t *testing.T) {
	h, b := unstarted(t, twins())
	d := h.Devices[0]
	for _, l := range h.Lines {
		_, err := l.space.Feed("nft -f -", `table ip modem { chain out { type nat hook postrouting priority 100; oifname "uplink" masquerade; }; }`+"\n")
		must(t, err)
	}
	must(t, b.Start(t.Context(), built(t), quick()))
	s := await(t, b, "both lines are up", on("fibre"))
	t.Logf("addresses: %s, %s", s.line("fibre").Address, s.line("lte").Address)
	leads := func(line string) {
		t.Helper()
		eventually(t, "new flows use "+line, func() bool {
			from, err := d.Seen(t.Context())
			return err == nil && byCore(h, from) == line
		})
	}
	leads("fibre")
	must(t, h.Blackhole("fibre", Beyond))
	await(t, b, "the house is on lte", func(s Status) bool { return s.Active() == "lte" && s.line("lte").State == "up" })
	leads("lte")
	must(t, h.Heal("fibre"))
	await(t, b, "the house is back on fibre", on("fibre"))
	leads("fibre")
	must(t, h.Cut("main", "fibre"))
	leads("lte")
}

func TestModemWithTheHousesNetwork(t *testing.T) {
	clashing := Default()
	clashing.ISPs[0].Network = "192.168.1.0/24"
	start := time.Now()
	h, b, d := home(t, clashing, quick())
	await(t, b, "lte carries", func(s Status) bool { return s.Active() == "lte" && s.line("lte").State == "up" })
	e := awaitEvent(t, b, start, "fibre is down: the modem's network 192.168.1.0/24 is the house's own")
	if e.Blame != router.BlameOwner {
		t.Errorf("%q blames %q, want the owner", e.Sentence, e.Blame)
	}
	awaitLine(t, h, d, "lte")
	out, err := d.Run("ping -c1 -W1 192.168.1.1")
	if err != nil {
		t.Errorf("the router does not answer in the house: %v: %s", err, out)
	}
	if out, err := b.Run("ping -c1 -W1 192.168.1.100"); err != nil {
		t.Errorf("the router does not reach the laptop: %v: %s", err, out)
	}
	routes, err := b.Run("ip route show 192.168.1.0/24")
	must(t, err)
	if strings.Contains(routes, "wan0") {
		t.Errorf("the house's network leads to the modem: %s", routes)
	}
}
