package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/vrrp"
)

// board returns the interface of a holding's virtual MAC address, made where it is missing and switched on where
// somebody has switched it off.
func (w *wish) board(h vrrp.Holding) (*board, error) {
	name := vrrp.DeviceName(h.Index, h.ID, h.Family)
	w.boards[name] = true
	b := w.v.boards[name]
	if b != nil && b.up {
		b.used = true
		return b, nil
	}
	s, err := w.talk()
	if err != nil {
		return nil, err
	}
	if b != nil {
		w.silenced(b)
		b.used, b.up = true, true
		return b, failed("set interface "+name+" up", s.setUp(b.index))
	}
	parent, there := w.v.devices[h.Index]
	if !there {
		return nil, fmt.Errorf("make interface %s: there is no interface %d: %w", name, h.Index, unix.ENODEV)
	}
	made, err := s.addBoard(h, parent, w.v.sister(h.Index))
	if err != nil {
		return nil, err
	}
	w.v.boards[name] = &made
	return &made, nil
}

// silenced counts the addresses of a board that somebody switched off as removed: nobody could reach them.
func (w *wish) silenced(b *board) {
	for key, p := range w.v.held {
		if b.used && key.index == b.index {
			w.lost[p.seat] = true
		}
	}
}

// sister is any board on a parent.
func (v *Virtual) sister(parent int) *board {
	for _, b := range v.boards {
		if b.parent == parent {
			return b
		}
	}
	return nil
}

// unboard removes the boards that are no longer wanted, and those that an engine before us left and that are empty: for
// good, since that engine may be handing over to us and about to use one.
func (w *wish) unboard() {
	var gone []*board
	for name, b := range w.v.boards {
		if w.boards[name] || !b.used && !b.abandoned() {
			continue
		}
		gone = append(gone, b)
		delete(w.v.boards, name)
	}
	if len(gone) == 0 {
		return
	}
	if err := w.removeBoards(gone); err != nil {
		w.errs = append(w.errs, err)
	}
	for _, b := range gone {
		if w.v.sister(b.parent) == nil {
			freeParent(w.v.nameOf(b.parent), b.before)
		}
	}
}

func (w *wish) removeBoards(all []*board) error {
	s, err := w.talk()
	if err != nil {
		return err
	}
	return s.removeBoards(all)
}

func (b *board) abandoned() bool { return !b.empty.IsZero() && time.Since(b.empty) >= vrrp.Refresh }

// abandoned reports whether an engine before us has left an interface that may be removed, if a last look agrees.
func (v *Virtual) abandoned() bool {
	for _, b := range v.boards {
		if !b.used && b.abandoned() {
			return true
		}
	}
	return false
}

// inhabit notes which boards of an engine before us have addresses. These expire.
func (v *Virtual) inhabit(known map[string]*board) {
	inhabited := make(map[int]bool, len(v.left))
	for key := range v.left {
		inhabited[key.index] = true
	}
	for name, b := range v.boards {
		switch was := known[name]; {
		case inhabited[b.index]:
		case was != nil && was.index == b.index && !was.empty.IsZero():
			b.empty = was.empty
		default:
			b.empty = time.Now()
		}
	}
}

func (w *wish) talk() (*session, error) {
	if w.session != nil {
		return w.session, nil
	}
	s, err := dial()
	w.session = s
	return s, err
}

// condemned is the group of interfaces that are about to be removed: a number that nobody else has.
const condemned = 0x54770cca

// removeBoards removes boards, many at once as a group: each alone waits 20 ms for the kernel's readers, five seconds
// for 255 of them (measured 2026-11-21), which is longer than the other addresses live without us.
func (s *session) removeBoards(all []*board) error {
	if len(all) == 1 {
		return s.removeBoard(*all[0])
	}
	var b batch
	for _, one := range all {
		fixed := make([]byte, unix.SizeofIfInfomsg)
		binary.NativeEndian.PutUint32(fixed[4:], uint32(one.index))
		b.request(unix.RTM_NEWLINK, 0, fixed)
		b.attribute(unix.IFLA_GROUP, binary.NativeEndian.AppendUint32(nil, condemned))
	}
	verdicts, err := b.send()
	if err != nil {
		return err
	}
	err = s.do(unix.RTM_DELLINK, 0, nl.NewIfInfomsg(unix.AF_UNSPEC), number(unix.IFLA_GROUP, condemned))
	if err != nil && !errors.Is(err, unix.ENODEV) { // all are gone already
		return fmt.Errorf("remove %d interfaces: %w", len(all), err)
	}
	err = nil
	for i, v := range verdicts {
		if v != nil && !errors.Is(v, unix.ENODEV) {
			err = fmt.Errorf("remove interface %s: %w", all[i].name, v)
		}
	}
	return err
}
