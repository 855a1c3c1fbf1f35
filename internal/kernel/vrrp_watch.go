package kernel

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// news is what Watch tells Hold.
type news struct {
	mu       sync.Mutex
	watching bool
	stale    bool               // something happened that the view does not have
	dropped  []addressKey       // virtual addresses that were removed, not by us
	expected map[addressKey]int // removals of ours that the kernel has not told of yet
	off      map[int]bool       // interfaces that were off since the last Hold, and the kernel may have dropped addresses
	recent   map[int]bool       // the same, up to the last Hold
}

// begin starts with nothing known.
func (n *news) begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watching, n.stale = true, true
	n.dropped, n.expected, n.off = nil, make(map[addressKey]int), make(map[int]bool)
}

func (n *news) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watching, n.expected = false, nil
}

// take returns the virtual addresses removed since the last call, and whether a look at the kernel is due.
func (n *news) take() (dropped []addressKey, look bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	dropped, look = n.dropped, n.stale || !n.watching
	n.recent = n.off
	n.dropped, n.stale, n.off = nil, false, make(map[int]bool)
	return dropped, look
}

// wasOff reports whether an interface was off between the last two calls of take.
func (n *news) wasOff(index int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.recent[index]
}

// expect announces a removal of ours, and surprise says that it was none.
func (n *news) expect(key addressKey) { n.count(key, 1) }

func (n *news) surprise(key addressKey) { n.count(key, -1) }

func (n *news) count(key addressKey, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.expected == nil {
		return
	}
	if n.expected[key] += by; n.expected[key] <= 0 {
		delete(n.expected, key)
	}
}

// note takes one message and reports whether it is news to anybody.
func (n *news) note(m netlink.Message) bool {
	virtual := ofVirtual(m)
	switch {
	case virtual && m.Header.Type == unix.RTM_NEWADDR:
		return false // ours, or its lifetime
	case virtual:
		key, _, _ := readAddress(m.Data)
		return n.drop(key)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stale = true
	if index, off := switchedOff(m); off {
		n.off[index] = true
	}
	return true
}

// drop takes the news that a virtual address was removed.
func (n *news) drop(key addressKey) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.expected[key] > 0 {
		n.expected[key]--
		return false
	}
	n.dropped, n.stale = append(n.dropped, key), true
	return true
}

// ofVirtual reports whether a message tells of a virtual address.
func ofVirtual(m netlink.Message) bool {
	if m.Header.Type != unix.RTM_NEWADDR && m.Header.Type != unix.RTM_DELADDR {
		return false
	}
	_, h, ok := readAddress(m.Data)
	return ok && h.virtual
}

// switchedOff reports whether a message tells of an interface that is off or gone, and which.
func switchedOff(m netlink.Message) (index int, off bool) {
	if m.Header.Type != unix.RTM_NEWLINK && m.Header.Type != unix.RTM_DELLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return 0, false
	}
	off = m.Header.Type == unix.RTM_DELLINK || binary.NativeEndian.Uint32(m.Data[8:])&unix.IFF_UP == 0
	return int(int32(binary.NativeEndian.Uint32(m.Data[4:]))), off
}

// Watch implements vrrp.Kernel, and calls changed once after each subscription. What Hold itself adds, renews and removes is
// no news. It is called from one goroutine.
func (v *Virtual) Watch(ctx context.Context, changed func()) error {
	return keepWatching(ctx, v.log, func() error { return v.watch(ctx, changed) })
}

func (v *Virtual) watch(ctx context.Context, changed func()) error {
	c, err := subscribe(source{unix.NETLINK_ROUTE, []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR}})
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	v.news.begin()
	defer v.news.end()
	changed()
	for {
		messages, err := c.Receive()
		if err != nil {
			return err
		}
		news := false
		for _, m := range messages {
			news = v.news.note(m) || news
		}
		if news {
			changed()
		}
	}
}
