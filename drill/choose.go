package drill

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/router"
)

// Choice is who is to carry the house when a line fails.
type Choice struct {
	WAN   string
	Idle  bool     // it carries nothing: it is proven itself
	Heirs []string // other lines of this router; none: the other router, or nobody
	Peer  *router.PairView
	Why   string // nobody can take over, and this is wrong with each other line
}

// Choose says who would carry the house if the line failed now, by the router's own rule. The error is router.ErrNoWAN for an unknown name.
func Choose(s *router.Snapshot, wan string) (Choice, error) {
	w := find(s, wan)
	if w == nil {
		return Choice{}, fmt.Errorf("%q: %w", wan, router.ErrNoWAN)
	}
	c := Choice{WAN: wan}
	switch {
	case !w.Active:
		c.Idle, c.Heirs = true, []string{wan}
	case len(w.Heirs) > 0:
		c.Heirs = slices.Clone(w.Heirs)
	case len(s.VRRP) > 0 && s.Pair != nil:
		c.Peer = s.Pair
	default:
		c.Why = obstacles(s, wan)
	}
	return c, nil
}

func find(s *router.Snapshot, name string) *router.WANSnapshot {
	i := slices.IndexFunc(s.WANs, func(w router.WANSnapshot) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &s.WANs[i]
}

// obstacles says why no other line can take over.
func obstacles(s *router.Snapshot, wan string) string {
	var all []string
	for _, w := range s.WANs {
		if w.Name != wan {
			all = append(all, w.Name+" is "+w.State+": "+w.Reason)
		}
	}
	if len(all) == 0 {
		return "there is no other line"
	}
	return strings.Join(all, "; ")
}

// movable says why the house cannot really be moved.
func (c Choice) movable(s *router.Snapshot) error {
	switch {
	case c.Idle:
		return fmt.Errorf("%s carries nothing, so the house cannot be moved off it\nhint: without --full it is proven by itself", c.WAN)
	case c.Peer != nil:
		return errors.New("the other router would take over: this one cannot try that for a minute\nhint: \"twinpath drain\" moves the house there, \"twinpath resume\" back")
	case len(c.Heirs) == 0:
		return fmt.Errorf("no other line could carry the house: %s", c.Why)
	}
	for _, name := range c.Heirs {
		if w := find(s, name); w.Drained {
			return fmt.Errorf("%s is drained: its owner does not want it used", name)
		}
	}
	return nil
}

func (c Choice) through() string {
	if c.Peer != nil {
		return "the other router"
	}
	return list(c.Heirs)
}

// begins is the sentence of a rehearsal that has just begun.
func (c Choice) begins() string {
	switch {
	case c.Idle:
		return c.WAN + " carries nothing: it is proven itself."
	case c.Peer != nil:
		return fmt.Sprintf("If %s fails, the other router (%s) is to take over.", c.WAN, c.Peer.Peer)
	case len(c.Heirs) == 0:
		return fmt.Sprintf("If %s fails, nothing is left.", c.WAN)
	}
	return fmt.Sprintf("If %s fails, the house is to use %s.", c.WAN, list(c.Heirs))
}

func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// usable reports whether a line could carry the house.
func usable(w router.WANSnapshot) bool {
	return w.State == health.Up.String() || w.State == health.Degraded.String()
}
