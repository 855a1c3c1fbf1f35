package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twinpath/twinpath/router"
)

// rungs are the steps of the ladder that have a column each.
var rungs = []string{"cable", "address", "modem", "first hop", "outside", "dns", "web"}

// CSV writes every outage as a row (RFC 4180). No text in it is taken for a formula by a spreadsheet.
func CSV(w io.Writer, r Report) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	head := []string{"number", "router", "wan", "cause", "state", "start", "end", "goes_on", "end_not_seen", "length_s", "failures", "sentence", "blame", "last_hop"}
	for _, rung := range rungs {
		head = append(head, strings.ReplaceAll(rung, " ", "_"))
	}
	head = append(head, "other_lines", "down_before_bit_s", "up_before_bit_s", "carried_by", "metered_bytes", "clock_set")
	if err := out.Write(head); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if err := out.Write(row.cells(r.Router)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (r Row) cells(name string) []string {
	hop := ""
	if r.LastHop.IsValid() {
		hop = r.LastHop.String()
	}
	cells := []string{
		strconv.Itoa(r.Number), cell(name), cell(r.WAN), cell(string(r.Cause)), cell(r.State), stamp(r.Start), stamp(r.End), yes(r.Open()), yes(r.Cut),
		fmt.Sprint(math.Round(time.Duration(r.Length).Seconds()*10) / 10), strconv.Itoa(max(r.Drops, 1)), cell(r.Sentence), cell(string(r.Blame)), cell(hop),
	}
	for _, what := range rungs {
		cells = append(cells, cell(stateOf(r.Ladder, what)))
	}
	return append(cells, cell(Witnesses(r.Others)), fmt.Sprint(r.Load.Rx*8), fmt.Sprint(r.Load.Tx*8), cell(Carried(r.Carried)), fmt.Sprint(r.Data), yes(r.Clock))
}

func stateOf(ladder []router.Rung, what string) string {
	for _, rung := range ladder {
		if rung.What == what {
			return rung.State
		}
	}
	return ""
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// cell is a text in one line that no spreadsheet takes for a formula: they look at the first sign, some of them at its wide
// form, too.
func cell(text string) string {
	text = plain(text)
	if text != "" && strings.ContainsAny(string([]rune(text)[:1]), "=+-@|%＝＋－＠") {
		return "'" + text
	}
	return text
}
