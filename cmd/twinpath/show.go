package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/twinpath/twinpath/budget"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// terminal reports whether w is one: only there colours make sense.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// watchStatus is the live view: it repaints a terminal, or prints a line of JSON for each change.
func watchStatus(ctx context.Context, client *web.Client, asJSON bool, std stdio) error {
	if asJSON {
		return client.Watch(ctx, func(s *router.Snapshot) { _ = json.NewEncoder(std.out).Encode(s) })
	}
	live := terminal(std.out)
	return client.Watch(ctx, func(s *router.Snapshot) {
		var page strings.Builder
		if live {
			page.WriteString("\x1b[H\x1b[2J") // home, clear
		}
		printStatus(&page, s, live)
		_, _ = io.WriteString(std.out, page.String())
	})
}

// printStatus writes the sentence, a line for each WAN and virtual router, and what fails of their checks.
func printStatus(w io.Writer, s *router.Snapshot, colour bool) {
	fmt.Fprintf(w, "%s\n\n", s.Sentence)
	printWANs(w, s, colour)
	printVirtual(w, s, colour)
	printPair(w, s, colour)
	printHouse(w, s.House)
	printNames(w, s.DDNS)
	if s.Pending != nil {
		fmt.Fprintf(w, "\nA new configuration waits for \"twinpath confirm\" until %s.\n", s.Pending.Until.Local().Format("15:04:05"))
	}
	if s.Kernel.Error != "" {
		fmt.Fprintf(w, "\nThe kernel refuses a part of the plan: %s\n", s.Kernel.Error)
	}
}

func printWANs(w io.Writer, s *router.Snapshot, colour bool) {
	if len(s.WANs) == 0 {
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  \tWAN\tSTATE\tCOST\tADDRESS\tRTT\tLOSS\tSINCE\tREASON")
	for _, l := range s.WANs {
		mark := " "
		if l.Active {
			mark = "▶"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d+%d\t%s\t%s\t%.0f %%\t%s\t%s\n", mark, l.Name, stateWord(l.State, colour), l.Cost, l.Lost,
			or(l.Address, "–"), rtt(l.RTT), l.Loss*100, ago(s.Time, l.Since), l.Reason)
		for _, c := range l.Checks {
			if !c.OK {
				fmt.Fprintf(table, "\t\t%s\t%d\t\t\t\t\t%s: %s\n", stateWord("fails", colour), c.Weight, c.Target, c.Reason)
			}
		}
	}
	_ = table.Flush()
	for _, l := range s.WANs {
		if l.Budget != nil {
			fmt.Fprintf(w, "  %s has carried %s\n", l.Name, budget.Words(*l.Budget, time.Local))
		}
	}
	printNotes(w, s.WANs)
	if len(s.VRRP) > 0 {
		fmt.Fprintln(w)
	}
}

// stateWord pads by hand: tabwriter would count the colour's bytes.
func stateWord(state string, colour bool) string {
	word := fmt.Sprintf("%-8s", state)
	if !colour {
		return word
	}
	code := map[string]string{"up": "32", "active": "32", "backup": "34", "degraded": "33", "waiting": "33", "unknown": "36"}[state]
	return "\x1b[" + or(code, "31") + "m" + word + "\x1b[0m"
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func rtt(m router.Milliseconds) string {
	if m == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f ms", time.Duration(m).Seconds()*1000)
}

func ago(now, since time.Time) string {
	return now.Sub(since).Round(time.Second).String()
}
