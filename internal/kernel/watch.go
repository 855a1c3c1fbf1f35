package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// receiveBuffer holds the news of some ten thousand routes that come at once; the usual 208 KiB lose them after a hundred.
const receiveBuffer = 8 << 20

// Waits before subscribing again: short, since nobody watches in the meantime, and doubled up to half a minute.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 30 * time.Second
)

// nftMessage is the subsystem in the type of nftables' messages (nfnetlink.h).
const nftMessage = unix.NFNL_SUBSYS_NFTABLES << 8

// source is one kernel subsystem and the groups of it that tell of changes to what this package owns.
// Neighbours are left out: they change all the time.
type source struct {
	family int
	groups []uint32
}

func sources() []source {
	return []source{
		{unix.NETLINK_ROUTE, []uint32{
			unix.RTNLGRP_LINK,
			unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE,
			unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE,
		}},
		{unix.NETLINK_NETFILTER, []uint32{unix.NFNLGRP_NFTABLES}},
	}
}

// Watch calls changed whenever links, addresses, routes, rules or nftables may have changed: by anyone, ourselves
// included, and once after each subscription. Only the virtual addresses of the VRRP engine, renewed every second, do
// not count when they come. A call means "look again" and no more, so changed must be cheap and may
// merge calls; it is called from two goroutines. When the kernel has lost news or closed a socket, Watch subscribes
// again and calls changed. It returns nil when ctx ends, with nothing left behind.
func (k *Kernel) Watch(ctx context.Context, changed func()) error {
	return keepWatching(ctx, k.log, func() error { return k.watch(ctx, changed) })
}

// keepWatching calls watch until ctx ends.
func keepWatching(ctx context.Context, log *slog.Logger, watch func() error) error {
	wait := firstWait
	for ctx.Err() == nil {
		start := time.Now()
		err := watch()
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(start) > lastWait {
			wait = firstWait
		}
		log.Warn("kernel news interrupted", "reason", err, "again", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, lastWait)
	}
	return nil
}

// watch subscribes once and returns the first error. The sockets are opened on the calling goroutine's thread, since
// that decides which network namespace they see.
func (k *Kernel) watch(ctx context.Context, changed func()) error {
	var conns []*netlink.Conn
	var closing sync.Once
	shut := func() {
		closing.Do(func() {
			for _, c := range conns {
				_ = c.Close()
			}
		})
	}
	defer shut()
	for _, s := range sources() {
		c, err := subscribe(s)
		if err != nil {
			return err
		}
		conns = append(conns, c)
	}
	changed()
	defer context.AfterFunc(ctx, shut)()
	ended := make(chan error, len(conns))
	for _, c := range conns {
		go func() { ended <- k.listen(c, changed) }()
	}
	var errs error
	for range conns {
		errs = errors.Join(errs, <-ended)
		shut()
	}
	return errs
}

func subscribe(s source) (*netlink.Conn, error) {
	c, err := netlink.Dial(s.family, nil)
	if err != nil {
		return nil, fmt.Errorf("open netlink family %d: %w", s.family, err)
	}
	if filter, err := bpf.Assemble(withoutVirtual()); err == nil {
		_ = c.SetBPF(filter) // renewed knows them too
	}
	if err := c.SetReadBuffer(receiveBuffer); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("enlarge the buffer of netlink family %d: %w", s.family, err)
	}
	for _, g := range s.groups {
		if err := c.JoinGroup(g); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("join group %d of netlink family %d: %w", g, s.family, err)
		}
	}
	return c, nil
}

func (k *Kernel) listen(c *netlink.Conn, changed func()) error {
	for {
		messages, err := c.Receive()
		if err != nil {
			return err
		}
		news := false
		for _, m := range messages {
			k.note(m)
			news = news || !renewed(m)
		}
		if news {
			changed()
		}
	}
}

// renewed reports whether a message tells of a virtual address, or of the connected route that the kernel gives an IPv6
// address with a lifetime: both come once a second, and no plan has either. Nor has it the connections of the other router, which come and go all
// the time; that there is a new generation of nftables (NFT_MSG_NEWGEN) comes with everything that changes there.
func renewed(m netlink.Message) bool {
	switch m.Header.Type {
	case nftMessage | unix.NFT_MSG_NEWGEN:
		return true
	case nftMessage | unix.NFT_MSG_NEWSETELEM, nftMessage | unix.NFT_MSG_DELSETELEM:
		for kind, v := range attributes(m.Data, netfilterStart) {
			if kind == unix.NFTA_SET_ELEM_LIST_TABLE {
				return text(v) == divertTable
			}
		}
	case unix.RTM_NEWADDR:
		return ofVirtual(m)
	case unix.RTM_NEWROUTE:
		if len(m.Data) < unix.SizeofRtMsg || m.Data[0] != unix.AF_INET6 || m.Data[5] != unix.RTPROT_KERNEL {
			return false
		}
		for kind, v := range attributes(m.Data, unix.SizeofRtMsg) {
			if kind == unix.RTA_CACHEINFO && len(v) >= 12 {
				return value(v[8:]) != 0 // rta_expires
			}
		}
	}
	return false
}

// note remembers interfaces that are off or gone: the kernel drops their routes by itself, mostly without telling.
func (k *Kernel) note(m netlink.Message) {
	if index, off := switchedOff(m); off {
		k.sawOff(index)
	}
}
