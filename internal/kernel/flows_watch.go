package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/twinpath/twinpath/firewall"
	"github.com/twinpath/twinpath/pair/flow"
	rtnetlink "github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// When flows are told of and counted again. Chosen here.
const (
	flowPause   = 50 * time.Millisecond // from the first news to telling it with all that came meanwhile
	flowRecount = 10 * time.Second      // from one count to the next, at least; twice as long after each that found nothing
	flowRest    = time.Minute           // at most, for that reason
	flowShare   = 100                   // of the time, at most one part is spent on counting
	flowRepair  = time.Second           // at least, from one loss of news to counting for the next
	flowMost    = 1 << 16               // messages that are read in one go
)

// WatchFlows tells which flows of the house go to the Internet by lines of this router: those whose WAN's mark own accepts. It begins
// with all that there are, Anew and in pieces, and goes on with what changes, at most 20 times a second, until ctx ends; then it returns nil. A TCP flow has
// ended when it is closed: conntrack keeps it for two minutes more. The router's own flows are left out, and those that the other router lent
// to this one's lines (firewall.MarkLent). All calls of own and tell come from the calling goroutine.
//
// The kernel does not tell of the end of a flow that began while nobody listened (nf_conntrack_events is 2 by itself), and loses news when they
// come too fast. So all flows are counted again from time to time, and at once after a loss; only the difference is told.
func (k *Kernel) WatchFlows(ctx context.Context, own func(firewall.Mark) bool, tell func(flow.Change)) error {
	return keepWatching(ctx, k.log, func() error { return newFlowWatch(k.log, own, tell).run(ctx) })
}

// flowWatch is one subscription.
type flowWatch struct {
	log   *slog.Logger
	conn  *netlink.Conn
	raw   syscall.RawConn
	house houseEnds
	own   func(firewall.Mark) bool
	tell  func(flow.Change)

	book   flow.Book
	batch  map[flow.Flow]bool // the last news of each: whether it is there
	lost   bool               // the kernel had more to tell than the socket took
	size   int                // of the socket's buffer, in bytes
	buffer []byte
	every  time.Duration // from one count to the next, at least
	pause  time.Duration // from the last count to the next
	due    time.Time     // of the next count
	again  time.Time     // the earliest next count after a loss
}

func newFlowWatch(log *slog.Logger, own func(firewall.Mark) bool, tell func(flow.Change)) *flowWatch {
	return &flowWatch{
		log: log, own: own, tell: tell, batch: make(map[flow.Flow]bool),
		size: receiveBuffer, buffer: make([]byte, 1<<16), every: flowRecount,
	}
}

func (w *flowWatch) run(ctx context.Context) error {
	if err := w.open(); err != nil {
		return err
	}
	defer w.close()
	defer context.AfterFunc(ctx, func() { _ = w.conn.Close() })()
	if err := w.count(ctx, true); err != nil {
		return err
	}
	for {
		if err := w.receive(ctx); err != nil {
			return err
		}
		w.settle()
		if now := time.Now(); w.lost && now.After(w.again) || now.After(w.due) {
			if err := w.count(ctx, false); err != nil {
				return err
			}
		}
	}
}

func (w *flowWatch) open() (err error) {
	filter, err := bpf.Assemble(flowNews())
	if err != nil {
		return fmt.Errorf("make the filter of flows: %w", err)
	}
	if w.house.handle, err = rtnetlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open rtnetlink: %w", err)
	}
	w.conn, err = listenTo(filter, w.size, unix.NFNLGRP_CONNTRACK_NEW, unix.NFNLGRP_CONNTRACK_UPDATE, unix.NFNLGRP_CONNTRACK_DESTROY)
	if err == nil {
		w.raw, err = w.conn.SyscallConn()
	}
	if err != nil {
		w.close()
		return fmt.Errorf("listen to conntrack: %w", err)
	}
	return nil
}

func (w *flowWatch) close() {
	w.house.handle.Close()
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

// listenTo opens a socket that hears groups of netfilter through a filter.
func listenTo(filter []bpf.RawInstruction, size int, groups ...uint32) (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, err
	}
	err = errors.Join(c.SetBPF(filter), c.SetReadBuffer(size))
	for _, g := range groups {
		err = errors.Join(err, c.JoinGroup(g))
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// receive waits for news, gives them a moment to become more, and takes them all; or returns when it is time to count.
func (w *flowWatch) receive(ctx context.Context) error {
	until := w.due
	if w.lost && w.again.Before(until) {
		until = w.again
	}
	if err := w.conn.SetReadDeadline(until); err != nil {
		return err
	}
	err := w.read(1, true)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(flowPause):
	}
	if err = w.read(flowMost, false); errors.Is(err, os.ErrDeadlineExceeded) {
		return nil // there is more; it is read after the count
	}
	return err
}

// read takes at most so many messages, and waits for the first if it is to.
func (w *flowWatch) read(most int, wait bool) error {
	var failed error
	err := w.raw.Read(func(fd uintptr) bool {
		for range most {
			n, _, err := unix.Recvfrom(int(fd), w.buffer, unix.MSG_DONTWAIT)
			switch {
			case err == unix.EAGAIN:
				return !wait
			case err == unix.ENOBUFS:
				w.lost = true
			case err == unix.EINTR:
			case err != nil:
				failed = fmt.Errorf("listen to conntrack: %w", err)
				return true
			default:
				w.take(w.buffer[:n])
			}
			wait = false
		}
		return true
	})
	return errors.Join(failed, err)
}

// take notes what a message says of a flow.
func (w *flowWatch) take(b []byte) {
	for h, body := range netlinkMessages(b) {
		t := readTracked(body)
		if f, ok := w.ours(&t); ok {
			w.batch[f] = h.Type == trackNew && !t.closed()
		}
	}
}

// ours returns the flow as its end in the house sends it.
func (w *flowWatch) ours(t *tracked) (flow.Flow, bool) {
	if t.mark&(firewall.MarkOwn|firewall.MarkLent) != 0 || t.mark&firewall.MarkMask == 0 || !w.own(t.mark&firewall.MarkMask) {
		return flow.Flow{}, false
	}
	return w.house.of(t)
}

// settle tells what has come.
func (w *flowWatch) settle() {
	var c flow.Change
	for f, there := range w.batch {
		if there {
			c.Begun = append(c.Begun, f)
		} else {
			c.Ended = append(c.Ended, f)
		}
	}
	if len(w.batch) > flow.Piece {
		w.batch = make(map[flow.Flow]bool) // a map that was large once walks slowly for ever
	}
	clear(w.batch)
	if news := w.book.Apply(c); !news.Empty() {
		w.tell(news)
	}
}

// count compares with all that conntrack has, and says when to do so again.
func (w *flowWatch) count(ctx context.Context, first bool) error {
	start := time.Now()
	different, err := w.compare(ctx, first)
	if err != nil {
		return err
	}
	if w.pause = max(w.every, min(2*w.pause, flowRest)); different {
		w.pause = w.every
	}
	if missed := w.book.Missed(); missed > 0 && first {
		w.log.Warn("there are more connections than can be handed over", "over", missed)
	}
	took := time.Since(start)
	w.lost = false
	w.again = start.Add(max(flowRepair, took*flowShare/10))
	w.due = start.Add(max(w.pause, took*flowShare))
	return nil
}

// compare tells what is different; the first time, that is everything.
func (w *flowWatch) compare(ctx context.Context, first bool) (different bool, err error) {
	w.house.forget()
	part := flow.Change{Anew: true, More: true}
	apply := func() {
		news := w.book.Apply(part)
		if first {
			news.Anew, news.More = part.Anew, part.More
		}
		if !news.Empty() {
			different = true
			w.tell(news)
		}
		part = flow.Change{More: true, Begun: part.Begun[:0]}
	}
	err = eachTracked(ctx, w.buffer, func(t *tracked) {
		f, ok := w.ours(t)
		if !ok || t.closed() {
			return
		}
		if len(part.Begun) == flow.Piece { // so that the last piece is never an empty one
			apply()
		}
		part.Begun = append(part.Begun, f)
	})
	if err == nil {
		part.More = false
		apply()
	}
	return different, err
}
