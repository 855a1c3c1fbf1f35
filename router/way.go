package router

import (
	"slices"
	"time"

	"github.com/twinpath/twinpath/wan"
)

// PPPDevice is the kernel name of a PPPoE line's interface: an interface's name has 15 characters at most.
func PPPDevice(name string) string { return wan.SessionDevice(name) }

// findWay finds the interface that packets leave by: the one that the lease names, else the line's own. A PPPoE line has none
// before it is dialled. It reports whether it is another one than before; what was known of the IPv6 there is forgotten then.
func (l *line) findWay(now time.Time, links []Link) bool {
	way := l.link
	switch {
	case l.lease != nil && l.lease.Device != "" && l.lease.Device != l.link.Name:
		way = named(links, l.lease.Device)
	case l.lease == nil && l.config.Kind == PPPoE:
		way = Link{}
	}
	fresh := way.Index != l.way.Index
	l.way = way
	if fresh {
		l.six = l.six.moved(now)
		l.path = PathView{}
	}
	return fresh
}

// named is the interface of that kernel name; the zero Link when there is none.
func named(links []Link, name string) Link {
	if i := slices.IndexFunc(links, func(l Link) bool { return l.Name == name }); i >= 0 {
		return links[i]
	}
	return Link{}
}

// device is the kernel name of the way, be it away: rules by name hold before it comes back.
func (l *line) device() string {
	if l.way.Name == "" && l.config.Kind == PPPoE {
		return PPPDevice(l.config.Name)
	}
	return l.way.Name
}

// earlierDevice is the name by which an earlier run's routes led to the line.
func (l *line) earlierDevice() string {
	if l.config.Kind == PPPoE {
		return PPPDevice(l.config.Name)
	}
	return l.link.Name
}

// blind reports whether a lease names an interface that nobody has seen yet.
func (s *State) blind() bool {
	return slices.ContainsFunc(s.lines, func(l *line) bool { return l.lease != nil && l.way.Index == 0 && l.link.Index != 0 })
}
