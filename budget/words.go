package budget

import (
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Words says in a line what a metered WAN has carried, and of how much: "1.2 of 5 GB this month, until 1 December; 17 MB of 1 GB in
// this outage". Dates are those of the place.
func Words(v router.BudgetView, place *time.Location) string {
	text := Of(v.Used.Month, v.Month) + " this month"
	if !v.Resets.IsZero() {
		text += ", until " + v.Resets.In(place).Format("2 January")
	}
	all := []string{text}
	if v.Incident > 0 && v.Used.Incident > 0 {
		all = append(all, Of(v.Used.Incident, v.Incident)+" in this outage")
	}
	if v.Prepaid > 0 {
		all = append(all, Of(v.Used.Prepaid, v.Prepaid)+" prepaid")
	}
	for _, c := range []router.Class{router.Essential, router.Never} {
		if v.Class == c.String() {
			all = append(all, "used up: "+consequence(c))
		}
	}
	return strings.Join(all, "; ")
}

// Of says how much of a limit is used: "1.2 of 5 GB". Without a limit it is what is used.
func Of(used, limit uint64) string {
	if limit == 0 {
		return Size(used)
	}
	number, unit, _ := strings.Cut(Size(used), " ")
	if most := Size(limit); strings.HasSuffix(most, " "+unit) {
		return number + " of " + most
	}
	return Size(used) + " of " + Size(limit)
}
