package web

import "github.com/twinpath/twinpath/router"

// allowance is one limit of a metered WAN's data.
type allowance struct {
	wan, limit string
	most, used uint64
}

// budgets writes what metered WANs have carried, and what they may: by the month, for one incident, and of what is prepaid. What
// the month has carried is there without a limit, too.
func (m *exposition) budgets(all []router.WANSnapshot) {
	var list []allowance
	for _, w := range all {
		if b := w.Budget; b != nil {
			list = append(list, allowance{w.Name, "month", b.Month, b.Used.Month},
				allowance{w.Name, "incident", b.Incident, b.Used.Incident}, allowance{w.Name, "prepaid", b.Prepaid, b.Used.Prepaid})
		}
	}
	if len(list) == 0 {
		return
	}
	limited := func(a allowance) bool { return a.most > 0 }
	each(m, list, []family[allowance]{
		{"wan_budget_used_bytes", "gauge", "What the WAN has carried of the limit.", func(a allowance) (float64, bool) {
			return float64(a.used), limited(a) || a.limit == "month"
		}},
		{"wan_budget_limit_bytes", "gauge", "How much the WAN may carry.", func(a allowance) (float64, bool) { return float64(a.most), limited(a) }},
	}, func(a allowance) []label { return []label{{"wan", a.wan}, {"limit", a.limit}} })
}
