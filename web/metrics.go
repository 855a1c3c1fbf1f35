package web

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// metrics is the snapshot for Prometheus and others who read its text.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) {
	snapshot, _ := a.Source.Snapshot()
	m := exposition{open: r.URL.Query().Get("format") == "openmetrics" || PrefersOpenMetrics(r.Header.Values("Accept"))}
	m.router(snapshot)
	m.wans(snapshot.WANs, a.counters(snapshot))
	m.virtual(snapshot.VRRP)
	m.pair(snapshot.Pair)
	w.Header().Set("Content-Type", m.kind())
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, m.end())
}

// counters are those of the kernel at this moment, or of the snapshot where nobody can ask it.
func (a *API) counters(s *router.Snapshot) router.Counters {
	if a.Counters != nil {
		return a.Counters()
	}
	c := router.Counters{Flows: s.Flows, Traffic: map[string]router.Traffic{}}
	for _, w := range s.WANs {
		c.Traffic[cmp.Or(w.Device, w.Interface)] = router.Traffic{Rx: w.RxBytes, Tx: w.TxBytes}
	}
	return c
}

func seconds(d router.Milliseconds) float64 { return time.Duration(d).Seconds() }

func (m *exposition) router(s *router.Snapshot) {
	m.begin("build_info", "gauge", "Which program this is.")
	m.sample(1, label{"version", s.Version}, label{"router", s.Router})
	m.begin("verdict", "gauge", "How the house is served: 1 for the state that holds.")
	m.states([]string{"unknown", "ok", "backup", "degraded", "offline"}, string(s.Verdict))
	m.begin("verdict_since_seconds", "gauge", "When the verdict last changed, in seconds since 1970.")
	m.sample(float64(s.Since.Unix()))
	m.begin("drained", "gauge", "Whether the owner has moved the house off this router.")
	m.sample(truth(s.Drained))
	m.begin("configuration_pending", "gauge", "Whether a new configuration waits to be confirmed.")
	m.sample(truth(s.Pending != nil))
	m.begin("kernel_error", "gauge", "Whether the kernel refuses a part of the plan.")
	m.sample(truth(s.Kernel.Error != ""))
	m.begin("kernel_apply_seconds", "gauge", "How long the kernel took for the last plan.")
	m.sample(seconds(s.Kernel.Took))
	m.begin("kernel_restored_total", "counter", "Objects of ours in the kernel that somebody else removed, and that were put back.")
	m.sample(float64(s.Kernel.Restored))
}

// wanFamilies are one sample for each WAN. A value that is not there is left out.
func wanFamilies(counters router.Counters) []family[router.WANSnapshot] {
	type wan = router.WANSnapshot
	counted := func(w wan) bool { return w.Kind != router.Peer.String() }
	return []family[wan]{
		{"wan_active", "gauge", "Whether the WAN carries the traffic.", func(w wan) (float64, bool) { return truth(w.Active), true }},
		{"wan_cost", "gauge", "The configured cost.", func(w wan) (float64, bool) { return float64(w.Cost), true }},
		{"wan_lost", "gauge", "The weight of the checks that fail: it is added to the cost.", func(w wan) (float64, bool) { return float64(w.Lost), true }},
		{"wan_metered", "gauge", "Whether the line is paid by volume.", func(w wan) (float64, bool) { return truth(w.Metered), true }},
		{"wan_drained", "gauge", "Whether the owner has moved the house off this WAN.", func(w wan) (float64, bool) { return truth(w.Drained), true }},
		{"wan_held", "gauge", "Whether the WAN is held back because it failed repeatedly.", func(w wan) (float64, bool) { return truth(w.HeldUntil != nil), true }},
		{"wan_ipv6_up", "gauge", "Whether the WAN's IPv6 works, where it has any.", func(w wan) (float64, bool) {
			return truth(has6(w) && w.IPv6.State == health.Up.String()), has6(w)
		}},
		{"wan_rtt_median_seconds", "gauge", "The median round trip to the checks' targets, over the last minute or so.", func(w wan) (float64, bool) { return seconds(w.RTT), w.RTT > 0 }},
		{"wan_loss_ratio", "gauge", "The share of probes that were lost, 0 to 1, over the last minute or so.", func(w wan) (float64, bool) { return w.Loss, true }},
		{"wan_since_seconds", "gauge", "When the state last changed, in seconds since 1970.", func(w wan) (float64, bool) { return float64(w.Since.Unix()), true }},
		{"wan_probes_total", "counter", "Probes whose outcome is known.", func(w wan) (float64, bool) {
			c := w.Tally.Counts()
			return float64(c.Answered + c.Lost), w.Tally != nil
		}},
		{"wan_probes_lost_total", "counter", "Probes that nobody answered as they should.", func(w wan) (float64, bool) {
			return float64(w.Tally.Counts().Lost), w.Tally != nil
		}},
		{"wan_receive_bytes_total", "counter", "Bytes that the interface has received since it appeared.", func(w wan) (float64, bool) {
			return float64(counters.Of(w).Rx), counted(w)
		}},
		{"wan_transmit_bytes_total", "counter", "Bytes that the interface has sent since it appeared.", func(w wan) (float64, bool) {
			return float64(counters.Of(w).Tx), counted(w)
		}},
	}
}

// has6 reports whether a WAN has IPv6, be it that it does not work.
func has6(w router.WANSnapshot) bool {
	return w.IPv6 != nil && (w.IPv6.Gateway != "" || w.IPv6.State != health.Unknown.String())
}

// family is a metric with one sample for each T.
type family[T any] struct {
	name, kind, help string
	value            func(T) (float64, bool)
}

// each writes families of samples for a list.
func each[T any](m *exposition, all []T, families []family[T], labels func(T) []label) {
	for _, f := range families {
		m.begin(f.name, f.kind, f.help)
		for _, one := range all {
			if v, there := f.value(one); there {
				m.sample(v, labels(one)...)
			}
		}
	}
}

// check is one of a WAN or a virtual router.
type check struct {
	labels []label
	router.CheckSnapshot
}

func checkFamilies(prefix string) []family[check] {
	return []family[check]{
		{prefix + "_check_ok", "gauge", "Whether the check passes.", func(c check) (float64, bool) { return truth(c.OK), true }},
		{prefix + "_check_weight", "gauge", "What it costs when it fails.", func(c check) (float64, bool) { return float64(c.Weight), true }},
		{prefix + "_check_rtt_seconds", "gauge", "Its round trip.", func(c check) (float64, bool) { return seconds(c.RTT), c.RTT > 0 }},
	}
}

func (m *exposition) checks(prefix string, all []check) {
	each(m, all, checkFamilies(prefix), func(c check) []label { return append(slices.Clip(c.labels), label{"target", c.Target}) })
}

func (m *exposition) wans(all []router.WANSnapshot, counters router.Counters) {
	if len(all) == 0 {
		return
	}
	m.begin("flows", "gauge", "Connections that the kernel tracks.")
	m.sample(float64(counters.Flows))
	labels := func(w router.WANSnapshot) []label { return []label{{"wan", w.Name}} }
	m.begin("wan_state", "gauge", "The WAN's state: 1 for the one that holds.")
	var checks []check
	for _, w := range all {
		m.states([]string{health.Unknown.String(), health.Up.String(), health.Degraded.String(), health.Down.String(), health.Captive.String()}, w.State, labels(w)...)
		for _, c := range w.Checks {
			checks = append(checks, check{labels(w), c})
		}
	}
	each(m, all, wanFamilies(counters), labels)
	m.budgets(all)
	m.paths(all)
	m.begin("wan_rtt_seconds", "histogram", "The round trips of all answered probes.")
	for _, w := range all {
		if w.Tally != nil {
			m.histogram(w.Tally.Counts(), labels(w)...)
		}
	}
	m.checks("wan", checks)
}

func virtualFamilies() []family[router.VRRPSnapshot] {
	type election = router.VRRPSnapshot
	return []family[election]{
		{"vrrp_priority", "gauge", "The priority in force.", func(v election) (float64, bool) { return float64(v.Priority), true }},
		{"vrrp_base_priority", "gauge", "The configured priority.", func(v election) (float64, bool) { return float64(v.Base), true }},
		{"vrrp_holding", "gauge", "Whether the addresses are on this router.", func(v election) (float64, bool) { return truth(v.Holding), true }},
		{"vrrp_changes_total", "counter", "Changes of state.", func(v election) (float64, bool) { return float64(v.Changes), true }},
		{"vrrp_sent_total", "counter", "Adverts sent.", func(v election) (float64, bool) { return float64(v.Sent), true }},
		{"vrrp_received_total", "counter", "Adverts received and accepted.", func(v election) (float64, bool) { return float64(v.Received), true }},
		{"vrrp_restored_total", "counter", "Virtual addresses that somebody else removed, and that were put back.", func(v election) (float64, bool) { return float64(v.Restored), true }},
	}
}

func (m *exposition) virtual(all []router.VRRPSnapshot) {
	if len(all) == 0 {
		return
	}
	labels := func(v router.VRRPSnapshot) []label {
		return []label{{"vrrp", v.Name}, {"vrid", strconv.Itoa(int(v.ID))}, {"family", v.Family}}
	}
	m.begin("vrrp_state", "gauge", "The election's state: 1 for the one that holds.")
	var checks []check
	for _, v := range all {
		m.states([]string{vrrp.Unknown.String(), vrrp.Waiting.String(), vrrp.Fault.String(), vrrp.Backup.String(), vrrp.Active.String()}, v.State, labels(v)...)
		for _, c := range v.Checks {
			checks = append(checks, check{labels(v), c})
		}
	}
	each(m, all, virtualFamilies(), labels)
	m.begin("vrrp_rejected_total", "counter", "Adverts that were not accepted, by reason.")
	for _, v := range all {
		for _, reason := range slices.Sorted(maps.Keys(v.Rejected)) {
			m.sample(float64(v.Rejected[reason]), append(labels(v), label{"reason", reason})...)
		}
	}
	m.checks("vrrp", checks)
}
