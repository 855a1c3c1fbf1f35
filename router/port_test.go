package router

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan/rescue"
)

// links replaces the interfaces of the house.
func (h *house) plug(change func([]Link) []Link) {
	h.t.Helper()
	h.links = change(h.links)
	h.fold(LinksSeen(slices.Clone(h.links)))
}

// phone is a house whose lte comes by a phone in a USB socket.
func phone(t *testing.T, change func(*WANConfig)) *house {
	c := twoWANs()
	c.WANs[1].Interface = "usb0"
	if change != nil {
		change(&c.WANs[1])
	}
	h := newHouse(t, c)
	h.plug(func(all []Link) []Link {
		all[2].USB, all[2].Mobile, all[2].Driver = "1-1.2", true, "rndis_host"
		return all
	})
	h.up("fibre")
	h.up("lte")
	h.events = nil
	return h
}

func TestTheTagBelongsToTheLine(t *testing.T) {
	c := twoWANs()
	c.WANs[0].VLAN, c.WANs[0].MAC, c.WANs[0].MTU = 7, "02:00:5e:00:00:01", 9000
	c.WANs[0].Shape = Shape{Down: 50e6, Up: 10e6}
	s := NewState(c, []Link{{Index: 3, Name: "wan0", Up: true, Carrier: true, MTU: 1500}, {Index: 4, Name: "usb0", Up: true, Carrier: true, MTU: 1500}}, Earlier{}, noon)
	l := s.line("fibre")
	if got := l.condition(noon, c.LAN); got.State != health.Unknown || got.Reason != "wan0.7 is being made" {
		t.Errorf("before there is the tagged interface: %s, %s", got.State, got.Reason)
	}
	p := s.Plan(s.Decide(noon))
	if len(p.VLANs) != 1 || p.VLANs[0] != (VLAN{"wan0.7", "wan0", 7}) || !slices.Contains(p.Links, "wan0") {
		t.Errorf("plan %v, %v, want wan0 up and wan0.7 on it", p.VLANs, p.Links)
	}
	if want := []Port{{Device: "wan0", MTU: 9000}}; !slices.Equal(p.Ports, want) {
		t.Errorf("ports %v, want %v", p.Ports, want)
	}
	s.Fold(noon, LinksSeen{{Index: 3, Name: "wan0", Up: true, Carrier: true, MTU: 9000}, {Index: 9, Name: "wan0.7", Kind: "vlan", MAC: "02:00:00:00:00:03", Up: true, Carrier: true, MTU: 1500}})
	if l.link.Index != 9 || l.way.Index != 9 || l.port.Index != 3 {
		t.Fatalf("the line is on port %d, link %d, way %d", l.port.Index, l.link.Index, l.way.Index)
	}
	if l.dressed(noon) || !l.dressed(noon.Add(patience)) {
		t.Error("a client would ask with the port's own address, or never")
	}
	p = s.Plan(s.Decide(noon))
	if want := []Port{{Device: "wan0", MTU: 9000}, {Device: "wan0.7", MAC: "02:00:5e:00:00:01", MTU: 9000}}; !slices.Equal(p.Ports, want) {
		t.Errorf("ports %v, want %v", p.Ports, want)
	}
	if want := []Queue{{Device: "wan0.7", Up: 10e6, Down: 50e6}}; !slices.Equal(p.Queues, want) {
		t.Errorf("queues %v, want %v", p.Queues, want)
	}
}

func TestATagThatCannotBeMadeIsSaid(t *testing.T) {
	c := twoWANs()
	c.WANs[0].VLAN = 7
	h := newHouse(t, c)
	h.decide()
	h.pass(patience)
	if got := h.last.Conditions[0]; got.State != health.Down || got.Reason != "there is no interface wan0.7" {
		t.Errorf("%s: %s", got.State, got.Reason)
	}
	h.pass(time.Minute)
	h.pass(time.Second)
	if got := h.last.Conditions[0]; got.State != health.Down {
		t.Errorf("later on %s again", got.State)
	}
}

func TestTwoTagsOnOnePort(t *testing.T) {
	c := twoWANs()
	c.WANs[0].VLAN, c.WANs[1].VLAN, c.WANs[1].Interface = 7, 8, "wan0"
	h := newHouse(t, c)
	p := h.state.Plan(h.state.Decide(h.now))
	if len(p.VLANs) != 2 || p.VLANs[0].Name != "wan0.7" || p.VLANs[1].Name != "wan0.8" {
		t.Errorf("tagged interfaces %v", p.VLANs)
	}
	if n := slices.Index(p.Links, "wan0"); n < 0 || slices.Contains(p.Links[n+1:], "wan0") {
		t.Errorf("links %v, want wan0 once", p.Links)
	}
}

// Flows of an earlier run carry the number of their line.
func TestATaggedLineKeepsItsNumber(t *testing.T) {
	c := twoWANs()
	c.WANs[0].VLAN, c.WANs[1].Interface = 7, "wan0"
	links := []Link{{Index: 3, Name: "wan0", Up: true}, {Index: 9, Name: "wan0.7", Kind: "vlan", Up: true}}
	s := NewState(c, links, Earlier{Numbers: map[string]int{"wan0": 0, "wan0.7": 1}}, noon)
	if tagged, plain := s.lines[0].number, s.lines[1].number; tagged != 1 || plain != 0 {
		t.Errorf("the tagged line has number %d and the other %d, want 1 and 0", tagged, plain)
	}
}

func TestNamesFitTheKernel(t *testing.T) {
	for parent, want := range map[string]string{
		"eth0":            "eth0.4094",
		"enx001122334455": "1122334455.4094",
		"enp0s20f0u1u2c2": "20f0u1u2c2.4094",
	} {
		if got := VLANName(parent, 4094); got != want || len(got) > nameLimit {
			t.Errorf("the tagged interface of %s is %s, want %s", parent, got, want)
		}
	}
	if got := (Queue{Device: "enx001122334455"}).Intermediate(); got != "ifb-01122334455" || len(got) > nameLimit {
		t.Errorf("the intermediate device is %s", got)
	}
}

func TestAnAddressIsItsOwnersWhoeverBorrowsIt(t *testing.T) {
	links := []Link{
		{Index: 3, Name: "wan0", MAC: "02:00:00:00:00:04", Own: "02:00:00:00:00:03"},
		{Index: 4, Name: "wan1", MAC: "02:00:00:00:00:04"},
	}
	for mac, want := range map[string]string{"02:00:00:00:00:03": "wan0", "02:00:00:00:00:04": "wan1"} {
		if l, _ := find(links, mac); l.Name != want {
			t.Errorf("%s is %s, want %s", mac, l.Name, want)
		}
	}
	if l, there := find(links, "usb:"); there {
		t.Errorf("no socket at all is %s", l.Name)
	}
}

func TestAPhoneIsMeteredUntilItsOwnerSaysOtherwise(t *testing.T) {
	for _, c := range []struct {
		metered, priced, want bool
	}{{false, false, true}, {false, true, false}, {true, true, true}} {
		h := phone(t, func(w *WANConfig) { w.Metered, w.Priced = c.metered, c.priced })
		if got := h.wan("lte").Metered; got != c.want {
			t.Errorf("metered = %t (given: %t): %t, want %t", c.metered, c.priced, got, c.want)
		}
		if h.wan("fibre").Metered {
			t.Error("fibre is metered")
		}
	}
}

func TestADeviceThatComesBackUnderAnotherNameIsKnown(t *testing.T) {
	h := phone(t, nil)
	h.plug(func(all []Link) []Link { return all[:2] })
	h.wantSaid("lte is down: there is no interface usb0")
	if !h.wan("lte").Metered {
		t.Error("a phone that is gone is not metered any more")
	}
	h.plug(func(all []Link) []Link {
		return append(all, Link{Index: 7, Name: "usb1", USB: "1-1.2", Mobile: true, Up: true, Carrier: true, MTU: 1500})
	})
	if l := h.state.line("lte"); l.link.Name != "usb1" {
		t.Errorf("lte is on %q, want usb1", l.link.Name)
	}
}

func TestASocketThatWasGivenToTheHouseIsNotTakenBack(t *testing.T) {
	h := phone(t, nil)
	h.plug(func(all []Link) []Link { return all[:2] })
	c := h.state.config
	c.LAN.Interface = "eth9"
	h.fold(Reconfigured{c})
	h.plug(func(all []Link) []Link { return append(all, Link{Index: 7, Name: "eth9", USB: "1-1.2", Up: true}) })
	if l := h.state.line("lte"); l.link.Index != 0 {
		t.Errorf("lte took the house's %s", l.link.Name)
	}
}

// rescues is the steps that are taken while time passes.
func (h *house) rescues(during time.Duration) []Rescue {
	var all []Rescue
	for end := h.now.Add(during); h.now.Before(end); {
		h.pass(15 * time.Second)
		all = append(all, h.state.DueRescues(h.now, h.last)...)
	}
	return all
}

func TestAPhoneThatHangsIsTakenOffAndPutOn(t *testing.T) {
	h := phone(t, nil)
	if due := h.rescues(time.Hour); len(due) != 0 {
		t.Fatalf("%v is done about a line that works", due)
	}
	h.dead("lte", time.Second)
	due := h.rescues(10 * time.Minute)
	if want := []Rescue{{"lte", "1-1.2", rescue.Replug, false}, {"lte", "1-1.2", rescue.Cycle, false}}; !slices.Equal(due, want) {
		t.Fatalf("%v, want %v", due, want)
	}
	h.fold(Rescued{Rescue: due[0]})
	h.wantSaid("lte does not work: its device in the USB socket 1-1.2 was taken off and put on again by software.")
	if got := h.wan("lte").Reason; !strings.Contains(got, "; its device was taken off and put on again by software at 12:") && !strings.Contains(got, "; its device was taken off and put on again by software at 13:") {
		t.Errorf("reason %q", got)
	}
	h.fold(Rescued{due[1], errors.New("permission denied")})
	h.wantSaid("its device in the USB socket 1-1.2 could not be switched off and on: permission denied.")
	h.up("lte")
	if got := h.wan("lte").Reason; strings.Contains(got, "device") {
		t.Errorf("reason of a line that works: %q", got)
	}
	if due := h.rescues(2 * time.Hour); len(due) != 0 {
		t.Errorf("%v is done after it works again", due)
	}
}

// A phone that was taken along is looked for in its socket, and nobody is told of it again and again.
func TestADeviceThatIsGoneIsLookedForInSilence(t *testing.T) {
	h := phone(t, nil)
	h.plug(func(all []Link) []Link { return all[:2] })
	h.events = nil
	due := h.rescues(10 * time.Minute)
	if len(due) != 2 || !due[0].Gone {
		t.Fatalf("%v, want two steps about a device that is gone", due)
	}
	h.fold(Rescued{due[0], errors.New("there is no device in it")})
	h.fold(Rescued{Rescue: due[1]})
	for _, e := range h.events {
		t.Errorf("said: %s", e.Sentence)
	}
}

func TestWhatIsNotTheDevicesFaultIsNotItsCure(t *testing.T) {
	for name, c := range map[string]func(*house){
		"an adapter whose provider is down": func(h *house) {
			h.plug(func(all []Link) []Link { all[2].Mobile = false; return all })
			h.dead("lte", time.Second)
		},
		"switched off by its owner": func(h *house) {
			h.plug(func(all []Link) []Link { all[2].Up, all[2].Carrier = false, false; return all })
		},
		"drained":    func(h *house) { h.fold(DrainWished{WAN: "lte"}); h.dead("lte", time.Second) },
		"not on USB": func(h *house) { h.dead("fibre", time.Second) },
		"in the house's use": func(h *house) {
			c := h.state.config
			c.LAN.Ports = []string{"usb0"}
			h.fold(Reconfigured{c})
			h.dead("lte", time.Second)
		},
	} {
		h := phone(t, nil)
		c(h)
		if due := h.rescues(time.Hour); len(due) != 0 {
			t.Errorf("%s: %v", name, due)
		}
	}
}
