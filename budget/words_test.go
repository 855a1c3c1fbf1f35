package budget

import (
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

func TestWords(t *testing.T) {
	for want, v := range map[string]router.BudgetView{
		"1.2 GB this month":                            {Used: router.Used{Month: 12e8, Incident: 5}},
		"1.2 of 5 GB this month, until 1 December":     {Month: 5e9, Used: router.Used{Month: 12e8}, Resets: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)},
		"0 B this month; 17 MB of 1 GB in this outage": {Incident: 1e9, Used: router.Used{Incident: 17e6}},
		"12 kB this month; 11 of 10 GB prepaid; used up: nobody may use it any more but who always may": {Prepaid: 1e10, Incident: 9, Used: router.Used{Month: 12_000, Prepaid: 11e9}, Class: "never"},
	} {
		if got := Words(v, time.UTC); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
