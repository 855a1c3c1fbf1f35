package router

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp"
	"github.com/twinpath/twinpath/vrrp/packet"
)

func report(number uint64, change ...func(*vrrp.Report)) vrrp.Report {
	r := vrrp.Report{
		Number: number, Time: noon.Add(time.Duration(number) * time.Second), Kind: vrrp.Transition, Router: "lan", ID: 51, Family: vrrp.IPv4,
		Interface: "lan0", From: vrrp.Backup, To: vrrp.Active, Priority: 100, Reason: "192.168.1.3 has been silent for 3.61 s",
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func to(state vrrp.State, reason string) func(*vrrp.Report) {
	return func(r *vrrp.Report) { r.To, r.Reason = state, reason }
}

func TestReportsBecomeEvents(t *testing.T) {
	h := settled(t, twin())
	h.fold(VRRPTold{[]vrrp.Report{report(1, func(r *vrrp.Report) { r.Packet = []byte{0x45, 0xc0} })}})
	want := Event{
		Time: noon.Add(time.Second), Kind: EventVRRP, From: "backup", To: "active", VRRP: "lan", VRID: 51, Family: "ipv4", Interface: "lan0",
		Priority: 100, Packet: "45c0", Sentence: "main is Active for 192.168.1.254 (lan): 192.168.1.3 has been silent for 3.61 s.",
	}
	if len(h.events) != 1 || h.events[0] != want {
		t.Errorf("got  %+v\nwant %+v", h.events, want)
	}
}

func TestSentencesOfReports(t *testing.T) {
	for want, r := range map[string]vrrp.Report{
		"main is Backup for 192.168.1.254 (lan): 192.168.1.2 has priority 150.":        report(1, to(vrrp.Backup, "192.168.1.2 has priority 150")),
		"main must not serve 192.168.1.254 (lan): there is no cable in lan0.":          report(1, to(vrrp.Fault, "there is no cable in lan0")),
		"main is waiting to serve 192.168.1.254 (lan): no frame received yet on lan0.": report(1, to(vrrp.Waiting, "no frame received yet on lan0")),
		"main is Backup for fd00::1 (gone): it left.":                                  report(1, to(vrrp.Backup, "it left"), func(r *vrrp.Report) { r.Router = "gone" }),
		"Conflict on lan: 192.168.1.3 is Active too.":                                  report(1, func(r *vrrp.Report) { r.Kind, r.Reason = vrrp.Conflict, "192.168.1.3 is Active too" }),
		"lan0: a stranger speaks for VRID 7.":                                          report(1, func(r *vrrp.Report) { r.Kind, r.Router, r.Reason = vrrp.Alarm, "", "a stranger speaks for VRID 7" }),
		"lan: 192.168.1.3 sends every 2 s, this router every 1 s.": report(1, func(r *vrrp.Report) {
			r.Kind, r.Reason = vrrp.Alarm, "192.168.1.3 sends every 2 s, this router every 1 s"
		}),
		"main does not know yet whether it serves 192.168.1.254 (lan): the engine was started.": report(1, to(vrrp.Unknown, "the engine was started")),
	} {
		h := settled(t, twin())
		got := h.state.reportSentence(r)
		if r.Router == "gone" { // its addresses went with the section
			want = "main is Backup for (gone): it left."
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestNothingIsToldTwice(t *testing.T) {
	h := settled(t, twin())
	h.fold(VRRPTold{[]vrrp.Report{report(1), report(2)}})
	h.fold(VRRPTold{[]vrrp.Report{report(1), report(2), report(3)}})
	if len(h.events) != 3 {
		t.Errorf("%d events of three reports", len(h.events))
	}
	// A new engine counts from the beginning.
	h.fold(VRRPTold{[]vrrp.Report{report(1, func(r *vrrp.Report) { r.Time = noon.Add(time.Hour) })}})
	if len(h.events) != 4 {
		t.Errorf("%d events: the report of a new engine is lost", len(h.events))
	}
}

// status is two families of one router.
func status(four, six vrrp.State) VRRPSeen {
	at := func(f vrrp.Family, s vrrp.State) vrrp.Election {
		return vrrp.Election{Router: "lan", ID: 51, Family: f, Interface: "lan0", State: s, Priority: 100, Base: 100, Since: noon, Reason: "so it is"}
	}
	return VRRPSeen{vrrp.Status{Elections: []vrrp.Election{at(vrrp.IPv4, four), at(vrrp.IPv6, six)}}}
}

func scripted(v *VirtualRouter) {
	v.OnChange, v.OnActive, v.OnBackup, v.OnFault = "/bin/change", "/bin/active", "/bin/backup now", "/bin/fault"
	v.Addresses = append(v.Addresses, netip.MustParsePrefix("fd00::1/64"))
}

func TestScriptsRunOnceForEachState(t *testing.T) {
	h := settled(t, twin(scripted))
	for _, step := range []struct {
		four, six vrrp.State
		want      string
	}{
		{vrrp.Waiting, vrrp.Waiting, ""},
		{vrrp.Backup, vrrp.Waiting, "backup: /bin/change, /bin/backup now"},
		{vrrp.Backup, vrrp.Backup, ""},
		{vrrp.Active, vrrp.Backup, "active: /bin/change, /bin/active"},
		{vrrp.Active, vrrp.Active, ""},
		{vrrp.Fault, vrrp.Active, ""},
		{vrrp.Fault, vrrp.Fault, "fault: /bin/change, /bin/fault"},
		{vrrp.Waiting, vrrp.Waiting, ""},
		{vrrp.Fault, vrrp.Fault, ""},
		{vrrp.Backup, vrrp.Backup, "backup: /bin/change, /bin/backup now"},
		{vrrp.Waiting, vrrp.Waiting, "waiting: /bin/change"},
	} {
		h.fold(status(step.four, step.six))
		got := ""
		for _, c := range h.state.DueScripts() {
			got += fmt.Sprintf("%s: %s", c.State, strings.Join(c.Programs, ", "))
		}
		if got != step.want {
			t.Errorf("%s and %s: run %q, want %q", step.four, step.six, got, step.want)
		}
	}
}

func TestWhatAScriptIsTold(t *testing.T) {
	h := settled(t, twin(scripted))
	h.fold(status(vrrp.Backup, vrrp.Backup))
	h.state.DueScripts()
	h.fold(status(vrrp.Active, vrrp.Active))
	c := h.state.DueScripts()[0]
	if got := strings.Join(c.Arguments, " "); got != "INSTANCE lan MASTER 100" || c.Instance != "lan" {
		t.Errorf("%s gets %s", c.Instance, got)
	}
	for _, want := range []string{
		"TWINPATH_NAME=lan", "TWINPATH_STATE=active", "TWINPATH_PREVIOUS=backup", "TWINPATH_ID=51", "TWINPATH_INTERFACE=lan0",
		"TWINPATH_FAMILIES=ipv4 ipv6", "TWINPATH_PRIORITY=100", "TWINPATH_ADDRESSES=192.168.1.254/24 fd00::1/64", "TWINPATH_REASON=so it is",
	} {
		if !slices.Contains(c.Environment, want) {
			t.Errorf("the environment lacks %s: %q", want, c.Environment)
		}
	}
	h.fold(Reconfigured{twoWANs()})
	gone := h.state.DueScripts()
	if len(gone) != 1 || gone[0].State != "stopped" || strings.Join(gone[0].Arguments, " ") != "INSTANCE lan STOP 0" {
		t.Errorf("when the section is gone: %+v", gone)
	}
}

func TestARestartRunsNoScriptForWhatLasts(t *testing.T) {
	for age, want := range map[time.Duration]int{inherited: 1, inherited + time.Millisecond: 0} {
		h := &house{t: t, now: noon.Add(age)}
		h.state = NewState(twin(scripted), nil, Earlier{}, h.now)
		h.fold(status(vrrp.Active, vrrp.Active)) // since noon
		if got := len(h.state.DueScripts()); got != want {
			t.Errorf("a state of %s ago: %d scripts, want %d", age, got, want)
		}
	}
}

func TestTheBackupSaysWhoServesTheHouse(t *testing.T) {
	h := settled(t, twin())
	h.doing(vrrp.Backup, 50, "192.168.1.2 has priority 100")
	h.wantVerdict(VerdictOK, "Internet works here, but the house is served by 192.168.1.2.")
	h.doing(vrrp.Active, 100, "192.168.1.2 said good-bye")
	h.wantVerdict(VerdictOK, "Internet works, on fibre.")
	h.doing(vrrp.Fault, 100, "somebody else uses 192.168.1.254")
	h.wantVerdict(VerdictDegraded, "Internet works, on fibre, but not as it should. lan is in fault for ipv4: somebody else uses 192.168.1.254.")
	h.doing(vrrp.Backup, 50, "")
	h.dead("fibre", time.Second)
	h.dead("lte", time.Second)
	h.wantVerdict(VerdictOffline, "No Internet here, but the house is served by 192.168.1.2. fibre: none of 3 checks answers")
}

func TestAServerSpeaksOfItsAddresses(t *testing.T) {
	h := newHouse(t, server())
	h.decide()
	h.wantVerdict(VerdictUnknown, "main does not know yet whether it serves 192.168.1.254 (lan).")
	h.doing(vrrp.Active, 100, "nobody else spoke")
	h.wantVerdict(VerdictOK, "main is Active for 192.168.1.254 (lan).")
	h.doing(vrrp.Backup, 100, "192.168.1.2 has priority 150")
	h.wantVerdict(VerdictOK, "main is Backup for 192.168.1.254 (lan), 192.168.1.2 is Active.")
	h.doing(vrrp.Waiting, 100, "no frame received yet on lan0")
	h.wantVerdict(VerdictDegraded, "main is waiting to serve 192.168.1.254 (lan). lan is waiting for ipv4: no frame received yet on lan0.")
}

func TestManyVirtualRoutersAreCounted(t *testing.T) {
	config := server()
	for i := range 4 {
		v := gateway()
		v.Name, v.ID, v.Interface = fmt.Sprintf("s%d", i), uint8(i+1), "lan0"
		config.VRRP = append(config.VRRP, v)
	}
	h := newHouse(t, config)
	h.doing(vrrp.Active, 100, "")
	h.wantVerdict(VerdictUnknown, "main is Active for 1 and unknown for 4 of 5 virtual routers.")
}

func TestTheSnapshotShowsEveryElectionAndSpeaker(t *testing.T) {
	h := settled(t, twin(checking(load), func(v *VirtualRouter) { v.Addresses = append(v.Addresses, netip.MustParsePrefix("fd00::1/64")) }))
	show := func() map[string]any {
		t.Helper()
		text, err := json.Marshal(h.state.Snapshot(h.now, "test", h.last))
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	silent := show()["vrrp"].([]any)
	if len(silent) != 2 || silent[1].(map[string]any)["family"] != "ipv6" || silent[1].(map[string]any)["state"] != "unknown" {
		t.Errorf("before the engine has spoken: %v", silent)
	}
	h.fold(VRRPSeen{vrrp.Status{
		Elections: []vrrp.Election{{
			Router: "lan", ID: 51, Family: vrrp.IPv4, Interface: "lan0", State: vrrp.Active, Priority: 70, Base: 100, Active: netip.MustParseAddr("192.168.1.1"),
			Addresses: gateway().Addresses, Since: noon, Reason: "nobody else spoke", Holding: true, Changes: 2, Sent: 10, Received: 3, Restored: 1,
			Rejected: map[packet.Reject]uint64{1: 4},
		}},
		Speakers: []vrrp.Speaker{{Interface: "lan0", Source: netip.MustParseAddr("192.168.1.3"), Interval: time.Second, Verdict: "accepted", Ours: "lan", Adverts: 3}},
	}})
	got := show()
	vr := got["vrrp"].([]any)[0].(map[string]any)
	for key, want := range map[string]any{
		"name": "lan", "id": 51.0, "family": "ipv4", "interface": "lan0", "state": "active", "priority": 70.0, "base": 100.0, "version": 3.0,
		"active_router": "192.168.1.1", "since": "2026-11-20T12:00:00Z", "reason": "nobody else spoke", "holding": true,
		"changes": 2.0, "sent": 10.0, "received": 3.0, "restored": 1.0,
	} {
		if vr[key] != want {
			t.Errorf("%s is %v, want %v", key, vr[key], want)
		}
	}
	if fmt.Sprint(vr["addresses"]) != "[192.168.1.254/24]" || len(vr["rejected"].(map[string]any)) != 1 || len(vr["checks"].([]any)) != 1 {
		t.Errorf("addresses %v, rejected %v, checks %v", vr["addresses"], vr["rejected"], vr["checks"])
	}
	sp := got["speakers"].([]any)[0].(map[string]any)
	if sp["source"] != "192.168.1.3" || sp["interval_ms"] != 1000.0 || sp["verdict"] != "accepted" || sp["ours"] != "lan" {
		t.Errorf("speaker %v", sp)
	}
}

func TestTwoSectionsForOnePlaceAreNamed(t *testing.T) {
	config := server()
	config.VRRP = append(config.VRRP, gateway())
	config.VRRP[1].Name, config.VRRP[1].Interface = "again", "lan*"
	h := newHouse(t, config)
	h.doing(vrrp.Active, 100, "nobody else spoke")
	shown := h.state.Snapshot(h.now, "test", h.last).VRRP
	if len(shown) != 2 || shown[1].Reason != "lan has id 51 on lan0 already" {
		t.Errorf("shown are %+v", shown)
	}
}
