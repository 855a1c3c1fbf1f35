package main

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// printNotes writes what there is to say of lines beside their state: IPv6, and packets that do not fit.
func printNotes(w io.Writer, lines []router.WANSnapshot) {
	for _, l := range lines {
		if v := l.IPv6; v != nil {
			own := cmp.Or(v.Prefix, v.Address)
			switch {
			case v.State == health.Up.String():
				fmt.Fprintf(w, "  %s has IPv6: %s\n", l.Name, own)
			case v.State == health.Down.String() && own != "":
				fmt.Fprintf(w, "  IPv6 does not work on %s: %s\n", l.Name, v.Reason)
			}
		}
		if p := l.Path; p != nil {
			printHole(w, l.Name, "", p.MTU4, p.Hole4)
			printHole(w, l.Name, " by IPv6", p.MTU6, p.Hole6)
		}
	}
}

func printHole(w io.Writer, line, family string, mtu int, hole bool) {
	if hole {
		fmt.Fprintf(w, "  %s swallows packets of more than %d bytes%s without a word: TCP is told to send smaller ones\n", line, mtu, family)
	}
}

// printNames writes where the names in the DNS lead.
func printNames(w io.Writer, names []router.NameView) {
	if len(names) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range names {
		switch {
		case n.Address == "" && n.Error == "":
			fmt.Fprintf(w, "%s leads nowhere yet.\n", n.Host)
		case n.Address == "":
			fmt.Fprintf(w, "%s leads nowhere yet: %s.\n", n.Host, n.Error)
		case n.Error != "":
			fmt.Fprintf(w, "%s still leads to %s: %s.\n", n.Host, n.Address, n.Error)
		default:
			fmt.Fprintf(w, "%s leads to %s, %s, since %s.\n", n.Host, n.Address, n.WAN, n.Updated.Local().Format(time.DateTime))
		}
	}
}
