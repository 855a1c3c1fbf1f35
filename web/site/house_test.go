package site

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/router"
)

// line is a WAN that works.
func line(name, device string, cost int, active bool) router.WANSnapshot {
	const tenth = router.Milliseconds(100 * time.Microsecond)
	return router.WANSnapshot{
		Name: name, Kind: "dhcp", Interface: device, State: "up", Active: active, Cost: cost, Weight: 1, Address: "203.0.113.20", Gateway: "203.0.113.1",
		DNS: []string{}, MTU: 1500, RTT: 81 * tenth, Since: noon.Add(-26 * time.Hour), Reason: "3 of 3 checks answer",
		Checks: []router.CheckSnapshot{
			{Target: "ping 1.1.1.1", OK: true, Weight: 20, RTT: 79 * tenth},
			{Target: "ping 8.8.8.8", OK: true, Weight: 20, RTT: 81 * tenth},
			{Target: "dns 9.9.9.9", OK: true, Weight: 20, RTT: 124 * tenth},
		},
	}
}

// down makes a line that nothing answers on.
func down(w router.WANSnapshot, reason string) router.WANSnapshot {
	w.State, w.Lost, w.Loss, w.RTT, w.Reason, w.Since = "down", 100, 1, 0, reason, noon.Add(-12*time.Minute)
	for i := range w.Checks {
		w.Checks[i].OK, w.Checks[i].RTT, w.Checks[i].Reason = false, 0, "no answer for 12m"
	}
	return w
}

func house(verdict router.Verdict, sentence string, lines ...router.WANSnapshot) *router.Snapshot {
	return &router.Snapshot{
		Router: "main", Version: "1.0", Sentence: sentence, Verdict: verdict, Since: noon.Add(-26 * time.Hour), WANs: lines, Time: noon,
		Kernel: router.KernelView{Applied: noon},
	}
}

func election(name, state, active, address string) router.VRRPSnapshot {
	return router.VRRPSnapshot{
		Name: name, ID: 51, Family: "ipv4", Interface: "lan0", Version: 3, State: state, Priority: 100, Base: 100, ActiveRouter: active,
		Addresses: []string{address}, Since: noon.Add(-26 * time.Hour), Reason: "it has the highest priority",
	}
}

// picture is one state of the house.
type picture struct {
	daemon func() *fakeDaemon
	silent bool // the daemon fell silent at noon
}

// pictures are the states of the house that the page has to show well.
func pictures() map[string]picture {
	plain := func(s *router.Snapshot) func() *fakeDaemon { return func() *fakeDaemon { return newDaemon(s) } }
	return map[string]picture{
		"ok":       {daemon: plain(house(router.VerdictOK, "Internet works, on fibre.", line("fibre", "wan0", 0, true), standby()))},
		"backup":   {daemon: onBackup},
		"degraded": {daemon: plain(degraded())},
		"offline": {daemon: plain(house(router.VerdictOffline, "No Internet. fibre: no cable in wan0, or nothing behind it has power (look at the cable and at the power of the modem). lte: none of 3 checks answers (the provider's side; nothing to do here).",
			down(line("fibre", "wan0", 0, true), "no cable in wan0, or nothing behind it has power"), down(standby(), "none of 3 checks answers")))},
		"unknown":  {daemon: plain(house(router.VerdictUnknown, "Looking for the Internet: first checks are under way.", starting(line("fibre", "wan0", 0, false))))},
		"silent":   {daemon: onBackup, silent: true},
		"evidence": {daemon: plain(evident())},
		"captive":  {daemon: plain(captive())},
		"served":   {daemon: plain(attended())},
		"stranger": {daemon: plain(strange())},
		"pair":     {daemon: paired},
		"servers":  {daemon: plain(servers())},
		"three":    {daemon: three},
		"setup":    {daemon: setup},
		"nothing":  {daemon: plain(nil)},
	}
}

func standby() router.WANSnapshot {
	w := line("lte", "usb0", 50, false)
	w.Metered, w.RTT, w.Address = true, router.Milliseconds(42*time.Millisecond), "100.64.12.7"
	return w
}

func starting(w router.WANSnapshot) router.WANSnapshot {
	w.State, w.Reason, w.Address, w.Checks, w.RTT = "unknown", "asking for an address", "", nil, 0
	return w
}

func onBackup() *fakeDaemon {
	lte := standby()
	lte.Active = true
	s := house(router.VerdictBackup, "Internet works, on the backup lte since 11:48. fibre: the line from the provider is down (the provider's side; nothing to do here).",
		down(line("fibre", "wan0", 0, false), "the line from the provider is down"), lte)
	s.Since = noon.Add(-12 * time.Minute)
	d := newDaemon(s)
	d.troubles = troubles()
	d.measures = measured("fibre", "lte")
	return d
}

func degraded() *router.Snapshot {
	w := line("fibre", "wan0", 0, true)
	w.State, w.Lost, w.Loss, w.Reason = "degraded", 20, 0.043, "2 of 3 checks answer; 8.8.8.8 does not"
	w.Checks[1].OK, w.Checks[1].Reason, w.Checks[1].RTT = false, "no answer for 40s", 0
	held := standby()
	until := noon.Add(4 * time.Minute)
	held.State, held.HeldUntil, held.Reason = "degraded", &until, "works again; held back until 12:04:00 because it keeps failing"
	s := house(router.VerdictDegraded, "Internet works, on fibre, but not as it should. fibre: 2 of 3 checks answer; 8.8.8.8 does not.", w, held)
	s.Pending = &router.PendingView{Until: noon.Add(70 * time.Second)}
	s.Kernel.Error = "set default route via 203.0.113.1 dev wan0: network is unreachable"
	return s
}

// evident has what the others know: data budgets, rehearsals, alerts, a full disk, and no clock.
func evident() *router.Snapshot {
	fibre, lte, sat := line("fibre", "wan0", 0, true), standby(), standby()
	sat.Name, sat.Interface = "sat", "usb1"
	fibre.Drill = &router.DrillView{WAN: "fibre", Through: "lte", Start: noon.Add(-150 * time.Hour), End: noon.Add(-149 * time.Hour), OK: true, Sentence: "lte would carry the house: 22 Mbit/s, 42 ms."}
	lte.Drill = &router.DrillView{WAN: "lte", Through: "fibre", Start: noon.Add(-80 * time.Hour), End: noon.Add(-80 * time.Hour), Sentence: "fibre would not carry the house: its DNS does not answer."}
	sat.Drill = &router.DrillView{WAN: "sat", Through: "fibre", Start: noon, Sentence: "Asking for names."}
	lte.Budget = &router.BudgetView{Month: 5_000_000_000, Incident: 1_000_000_000, Prepaid: 10_000_000_000, Percent: 95, Resets: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Used: router.Used{Month: 1_200_000_000, Incident: 870_000_000, Prepaid: 10_000_000_001}, Class: "essential"}
	sat.Budget = &router.BudgetView{Used: router.Used{Month: 120_000_000}, Resets: time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC)}
	s := house(router.VerdictOK, "Internet works, on fibre.", fibre, lte, sat)
	s.Disk, s.ClockUnset = "write the store: no space left on device", true
	s.Alerts = &router.AlertsView{Sender: true, Waiting: 3, Channels: []router.ChannelView{{Name: "ntfy://ntfy.sh/…", Sent: noon}, {Name: "smtp://mail.example", Error: "no route to host"}}}
	return s
}

// inhabited is a house with devices in it.
func inhabited() *router.HouseView {
	return &router.HouseView{Serving: true, Leases: 12, Advertise: true, Prefixes: []string{"2001:db8:1::/64"}, Retired: []string{"2001:db8:2::/64"},
		Router6: "fe80::1", Default6: true}
}

// attended has all that is known of lines and of the house.
func attended() *router.Snapshot {
	fibre, lte, sat := line("fibre", "wan0", 0, true), standby(), standby()
	sat.Name, sat.Interface = "sat", "usb1"
	fibre.Kind, fibre.Device, fibre.MTU = "pppoe", "ppp-fibre", 1492
	fibre.IPv6 = &router.IPv6View{State: "up", Reason: "3 of 3 targets answer", Address: "2001:db8:f1::2", Prefix: "2001:db8:1::/56"}
	fibre.Path = &router.PathView{MTU4: 1400, MTU6: 1380, Hole4: true, Checked: noon}
	lte.IPv6 = &router.IPv6View{State: "down", Reason: "no router advertises IPv6"}
	lte.Path = &router.PathView{MTU4: 1500, MTU6: 1500, Checked: noon}
	sat.IPv6 = &router.IPv6View{State: "down", Reason: "no answer beyond the ISP", Address: "2001:db8:f2::2"}
	s := house(router.VerdictOK, "Internet works, on fibre.", fibre, lte, sat)
	s.House = inhabited()
	s.DDNS = []router.NameView{{Host: "home.example.org", Address: "203.0.113.20", WAN: "fibre", Updated: noon},
		{Host: "nas.example.org", Address: "203.0.113.99", WAN: "fibre", Updated: noon, Error: "the provider does not take user name or password"},
		{Host: "new.example.org"}}
	return s
}

// strange has somebody else in the house who serves it.
func strange() *router.Snapshot {
	s := house(router.VerdictOK, "Internet works, on fibre.", line("fibre", "wan0", 0, true))
	s.House = &router.HouseView{Serving: true, Reason: "Another DHCP server answers in the house: 192.168.1.77 (02:00:00:00:00:77).", Leases: 1, Advertise: true,
		Router6: "fe80::1", Routers6: []string{"fe80::77 (02:00:00:00:00:77)"}, Stranger: &router.Stranger{Server: netip.MustParseAddr("192.168.1.77"), MAC: "02:00:00:00:00:77", Seen: noon}}
	return s
}

func captive() *router.Snapshot {
	w := down(line("hotel", "wan0", 0, true), "a login page answers instead of http://example.net/ (captive portal)")
	w.State = "captive"
	return house(router.VerdictOffline, "No Internet. hotel: a login page answers instead of http://example.net/ (captive portal) (log in, or renew the plan).", w)
}

// paired is the main router of a pair.
func paired() *fakeDaemon {
	s := house(router.VerdictOK, "Internet works, on fibre.", line("fibre", "wan0", 0, true), standby())
	s.VRRP = []router.VRRPSnapshot{election("lan", "active", "192.168.1.2", "192.168.1.1/24")}
	seen := noon
	s.Pair = &router.PairView{
		Peer: other.String(), Connected: true, FlowsHandedOver: 12, Router: "spare", Version: s.Version, Verdict: router.VerdictOK,
		Sentence: "Internet works here, but the house is served by 192.168.1.2.", HearsUs: true, Seen: &seen, State: "backup",
	}
	s.Pair.Linked, s.Pair.Phase, s.Pair.WANs = true, "keeps", []router.PartnerWAN{{
		Name: "mobile", Kind: "dhcp", State: "up", Active: true, Cost: 10, Metered: true, Address: "100.64.3.9", Since: noon.Add(-time.Hour), Reason: "4 of 4 checks answer",
		Budget: &router.BudgetView{Month: 5_000_000_000, Used: router.Used{Month: 4_500_000_000}, Percent: 90},
	}}
	s.Pair.Differences = []string{"[lan] dhcp: a lease lasts 12h here and 1h at spare; use the same."}
	d := newDaemon(s)
	d.settings.Peer = other
	d.troubles = []router.Incident{
		{ID: "spare-1", Router: "spare", Elsewhere: true, Cause: router.CauseIdle, WAN: "mobile", Start: noon.Add(-2 * time.Hour), End: noon.Add(-time.Hour),
			Lasted: router.Seconds(time.Hour), Clock: true, Sentence: "mobile was down for 1 h: there was no backup."},
		{ID: "main-2", Router: "main", Cause: router.CauseVRRP, VRRP: "lan", State: "active", Moment: true, Start: noon.Add(-3 * time.Hour), Clock: true, Sentence: "main is Active for 192.168.1.1 (lan)."},
		{ID: "spare-2", Router: "spare", Elsewhere: true, Cause: router.CauseVRRP, VRRP: "lan", State: "backup", Moment: true, Start: noon.Add(-3*time.Hour - time.Second), Clock: true,
			Sentence: "spare is Backup for 192.168.1.1 (lan)."},
	}
	return d
}

// other is the address of the pair's second router.
var other = netip.MustParseAddr("192.168.1.3")

func servers() *router.Snapshot {
	s := house(router.VerdictOK, "main serves 192.0.2.10 (web); main stands by for 192.0.2.20 (mail), 192.0.2.3 is Active.")
	s.WANs = []router.WANSnapshot{}
	mail := election("mail", "backup", "192.0.2.3", "192.0.2.20/24")
	mail.Priority = 80
	mail.Checks = []router.CheckSnapshot{{Target: "tcp 127.0.0.1:25", Weight: 20, Reason: "connection refused"}}
	s.VRRP = []router.VRRPSnapshot{election("web", "active", "192.0.2.2", "192.0.2.10/24"), mail}
	return s
}

func three() *fakeDaemon {
	cable := line("cable", "wan1", 0, true)
	cable.Drained, cable.RTT = true, router.Milliseconds(19*time.Millisecond)
	s := house(router.VerdictOK, "Internet works, on fibre and cable.", line("fibre", "wan0", 0, true), cable, standby())
	d := newDaemon(s)
	d.measures = measured("fibre", "cable", "lte")
	for n := range 60 {
		at, i := noon.Add(-time.Duration(n+1)*2*time.Hour), troubles()[0]
		i.ID, i.Start, i.End = fmt.Sprint(n), at, at.Add(time.Duration(n+2)*time.Minute)
		i.Lasted = router.Seconds(i.End.Sub(i.Start))
		d.troubles = append(d.troubles, i)
	}
	return d
}

func setup() *fakeDaemon {
	s := house(router.VerdictUnknown, "No way to the Internet is configured.")
	s.WANs = []router.WANSnapshot{}
	d := newDaemon(s)
	d.settings.Setup = true
	return d
}

// troubles are one of each kind of incident, newest first.
func troubles() []router.Incident {
	at := func(before time.Duration) time.Time { return noon.Add(-before) }
	const length = 12*time.Minute + 2*time.Second
	fibre := router.Incident{
		ID: "main-20261121T114758Z-9", Cause: router.CauseWAN, WAN: "fibre", State: "down", Start: at(length), Lasted: router.Seconds(length), Clock: true, Blame: router.BlameISP,
		Sentence: "fibre: the line from the provider is down (the provider's side; nothing to do here).",
		Ladder:   []router.Rung{{What: "cable", State: "ok"}, {What: "address", State: "ok"}, {What: "modem", State: "ok"}, {What: "first hop", State: "broken", Detail: "no answer"}},
		LastHop:  netip.MustParseAddr("192.168.100.1"), Load: router.Load{Rx: 52_000, Tx: 8_100},
		Others: []router.Witness{{WAN: "lte", State: "up", RTT: router.Milliseconds(42 * time.Millisecond)}},
		Steps:  []router.Step{{Time: at(12 * time.Minute), Sentence: "The house moves from fibre to lte: fibre: none of 3 checks answers."}},
	}
	fibre.Carried = []router.Carrier{{From: fibre.Start, To: at(12 * time.Minute)}, {WAN: "lte", Metered: true, From: at(12 * time.Minute), Data: 48_000_000}}
	all := []router.Incident{fibre,
		{ID: "m", Cause: router.CauseMetered, WAN: "lte", Start: at(12 * time.Minute), Lasted: router.Seconds(12 * time.Minute), Clock: true, Sentence: "The metered lte carries the house."}}
	moment := func(before time.Duration, i router.Incident) {
		i.ID, i.Start, i.Clock, i.Moment = fmt.Sprint(before), at(before), true, true
		all = append(all, i)
	}
	stretch := func(before, length time.Duration, i router.Incident) {
		i.ID, i.Start, i.End, i.Lasted, i.Clock = fmt.Sprint(before), at(before), at(before-length), router.Seconds(length), true
		all = append(all, i)
	}
	moment(19*time.Hour, router.Incident{Cause: router.CauseUndone, Sentence: "The configuration before is in use again: nobody kept the new one."})
	stretch(20*time.Hour, 3*time.Second, router.Incident{Cause: router.CauseOffline, Sentence: "Nothing worked for 3 s."})
	stretch(21*time.Hour, time.Hour, router.Incident{Cause: router.CauseUnsure, WAN: "fibre", Drops: 4, Sentence: "fibre failed 4 times, and is held back."})
	stretch(23*time.Hour, time.Hour, router.Incident{Cause: router.CausePortal, WAN: "lte", Sentence: "lte wanted a login."})
	stretch(25*time.Hour, time.Hour, router.Incident{Cause: router.CauseIdle, WAN: "lte", Cut: true, Sentence: "lte was down: there was no backup."})
	moment(26*time.Hour, router.Incident{Cause: router.CauseVRRP, VRRP: "lan", State: "active", Sentence: "main is Active for lan."})
	stretch(27*time.Hour, time.Minute, router.Incident{Cause: router.CauseVRRP, VRRP: "lan", State: "fault", Sentence: "lan was in fault: lan0 had no carrier."})
	stretch(28*time.Hour, time.Minute, router.Incident{Cause: router.CauseTwo, VRRP: "lan", Sentence: "Two routers served 192.168.1.1."})
	stretch(29*time.Hour, time.Minute, router.Incident{Cause: router.CausePeer, Sentence: "spare did not answer."})
	stretch(49*time.Hour, 2*time.Hour, router.Incident{Cause: router.CauseRestart, Sentence: "Twinpath was off: no data."})
	stretch(50*time.Hour, time.Hour, router.Incident{Cause: router.CauseWAN, WAN: "lte", State: "degraded", Sentence: "lte is degraded: 2 of 3 checks answer; 8.8.8.8 does not."})
	moment(60*time.Hour, router.Incident{Cause: router.CauseUpdate, Sentence: "Twinpath 1.0 runs now, after 0.9."})
	moment(61*time.Hour, router.Incident{Cause: router.CauseBudget, WAN: "lte", Sentence: "80 % of this month's data of lte are used."})
	stretch(62*time.Hour, time.Hour, router.Incident{Cause: router.CauseDisk, Sentence: "Nothing could be kept: no space left on device."})
	stretch(63*time.Hour, time.Hour, router.Incident{Cause: router.CauseClock, Sentence: "Nobody had set the clock."})
	all[len(all)-1].Clock = false
	moment(64*time.Hour, router.Incident{Cause: router.CauseDrill, WAN: "fibre", Sentence: "If fibre failed, lte would not carry the house: its DNS does not answer."})
	moment(65*time.Hour, router.Incident{Cause: router.CauseLogin, Sentence: "Somebody tried 12 wrong passwords from 192.168.1.77."})
	moment(75*time.Hour, router.Incident{Cause: "later", Sentence: "Something that this version does not know."})
	return all
}

// measured is a day with a gap of two hours, and with an outage of the first line at its end.
func measured(names ...string) router.Measures {
	m := router.Measures{Step: 60, Until: noon}
	for k, name := range names {
		w := router.MeasuredWAN{Name: name}
		for i := range 1440 {
			w.Points = append(w.Points, point(i, k))
		}
		m.WANs = append(m.WANs, w)
	}
	return m
}

func point(minute, k int) *router.Point {
	if minute >= 300 && minute < 420 {
		return nil
	}
	wave := 1 + 0.25*math.Sin(float64(minute)/90) + 0.1*math.Sin(float64(minute*(k+3))/7)
	median := time.Duration(float64(8+17*k) * wave * float64(time.Millisecond))
	p := &router.Point{
		RTT: router.Milliseconds(median), MinRTT: router.Milliseconds(median * 7 / 10), MaxRTT: router.Milliseconds(median * 19 / 10),
		State: "up", Active: k == 0, Rx: 4_000_000, Tx: 700_000,
	}
	switch {
	case k == 0 && minute >= 1428:
		return &router.Point{State: "down", Loss: 1}
	case minute%97 == 0:
		p.Loss, p.State = 0.12, "degraded"
	}
	return p
}
