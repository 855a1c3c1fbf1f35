package router

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan/rescue"
)

// USB is what can be done about a device in a USB socket, "1-1.2". Both take seconds.
type USB interface {
	// Replug takes it off and puts it on again by software.
	Replug(ctx context.Context, socket string) error
	// Cycle switches the socket's power off and on; ErrNoSwitch where its hub cannot.
	Cycle(ctx context.Context, socket string) error
}

// ErrNoSwitch is returned of a USB socket whose power cannot be switched.
var ErrNoSwitch = errors.New("its power cannot be switched")

// Rescue is a step about the device of a line that does not work.
type Rescue struct {
	WAN    string
	Socket string
	Step   rescue.Step
	Gone   bool // its interface is not there: there may be no device at all
}

// Rescued is what became of a step.
type Rescued struct {
	Rescue
	Err error
}

func (Rescued) fact() {}

// DueRescues returns the steps to be taken now.
func (s *State) DueRescues(now time.Time, d Decision) []Rescue {
	var due []Rescue
	for i, l := range s.lines {
		if step := l.rescue.See(now, s.sick(l, d.Conditions[i], d)); step != rescue.Nothing {
			due = append(due, Rescue{WAN: l.config.Name, Socket: l.port.USB, Step: step, Gone: l.port.Index == 0})
		}
	}
	return due
}

// sick reports whether a line's device on USB is to blame for all that is known: it is a phone's or modem's and the line is down, or
// it is a mere adapter that is gone or gets no lease. What the owner switched off is not sick, nor a device that also serves others.
func (s *State) sick(l *line, c condition, d Decision) bool {
	if l.port.USB == "" || l.config.Kind == Peer || c.State != health.Down || c.Blame == BlameOwner || s.left(s.index(l.config.Name), c) {
		return false
	}
	if s.config.LAN.Uses(l.port) || s.serves(l, d) {
		return false
	}
	return l.port.Mobile || l.port.Index == 0 || l.link.Carrier && l.lease == nil
}

// serves reports whether another line that works hangs on the same USB device.
func (s *State) serves(l *line, d Decision) bool {
	for i, o := range s.lines {
		if o != l && o.port.USB == l.port.USB && d.Conditions[i].State != health.Down {
			return true
		}
	}
	return false
}

// rescued adds to a line's reason what was done about its device.
func (l *line) treated(c condition) condition {
	if step, at := l.rescue.Latest(); step != rescue.Nothing && l.rescued != rescue.Nothing && c.State == health.Down {
		c.Reason += fmt.Sprintf("; its device was %s at %s", done(l.rescued), at.Local().Format("15:04"))
	}
	return c
}

func done(step rescue.Step) string {
	if step == rescue.Cycle {
		return "switched off and on"
	}
	return "taken off and put on again by software"
}

func (s *State) foldRescued(now time.Time, f Rescued) []Event {
	l := s.line(f.WAN)
	if l == nil {
		return nil
	}
	if f.Err == nil {
		l.rescued = f.Step
	}
	if f.Gone { // its owner may have taken it along
		return nil
	}
	e := Event{Time: now, Kind: EventWAN, WAN: f.WAN}
	e.Sentence = fmt.Sprintf("%s does not work: its device in the USB socket %s was %s.", f.WAN, f.Socket, done(f.Step))
	if f.Err != nil {
		e.Sentence = fmt.Sprintf("%s does not work, and its device in the USB socket %s could not be %s: %v.", f.WAN, f.Socket, done(f.Step), f.Err)
	}
	return []Event{e}
}

// rescue takes the steps that are due, beside the loop.
func (c *crew) rescue(ctx context.Context, s *State, now time.Time, d Decision) {
	if c.ports.USB == nil {
		return
	}
	for _, r := range s.DueRescues(now, d) {
		c.scouts.Go(func() { c.inbox.put(take(ctx, c.ports.USB, r), nil) })
	}
}

// take takes a step. What cannot be switched off is at least taken off and put on.
func take(ctx context.Context, usb USB, r Rescue) Rescued {
	if r.Step == rescue.Cycle {
		if err := usb.Cycle(ctx, r.Socket); !errors.Is(err, ErrNoSwitch) {
			return Rescued{r, err}
		}
		r.Step = rescue.Replug
	}
	return Rescued{r, usb.Replug(ctx, r.Socket)}
}
