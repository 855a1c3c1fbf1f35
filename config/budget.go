package config

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

func budgetKeys() keys[router.Budget] {
	return keys[router.Budget]{
		{"month", func(b *router.Budget, v value) { b.Month = v.size() }},
		{"reset_day", func(b *router.Budget, v value) { b.ResetDay = v.number(1, 31) }},
		{"incident", func(b *router.Budget, v value) { b.Incident = v.size() }},
		{"prepaid", func(b *router.Budget, v value) { b.Prepaid = v.size() }},
		{"prepaid_from", func(b *router.Budget, v value) { b.From = v.day() }},
		{"then", func(b *router.Budget, v value) { b.Then = v.class() }},
	}
}

// class reads who may use a metered line.
func (v value) class() router.Class {
	word := v.choice(router.Always.String(), router.Essential.String(), router.Never.String())
	for c := router.Always; c <= router.Never; c++ {
		if c.String() == word {
			return c
		}
	}
	return router.Unclassed
}

// The least and the most of a budget. Checks alone take some megabytes a day.
const (
	leastSize = 1_000_000
	mostSize  = 1_000_000_000_000_000
)

// size reads bytes in the units that providers and programs use: "5GB" is 5,000,000,000, "4GiB" is 4 × 2³⁰.
func (v value) size() uint64 {
	const hint = `for example "5GB", "500MB", "1.5GB" or "4GiB"`
	if _, ok := v.raw.(string); !ok {
		v.problem(hint, "must be a size in quotes, not %s", v.kind())
		return 0
	}
	text := v.text(32)
	if text == "" {
		return 0
	}
	number := strings.TrimRight(text, "kKMGTPiBb ")
	unit, known := map[string]float64{
		"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}[strings.TrimSpace(strings.TrimPrefix(text, number))]
	amount, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || !known || strings.Trim(number, "0123456789.") != "":
		v.problem(hint, "%s is not a size", quote(text))
	case amount*unit < leastSize || amount*unit > mostSize:
		v.problem("", "must be 1MB to 1000TB, not %s", text)
	default:
		return uint64(math.Round(amount * unit))
	}
	return 0
}

// day reads a date, in quotes or not, as its first moment here.
func (v value) day() time.Time {
	text, isText := v.raw.(string)
	if t, ok := v.raw.(time.Time); ok {
		text, isText = t.Format(time.DateOnly), true
	}
	t, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	switch {
	case !isText:
		v.problem(`for example "2026-11-01"`, "must be a date, not %s", v.kind())
	case err != nil:
		v.problem(`for example "2026-11-01"`, "%s is not a date", quote(text))
	case t.Year() < 2020 || t.Year() > 2100:
		v.problem("", "must be in the years 2020 to 2100, not %s", quote(text))
	default:
		return t
	}
	return time.Time{}
}

// budget looks at what a WAN's budget says together with the rest.
func (r *reading) budget(at string, w router.WANConfig, cfg router.Config) {
	own := join(at, "budget")
	if !r.has(own) {
		return
	}
	switch {
	case w.Kind == router.Peer:
		r.problem(own, "set it on the other router, whose line it is", "the data of a line behind another router is not counted here")
		return
	case !w.Metered:
		r.problem(own, "add metered = true to the WAN", "is only for a metered line")
	}
	given := func(key string) bool { return r.has(join(own, key)) }
	if !given("month") && !given("incident") && !given("prepaid") {
		r.problem(own, `for example month = "5GB"`, "has no limit: needs one of month, incident, prepaid")
	}
	if given("reset_day") && !given("month") {
		r.problem(join(own, "reset_day"), `for example month = "5GB"`, "is only for a budget by the month")
	}
	if given("prepaid") != given("prepaid_from") {
		key := map[bool]string{true: "prepaid_from", false: "prepaid"}[given("prepaid")]
		r.problem(own, map[string]string{"prepaid_from": `for example prepaid_from = "2026-11-01", the day it was bought`,
			"prepaid": `for example prepaid = "10GB"`}[key], "lacks %s", key)
	}
	if given("incident") && cheapest(w, cfg.WANs) {
		r.problem(join(own, "incident"), "use month, or give the WAN a higher cost than the line it is the backup of",
			"is for a backup, and %s is the cheapest WAN", w.Name)
	}
}

func cheapest(w router.WANConfig, all []router.WANConfig) bool {
	for _, other := range all {
		if other.Cost < w.Cost || other.Cost == w.Cost && !other.Metered {
			return false
		}
	}
	return true
}

// classed looks at a policy that says who may use metered lines.
func (r *reading) classed(at string, p router.Policy, cfg router.Config) {
	if !r.has(join(at, "metered")) {
		r.wants(at, "wan", `or, for the data of a metered WAN, for example metered = "never"`)
		return
	}
	if !r.has(join(at, "wan")) && r.has(join(at, "else")) {
		r.problem(join(at, "else"), "name them with wan", "is for when none of some WANs is usable")
	}
	if p.Metered == router.Unclassed {
		return // told already
	}
	for _, w := range cfg.WANs {
		if w.Metered && w.Kind != router.Peer {
			return
		}
	}
	r.problem(join(at, "metered"), "add metered = true to the WAN that is paid by volume", "there is no metered WAN")
}
