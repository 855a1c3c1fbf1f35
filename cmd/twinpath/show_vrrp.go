package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/twinpath/twinpath/router"
)

// printVirtual writes a line for each election with its failing checks, and one for each speaker heard.
func printVirtual(w io.Writer, s *router.Snapshot, colour bool) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(s.VRRP) > 0 {
		fmt.Fprintln(table, "  \tVRRP\tVRID\tSTATE\tPRIORITY\tADDRESSES\tACTIVE\tSINCE\tREASON")
	}
	for _, v := range s.VRRP {
		mark := " "
		if v.Holding {
			mark = "▶"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%d of %d\t%s\t%s\t%s\t%s\n", mark, v.Name, v.ID, stateWord(v.State, colour), v.Priority, v.Base,
			strings.Join(v.Addresses, " "), or(v.ActiveRouter, "–"), ago(s.Time, v.Since), v.Reason)
		for _, c := range v.Checks {
			if !c.OK {
				fmt.Fprintf(table, "\t\t\t%s\t%d\t%s\t\t\t%s\n", stateWord("fails", colour), c.Weight, c.Target, c.Reason)
			}
		}
	}
	_ = table.Flush()
	printSpeakers(w, s)
}

func printSpeakers(w io.Writer, s *router.Snapshot) {
	if len(s.Speakers) == 0 {
		return
	}
	at := s.Time
	if s.VRRPTime != nil {
		at = *s.VRRPTime // a speaker is not late because the status is
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  \tHEARD\tON\tVRID\tPRIORITY\tINTERVAL\tADVERTS\tMISSED\tLAST\tVERDICT")
	for _, h := range s.Speakers {
		verdict := h.Verdict
		switch {
		case h.CARP:
			verdict = "CARP, not VRRP"
		case h.Foreign:
			verdict = "another virtual router"
		}
		fmt.Fprintf(table, " \t%s\t%s\t%d\t%d\t%s\t%d\t%d\t%s ago\t%s\n", h.Source, h.Interface, h.ID, h.Priority,
			time.Duration(h.Interval), h.Adverts, h.Missed, ago(at, h.Last), verdict)
	}
	_ = table.Flush()
}
