// Package console says on the machine's screen and serial lines who the router is, how it is doing, and how to go on.
//
// Source gathers a State, State.Text is what is shown (pure), Console shows it again whenever it changes. Nobody can type
// there: there is no login.
package console

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/twinpath/twinpath/image/slot"
	"github.com/twinpath/twinpath/router"
)

// State is everything the console shows.
type State struct {
	Version  string
	Boot     slot.Boot
	House    House
	SSH      bool             // root may log in by key
	Claim    string           // the code by which somebody becomes the owner; empty: there is one
	Mark     string           // the fingerprint of the page's certificate; empty: no TLS
	Snapshot *router.Snapshot // nil: the daemon does not answer
	Silent   time.Time        // since when it does not; zero: it is still starting
	Notices  []string         // what the owner should know, one or more lines each
}

// House is what the configuration in use says of the LAN.
type House struct {
	Setup   bool         // it is setup mode's
	Address netip.Prefix // of this router; invalid: none
	Ports   []string     // of the bridge; none: this router is one of several devices at Interface
	Pages   []string     // URLs of the status page
}

const width = 79 // a screen of 80 columns breaks the line at the 80th

// Text is the state for a screen of 80 columns and for a serial line: ASCII, without control sequences.
func (s State) Text() string {
	p := new(page)
	rule := strings.Repeat("=", width)
	p.line(rule)
	p.line("Twinpath " + s.Version + s.place())
	s.sentence(p)
	s.addresses(p)
	if s.House.Setup {
		s.goOn(p)
	}
	for _, n := range s.Notices {
		p.notice(n)
	}
	p.line(rule)
	return p.String()
}

func (s State) place() string {
	switch s.Boot.Mode {
	case slot.Normal:
		return fmt.Sprintf(", slot %s", s.Boot.Slot)
	case slot.Trial:
		return fmt.Sprintf(", slot %s, on trial: kept once the router is healthy", s.Boot.Slot)
	case slot.Fallback:
		return fmt.Sprintf(", slot %s, because slot %s did not get healthy", s.Boot.Slot, s.Boot.Slot.Other())
	}
	return ""
}

func (s State) sentence(p *page) {
	switch {
	case s.Snapshot != nil:
		p.wrap("", s.Snapshot.Router+": "+s.Snapshot.Sentence)
		if s.Snapshot.Kernel.Error != "" {
			p.wrap("", "The kernel refuses a part of the plan: "+s.Snapshot.Kernel.Error)
		}
		if s.Snapshot.Pending != nil {
			p.wrap("", "A new configuration waits for \"twinpath confirm\" until "+clock(s.Snapshot.Pending.Until)+".")
		}
	case s.Silent.IsZero():
		p.line("Starting.")
	default:
		p.wrap("", "The Twinpath daemon has not answered since "+clock(s.Silent)+". It is started again by itself; if this stays, switch the router off and on.")
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05 MST") }

func (s State) addresses(p *page) {
	if !s.House.Address.IsValid() && (s.Snapshot == nil || len(s.Snapshot.WANs)+len(s.Snapshot.VRRP) == 0) {
		return
	}
	p.line("")
	if s.House.Address.IsValid() {
		p.row("this router", "", s.House.Address.String(), "")
	}
	if s.SSH && s.House.Address.IsValid() {
		p.row("SSH", "", "root@"+s.House.Address.Addr().String(), "with the card's keys")
	}
	for _, url := range s.House.Pages {
		p.row("page", "", url, "")
	}
	if s.Mark != "" {
		p.line("  its certificate's SHA-256:")
		half := len(s.Mark) / 2
		p.line("      " + s.Mark[:half+1])
		p.line("      " + s.Mark[half+1:])
	}
	if s.Snapshot == nil {
		return
	}
	for _, w := range s.Snapshot.WANs {
		note := w.Reason
		if w.Active && w.State == "up" {
			note = "in use"
		}
		p.row(w.Name, w.State, w.Address, note)
	}
	for _, v := range s.Snapshot.VRRP {
		p.row(v.Name, v.State, strings.Join(v.Addresses, " "), v.Reason)
	}
}

// goOn is what the owner of a new box reads first.
func (s State) goOn(p *page) {
	p.line("")
	p.line("SETUP MODE: this router has no configuration yet.")
	switch {
	case !s.House.Address.IsValid():
		p.wrap("  ", "Plug in a network cable: the router finds out where it leads.")
	case len(s.House.Ports) == 0:
		p.wrap("  ", fmt.Sprintf("From a computer in the same network open http://%s/", s.House.Address.Addr()))
	default:
		p.wrap("  ", fmt.Sprintf("Plug a computer into %s and open http://%s/", either(s.House.Ports), s.House.Address.Addr()))
	}
	if s.Claim != "" && s.House.Address.IsValid() {
		p.line("  The page asks for this code:")
		p.line("")
		p.line("      " + s.Claim)
		p.line("")
	}
	p.wrap("  ", "Or switch it off, put a file twinpath.toml on the card or disk (the small drive TWINPATH), and switch it on again.")
}

func either(ports []string) string {
	if len(ports) == 1 {
		return "port " + ports[0]
	}
	last := len(ports) - 1
	return "port " + strings.Join(ports[:last], ", ") + " or " + ports[last]
}
