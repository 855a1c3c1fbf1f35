package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/twinpath/twinpath/budget"
	"github.com/twinpath/twinpath/router"
)

// printPair writes how the two routers of the house stand to each other, and the other one's lines.
func printPair(w io.Writer, s *router.Snapshot, colour bool) {
	p := s.Pair
	if p == nil {
		return
	}
	them := cmp.Or(p.Router, "the other router")
	fmt.Fprintf(w, "\n%s\n", bondWords(p, them))
	for _, line := range movingWords(s, them) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	for _, line := range p.Differences {
		fmt.Fprintf(w, "  ! %s\n", line)
	}
	if len(p.WANs) == 0 {
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "  \tAT %s\tSTATE\tCOST\tADDRESS\tSINCE\tREASON\n", strings.ToUpper(them))
	for _, l := range p.WANs {
		mark := " "
		if l.Active && p.State == "active" && p.Connected {
			mark = "▶"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d+%d\t%s\t%s\t%s\n", mark, l.Name, stateWord(l.State, colour), l.Cost, l.Lost, or(l.Address, "–"), ago(s.Time, l.Since), l.Reason)
	}
	_ = table.Flush()
	for _, l := range p.WANs {
		if l.Budget != nil {
			fmt.Fprintf(w, "  %s at %s has carried %s\n", l.Name, them, budget.Words(*l.Budget, time.Local))
		}
	}
}

// bondWords is whether the two are there for each other, in a sentence.
func bondWords(p *router.PairView, them string) string {
	name := fmt.Sprintf("%s (%s)", them, p.Peer)
	switch {
	case p.Second != nil:
		return p.Second.Sentence
	case p.Deaf != "":
		return fmt.Sprintf("This router and %s hear each other in one direction only: %s.", name, p.Deaf)
	case p.Gone:
		return fmt.Sprintf("The other router, %s, gives no sign of life and answers nothing.", name)
	case !p.Connected:
		return fmt.Sprintf("The other router, %s, does not answer.", name)
	case p.Linked && p.Breaks:
		return fmt.Sprintf("This router and %s are linked. Connections break when the house moves: the configuration wants it so.", name)
	case p.Linked:
		return fmt.Sprintf("This router and %s work together: connections survive when the house moves.", name)
	}
	return fmt.Sprintf("This router and %s do not work together: %s. Connections break when the house moves.", name, or(p.LinkReason, "there is no link between them"))
}

// movingWords is what of the house's connections is on its way from one to the other.
func movingWords(s *router.Snapshot, them string) []string {
	var all []string
	p := s.Pair
	switch n := p.FlowsHandedOver; {
	case p.Phase == "learns":
		all = append(all, "The house moves here: what runs over "+them+" goes on.")
	case p.Phase == "ready":
		all = append(all, "Ready: should the house move here, what runs over "+them+" goes on.")
	case p.Phase == "keeps" && n > 0:
		all = append(all, using(n, them))
	}
	if p.Left > 0 && p.State == "active" {
		all = append(all, using(p.Left, s.Router))
	}
	if p.Drained {
		all = append(all, them+" is drained.")
	}
	return all
}

func using(n int, name string) string {
	if n == 1 {
		return "1 connection still uses " + name + "; it moves by ending."
	}
	return fmt.Sprintf("%d connections still use %s; they move by ending.", n, name)
}
