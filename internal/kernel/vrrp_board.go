package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

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

// unboard removes the boards that are no longer wanted, and those that an engine before us left and that are empty.
func (w *wish) unboard() {
	var gone []*board
	for name, b := range w.v.boards {
		if w.boards[name] || !b.used && w.v.inhabited(b.index) {
			continue
		}
		gone = append(gone, b)
		delete(w.v.boards, name)
	}
	if len(gone) == 0 {
		return
	}
	s, err := w.talk()
	if err == nil {
		err = s.removeBoards(gone)
	}
	if err != nil {
		w.errs = append(w.errs, err)
	}
	for _, b := range gone {
		if w.v.sister(b.parent) == nil {
			freeParent(w.v.nameOf(b.parent), b.before)
		}
	}
}

// inhabited reports whether an interface has virtual addresses of an engine before us. They expire, and it then
// is empty.
func (v *Virtual) inhabited(index int) bool {
	for key := range v.left {
		if key.index == index {
			return true
		}
	}
	return false
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
