package router

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/wan"
)

// couple is one of two routers whose fibre is dialled.
func couple(dial Dial) Config {
	config := twin(tracking("fibre"))
	config.WANs[0].Kind = PPPoE
	config.WANs[0].PPPoE = Credentials{User: "me@isp", Password: "secret", Dial: dial}
	config.Pair = Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "correct horse battery"}
	return config
}

// dialHouse has both cables in, and nothing of the other router yet.
func dialHouse(t *testing.T, dial Dial) *house {
	t.Helper()
	h := &house{t: t, now: noon}
	h.links = newWorld().links
	h.state = NewState(couple(dial), h.links, Earlier{}, h.now)
	h.decide()
	return h
}

// peer is what the other router says of itself.
func (h *house) peer(connected bool, state string, accounts string) {
	h.t.Helper()
	h.fold(PeerSeen{View: &PairView{Peer: "192.168.1.3", Router: "second", Connected: connected, State: state, Accounts: accounts}})
}

func (h *house) wantParked(why string) {
	h.t.Helper()
	l := h.state.line("fibre")
	if (why == "") != (l.parked == "") || !strings.Contains(l.parked, why) {
		h.t.Errorf("at %s not dialled for %q, want %q", h.now.Sub(noon), l.parked, why)
	}
	if c := h.last.Conditions[0]; why != "" && (c.State != health.Unknown || c.Reason != l.parked || c.Ready) {
		h.t.Errorf("at %s the line is %+v", h.now.Sub(noon), c)
	}
}

// session is a PPPoE line's lease.
func (h *house) session(up bool) {
	h.t.Helper()
	u := wan.Update{WAN: "fibre", Reason: "the ISP has ended the session", Failed: true}
	if up {
		u = wan.Update{WAN: "fibre", Lease: &wan.Lease{Address: netip.MustParsePrefix("198.51.100.7/32")}}
	}
	h.fold(LeaseSeen{u, h.index("fibre")})
}

func TestWhoDials(t *testing.T) {
	const same, other = true, false
	for name, c := range map[string]struct {
		dial      Dial
		own       vrrp.State
		connected bool
		peer      string
		shared    bool
		why       string
	}{
		"we serve the house":                        {DialUseful, vrrp.Active, true, "backup", same, ""},
		"both think that they do":                   {DialUseful, vrrp.Active, true, "active", same, ""},
		"the other one does, with our account":      {DialUseful, vrrp.Backup, true, "active", same, "router second has this account and serves the house"},
		"the other one does, with its own":          {DialUseful, vrrp.Backup, true, "active", other, ""},
		"the other one does not answer":             {DialUseful, vrrp.Backup, false, "", same, ""},
		"nobody does":                               {DialUseful, vrrp.Backup, true, "backup", same, ""},
		"we cannot, the other one has our account":  {DialUseful, vrrp.Fault, false, "", same, "this router cannot serve the house"},
		"we cannot, but have an account of our own": {DialUseful, vrrp.Fault, false, "", other, ""},
		"always":                  {DialAlways, vrrp.Backup, true, "active", same, ""},
		"only while we serve it":  {DialActive, vrrp.Backup, true, "active", other, "router second serves the house"},
		"or nobody does":          {DialActive, vrrp.Backup, true, "backup", other, ""},
		"or nobody else is there": {DialActive, vrrp.Backup, false, "", other, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := dialHouse(t, c.dial)
			accounts := "0123456789abcdef"
			if c.shared {
				accounts += " " + h.state.accounts()
			}
			h.peer(c.connected, c.peer, accounts)
			h.doing(c.own, 50, "")
			h.wantParked(c.why)
		})
	}
}

func TestNothingIsDialledBeforeTheOtherRouterIsKnown(t *testing.T) {
	h := dialHouse(t, DialUseful)
	h.wantParked("the other router may be using this account")
	h.doing(vrrp.Active, 100, "")
	h.wantParked("")
	h = dialHouse(t, DialAlways)
	h.wantParked("")
}

func TestARouterWithoutAnElectionDials(t *testing.T) {
	h := &house{t: t, now: noon, links: newWorld().links}
	config := couple(DialUseful)
	config.VRRP = nil
	h.state = NewState(config, h.links, Earlier{}, h.now)
	h.decide()
	h.wantParked("")
}

// A line that was not dialled costs nothing in the election, and has its time when it is.
func TestALineThatIsNotDialledIsNoReasonToMove(t *testing.T) {
	h := dialHouse(t, DialUseful)
	h.doing(vrrp.Backup, 100, "")
	h.peer(true, "active", h.state.accounts())
	h.pass(time.Hour)
	h.wantParked("serves the house")
	h.wantStanding(100, "")
	h.doing(vrrp.Active, 100, "")
	h.wantParked("")
	h.wantStanding(100, "")
	h.pass(patience - time.Second)
	h.wantStanding(100, "")
	h.session(true)
	if l := h.state.line("fibre"); l.suspect {
		t.Error("a line that was not dialled has to prove itself as one that was lost")
	}
	h.events = nil
	h.session(false)
	h.wantSaid("fibre is down: the ISP has ended the session")
}

func TestARouterInReserveSaysSo(t *testing.T) {
	h := &house{t: t, now: noon, links: newWorld().links}
	config := couple(DialUseful)
	config.WANs = config.WANs[:1]
	h.state = NewState(config, h.links, Earlier{}, h.now)
	h.doing(vrrp.Backup, 50, "")
	h.peer(true, "active", h.state.accounts())
	h.wantVerdict(VerdictUnknown, "This router is in reserve. fibre: not dialled: router second has this account and serves the house.")
}

// A session is ended when the other router has served the house for a while, at once when this one is drained.
func TestARunningSessionIsLeftForAWhile(t *testing.T) {
	for _, drained := range []bool{false, true} {
		h := dialHouse(t, DialUseful)
		h.doing(vrrp.Active, 100, "")
		h.session(true)
		h.peer(true, "backup", h.state.accounts())
		if drained {
			h.fold(DrainWished{})
		}
		h.doing(vrrp.Backup, 100, "")
		h.peer(true, "active", h.state.accounts())
		if !drained {
			h.wantParked("")
			h.pass(settledDial)
		}
		h.wantParked("has this account")
	}
}

// A line that is down for a reason of its own goes on trying: without that the house would not come back to it.
func TestALineThatIsDownGoesOnDialling(t *testing.T) {
	h := dialHouse(t, DialUseful)
	h.doing(vrrp.Active, 100, "")
	h.session(true)
	h.session(false)
	h.wantStanding(1, "")
	h.doing(vrrp.Backup, 1, "")
	h.peer(true, "active", h.state.accounts())
	h.pass(time.Hour)
	h.wantParked("")
	h.wantStanding(1, "")
}

func TestAccountsTellNothing(t *testing.T) {
	h := dialHouse(t, DialUseful)
	first := h.state.accounts()
	if len(first) != 32 || h.state.Snapshot(noon, "", h.last).Accounts != first {
		t.Errorf("accounts %q", first)
	}
	h.state.config.Pair.Secret = "another one"
	if h.state.accounts() == first {
		t.Error("the account can be recognised without the secret")
	}
	h.state.config.Pair.Secret = ""
	if got := h.state.accounts(); got != "" {
		t.Errorf("accounts %q are told by a router without a pair", got)
	}
}

// Another reason for a line that is down is news, once.
func TestAnotherReasonIsSaid(t *testing.T) {
	h := dialHouse(t, DialAlways)
	h.session(true)
	h.session(false)
	h.events = nil
	for range 2 {
		h.fold(LeaseSeen{wan.Update{WAN: "fibre", Reason: "the ISP refuses the user name or the password", Failed: true, Ours: true}, h.index("fibre")})
	}
	if e := h.wantSaid("fibre: the ISP refuses the user name or the password"); e.Blame != BlameOwner {
		t.Errorf("it blames %q", e.Blame)
	}
	if c := h.last.Conditions[0]; c.Blame != BlameOwner {
		t.Errorf("the condition blames %q", c.Blame)
	}
}
