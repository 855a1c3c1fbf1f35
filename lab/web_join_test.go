package lab

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/config"
	twin "github.com/twinpath/twinpath/pair"
	"github.com/twinpath/twinpath/router"
)

// Where the two have their own pages.
const mainPage, backupPage = "http://192.168.1.2", "http://192.168.1.3"

// lonely is the configuration of the only router of a house with one line, which gives the devices their addresses.
func lonely(t *testing.T) string {
	t.Helper()
	return served(without(t, quick(), "lte")) + PageConfig
}

// chooses ticks an answer of a question with several.
func (v *visitor) chooses(question, answer string) {
	v.t.Helper()
	v.click(fmt.Sprintf("input[name=%q][value=%q]", question, answer))
}

// titled is the condition that the next page has come, and what its heading is.
func titled(title string) string {
	return fmt.Sprintf("!window.old && document.querySelector('main h1')?.innerText == %s", quoted(title))
}

const preview = "Look and apply"

// ofTwo makes a router that runs alone the first of two, by its page at the house's gateway.
func (v *visitor) ofTwo() {
	v.t.Helper()
	v.open(gatewayPage + "/settings/pair")
	v.click(`a[href="/wizard/pair"]`)
	v.awaits(patience, titled("Is there a second router?"))
	v.chooses("pair.role", "first")
	v.posts("next", `!window.old && document.getElementById("pair.peer")`) // which is a question now
	v.posts("finish", titled(preview))
	v.eval("window.old = true", nil)
	v.click("button[value=apply]")
	v.awaits(2*patience, `document.querySelector("button[value=keep]")`) // the address is nobody's until the router is Active
	v.posts("keep", `!window.old && location.pathname == "/settings"`)
	v.page.Forgive("ERR_")
	if !strings.HasPrefix(v.at(), gatewayPage) {
		v.t.Errorf("it was confirmed at %s, want the shared address %s", v.at(), gatewayPage)
	}
}

func (v *visitor) at() (address string) {
	v.t.Helper()
	v.eval("location.href", &address)
	return address
}

// code makes one for the second router.
func (v *visitor) code() (code string) {
	v.t.Helper()
	v.open(gatewayPage + "/settings/pair")
	v.post("/settings/pair")
	code = strings.Join(strings.Fields(v.text(".code-word")), "-")
	if _, err := twin.Parse(code); err != nil {
		v.t.Fatalf("the page shows the code %q: %v", code, err)
	}
	return code
}

// claimsAt opens a box that nobody owns with the code of its console, and goes to where its wizard asks for another one.
func (v *visitor) claimsAt(page string) {
	v.t.Helper()
	v.opens(page + "/wizard")
	v.write("#password", claimCode)
	v.post("/login")
	v.open(page + "/wizard/ports")
	v.posts("code", `!window.old && document.getElementById("pair.code")`)
}

// types a code of the first router.
func (v *visitor) types(code string) {
	v.t.Helper()
	v.write(`#pair\.code`, code)
	v.posts("next", "!window.old && document.readyState == 'complete' && document.querySelector('main h1')")
}

// accepts takes every proposal but the router's name, and types the password that there is none for.
func (v *visitor) accepts(name string) {
	v.t.Helper()
	for range 8 { // pages
		switch v.text("main h1") {
		case preview:
			return
		case "The house":
			v.write(`#house\.name`, name)
		case "Your password":
			v.write(`#password\.one`, PagePassword)
			v.write(`#password\.two`, PagePassword)
		}
		v.posts("next", "!window.old && document.readyState == 'complete' && document.querySelector('main h1')")
	}
	v.t.Fatalf("the wizard does not end:\n%s", v.text("main"))
}

// inForce is the configuration in a router's boot file.
func inForce(t *testing.T, b *Box) router.Config {
	t.Helper()
	cfg, problems := config.Parse("twinpath.toml", []byte(boot(t, b)))
	if len(problems) > 0 {
		t.Errorf("%s: %v", b.Name, problems)
	}
	return cfg
}

// elected is a status in which the house's one virtual router is in a state.
func elected(state string) func(Status) bool {
	is := func(e Election) bool { return e.State == state }
	return func(s Status) bool { return s.All("up") && len(s.VRRP) == 2 && is(s.VRRP[0]) && is(s.VRRP[1]) } // of IPv4 and IPv6
}

// visits counts who asks for the page of a router at its own address.
func visits(t *testing.T, b *Box) func() int {
	t.Helper()
	_, err := b.space.Feed("nft -f -", `
table ip visits {
	counter visits { }
	chain input {
		type filter hook input priority -400;
		ip daddr 192.168.1.2 tcp dport 80 tcp flags & (syn | ack) == syn counter name visits
	}
}`)
	must(t, err)
	return func() int {
		n, err := counter(b.space, "visits", "visits")
		must(t, err)
		return n
	}
}

// TestPageJoinsASecondRouter makes two routers of one by their pages: the house's router becomes the first of two and shows a code;
// a box that nobody has configured, with its only port in the house's network and a phone on USB, takes it and becomes the second.
// Then the first one's power goes.
func TestPageJoinsASecondRouter(t *testing.T) {
	h, err := Build(t.Context(), Pair())
	must(t, err)
	t.Cleanup(h.Close)
	main, backup, laptop := h.Boxes[0], h.Boxes[1], h.Devices[0]
	must(t, ip(backup.space, "link set wan0 name usb0"))
	must(t, main.Start(t.Context(), built(t), lonely(t)))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("main's log:\n%s", main.Log())
		}
	})
	await(t, main, "the house has a router", on("fibre"))
	u := unboxAt(t, h, backup, "[lu][as]*") // it looks around while its owner is at the other one

	chrome := browser(t, laptop)
	owner := visit(t, chrome)
	owner.logsIn(gatewayPage)
	owner.ofTwo()
	await(t, main, "main is at work for the house", elected("active"))
	online(t, laptop)

	second := visit(t, chrome)
	second.claimsAt("http://" + u.member())
	second.refused(t, main, owner)
	second.types(owner.code())
	second.reads("The first router has said what this one has to know.")
	second.accepts("backup")
	second.moves()
	await(t, backup, "backup stands by", elected("backup"))
	await(t, main, "main goes on", elected("active"))
	paired(t, inForce(t, main), inForce(t, backup))
	for page, v := range map[string]*visitor{mainPage: owner, backupPage: second} {
		v.open(page + "/")
		v.awaits(20*time.Second, `document.querySelector("main").innerText.replace(/\s+/g, " ").includes("backup hears main, and would take over.")`)
	}
	for _, v := range []*visitor{owner, second} {
		v.open("about:blank") // what it saw of main's end would be a complaint: a browser may take itself for offline
	}
	takesOver(t, h)
}

// member is the address that the house's router has given to a box in setup mode, which has found its phone, too.
func (u *unboxed) member() (own string) {
	u.t.Helper()
	u.awaits("the box is a member of the house's network", func() bool {
		text := u.text()
		found := regexp.MustCompile(`address = "(192\.168\.1\.15\d)/24"`).FindStringSubmatch(text)
		if found == nil || !strings.Contains(text, `interface = "usb0"`) {
			return false
		}
		own = found[1]
		return true
	})
	return own
}

// moves applies the second router's configuration. The page goes along to its own address, where it is confirmed.
func (v *visitor) moves() {
	v.t.Helper()
	v.shot("join-preview")
	v.page.Own("192.168.1.3")
	v.posts("apply", `location.host == "192.168.1.3" && document.querySelector("button[value=keep]")`)
	v.page.Forgive("ERR_") // it looked there before there was anybody
	v.posts("keep", `!window.old && location.pathname == "/settings"`)
}

// takesOver takes the first router's power: the house's devices go on by the second one, which gives them their addresses.
func takesOver(t *testing.T, h *House) {
	t.Helper()
	off, laptop := time.Now(), h.Devices[0]
	must(t, h.PowerOff("main"))
	await(t, h.Boxes[1], "backup is at work for the house", elected("active"))
	t.Logf("backup is Active %s after main's power went", round(time.Since(off)))
	awaitLine(t, h, laptop, "lte")
	n := newTenant(t, laptop, "laptop")
	must(t, n.ask())
	if n.gateway != PairGateway || n.resolver != PairGateway {
		t.Errorf("backup's lease names the gateway %s and the resolver %s, want %s", n.gateway, n.resolver, PairGateway)
	}
	awaitLine(t, h, laptop, "lte")
}

// refused types codes that lead nowhere: the page says which is which, and asks nobody because of a typo.
func (v *visitor) refused(t *testing.T, main *Box, owner *visitor) {
	t.Helper()
	code := func(address string) string {
		c, err := twin.NewCode(netip.MustParseAddr(address))
		must(t, err)
		return c.String()
	}
	asked := visits(t, main)
	v.types(code("192.168.1.2"))
	v.reads("The offer of the router at 192.168.1.2 is over.")
	v.reads("Make a new code there; it is good for ten minutes.")
	if asked() == 0 {
		t.Error("nobody has asked main for its offer")
	}
	old := owner.code()
	owner.code()
	before := asked()
	v.types("2" + old[1:]) // it began with another one: that is part of the address
	v.reads("There is a typo in the code")
	if now := asked(); now != before {
		t.Errorf("main was asked %d times because of a typo", now-before)
	}
	v.types(old)
	v.reads("The code does not open the offer of the router at 192.168.1.2.")
	v.reads("Only its newest code does.")
	v.types(code("192.168.1.77"))
	v.reads("No router answers at 192.168.1.77")
	v.reads("Both have to be plugged into the house's network.")
	v.page.Forgive("422") // which is what a refusal is
}

// paired fails unless both know the same of the house, and each other.
func paired(t *testing.T, main, backup router.Config) {
	t.Helper()
	if main.Pair.Secret == "" || main.Pair.Secret != backup.Pair.Secret {
		t.Errorf("the secrets are %q and %q", main.Pair.Secret, backup.Pair.Secret)
	}
	if main.Pair.Peer != backup.LAN.Address.Addr() || backup.Pair.Peer != main.LAN.Address.Addr() {
		t.Errorf("main %s has the peer %s, backup %s has %s", main.LAN.Address, main.Pair.Peer, backup.LAN.Address, backup.Pair.Peer)
	}
	if len(main.VRRP) != 1 || len(backup.VRRP) != 1 {
		t.Fatalf("virtual routers: %+v and %+v", main.VRRP, backup.VRRP)
	}
	a, b := main.VRRP[0], backup.VRRP[0]
	if a.ID != b.ID || !slices.Equal(a.Addresses, b.Addresses) || a.Addresses[0].Addr() != PairGateway || len(a.Addresses) != 2 || a.Base <= b.Base {
		t.Errorf("main's virtual router is %+v, backup's %+v", a, b)
	}
	if main.LAN.DHCP.First != backup.LAN.DHCP.First || main.LAN.DHCP.Last != backup.LAN.DHCP.Last || main.LAN.DNS.Domain != backup.LAN.DNS.Domain {
		t.Errorf("main serves %+v, backup %+v", main.LAN, backup.LAN)
	}
}
