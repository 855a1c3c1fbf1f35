package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/vrrp"
)

// unusable are the flags of an address that adverts must not come from.
const unusable = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED

// wish is one call of Hold.
type wish struct {
	v       *Virtual
	session *session // nil until an interface has to be made or removed
	wanted  map[addressKey]place
	order   []addressKey // of wanted
	boards  map[string]bool
	lost    map[seat]bool
	forgot  map[addressKey]bool // lost by the news, but perhaps put back by a refresh before these came
	asked   int                 // addresses that the kernel was asked for
	errs    []error
}

// Hold implements vrrp.Kernel. It works on its own view of the kernel, which it renews when Watch, or the lack of a
// Watch, gives reason to, so that one election's change is one message whatever the others hold.
func (v *Virtual) Hold(all []vrrp.Holding, refresh bool) ([]vrrp.Holding, error) {
	w := &wish{v: v, lost: make(map[seat]bool), forgot: make(map[addressKey]bool)}
	defer w.close()
	look := w.hear()
	// Twice, when an address turns out to be there that the view did not have.
	for again := true; again; {
		if look {
			if err := v.look(w); err != nil {
				return nil, fmt.Errorf("look for virtual addresses: %w", err)
			}
		}
		w.errs, w.wanted, w.order, w.boards = nil, make(map[addressKey]place), nil, make(map[string]bool)
		for _, h := range all {
			w.want(h)
		}
		again = w.put(refresh) && !look
		look = again
	}
	w.release()
	if w.asked >= len(v.held) {
		v.refreshed = time.Now()
	}
	return w.restored(all), errors.Join(w.errs...)
}

func (w *wish) close() {
	if w.session != nil {
		w.session.close()
	}
}

// hear takes the news: what somebody removed is lost. It reports whether that calls for a look.
func (w *wish) hear() (look bool) {
	dropped, look := w.v.news.take()
	for _, key := range dropped {
		if p, there := w.v.held[key]; there {
			w.lose(key, p)
			w.forgot[key] = true
		}
	}
	return look || w.v.devices == nil || w.v.abandoned()
}

func (w *wish) lose(key addressKey, p place) {
	delete(w.v.held, key)
	// What has expired, because we were stopped, or has gone with its interface, nobody removed.
	expired := time.Since(w.v.refreshed) > p.lifetime-vrrp.Refresh
	if !expired && !w.v.news.wasOff(p.seat.index) {
		w.lost[p.seat] = true
	}
}

// look renews the view.
func (v *Virtual) look(w *wish) error {
	links, addresses, err := survey()
	if err != nil {
		return err
	}
	v.devices = make(map[int]device, len(links))
	known := v.boards
	v.boards = make(map[string]*board)
	for _, d := range links {
		v.devices[d.Index] = d
		if b, ours := boardOf(d); ours {
			b.used = known[b.name] != nil && known[b.name].used && known[b.name].index == b.index
			v.boards[b.name] = &b
		}
	}
	v.own, v.left = make(map[int][]netip.Prefix), make(map[addressKey]bool)
	there := make(map[addressKey]bool, len(v.held))
	for _, a := range addresses {
		_, ours := v.held[a.addressKey]
		switch {
		case !a.virtual:
			v.own[a.index] = append(v.own[a.index], a.prefix)
		case ours:
			there[a.addressKey] = true
		default:
			v.left[a.addressKey] = true
		}
	}
	v.inhabit(known)
	for key, p := range v.held {
		if !there[key] {
			w.lose(key, p)
		}
	}
	return nil
}

// want notes where a holding's addresses have to be.
func (w *wish) want(h vrrp.Holding) {
	index, others := h.Index, w.v.own[h.Index]
	if h.VirtualMAC {
		b, err := w.board(h)
		if err != nil {
			w.errs = append(w.errs, err)
			return
		}
		index = b.index
	}
	for _, a := range h.Addresses {
		if slices.ContainsFunc(w.v.own[index], func(o netip.Prefix) bool { return o.Addr() == a.Addr().Unmap() }) {
			continue // the owner's own, or a stranger's: it serves as well, and stays theirs
		}
		if h.VirtualMAC && a.Addr().IsLinkLocalUnicast() {
			others = nil // a link-local network is each interface's own
		}
		f := formOf(a, others)
		key := addressKey{index, f.prefix}
		if _, twice := w.wanted[key]; !twice {
			w.order = append(w.order, key)
		}
		w.wanted[key] = place{seat{h.Index, h.ID, h.Family, h.VirtualMAC, a}, f.noRoute, max(h.Lifetime, vrrp.Lifetime)}
	}
}

// put adds what is missing and, with refresh, renews the rest. It reports whether the view proved wrong.
func (w *wish) put(refresh bool) (wrong bool) {
	var b batch
	var keys []addressKey
	for _, key := range w.order {
		want := w.wanted[key]
		have, there := w.v.held[key]
		flags := unix.NLM_F_REPLACE
		switch {
		case there && have.noRoute == want.noRoute && !refresh:
			w.v.held[key] = want
			continue
		case !there && !w.v.left[key] && !w.forgot[key]:
			flags = unix.NLM_F_EXCL
		}
		b.put(key, want, flags)
		keys = append(keys, key)
	}
	w.asked = len(keys)
	w.promote(keys)
	verdicts, err := b.send()
	if err != nil {
		w.errs = append(w.errs, err)
		return false
	}
	for i, key := range keys {
		wrong = w.noted(key, verdicts[i]) || wrong
	}
	return wrong
}

// noted takes the kernel's answer to one address.
func (w *wish) noted(key addressKey, err error) (wrong bool) {
	if err == nil {
		w.v.held[key] = w.wanted[key]
		delete(w.v.left, key)
		return false
	}
	delete(w.v.held, key)
	name := w.v.nameOf(key.index)
	w.errs = append(w.errs, fmt.Errorf("add address %s dev %s: %w", key.prefix, name, err))
	return errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENODEV)
}

// promote keeps the kernel from removing the younger addresses of a network with the oldest.
func (w *wish) promote(keys []addressKey) {
	done := make(map[int]bool)
	for _, key := range keys {
		if _, there := w.v.held[key]; there || done[key.index] || key.prefix.Addr().Is6() || key.prefix.IsSingleIP() {
			continue
		}
		done[key.index] = true
		promoteSecondaries(w.v.nameOf(key.index))
	}
}

// release removes what we put there and is no longer wanted: addresses first, at once, then interfaces.
func (w *wish) release() {
	var b batch
	var keys []addressKey
	for key := range w.v.held {
		if _, stays := w.wanted[key]; !stays {
			w.v.news.expect(key)
			b.drop(key)
			keys = append(keys, key)
		}
	}
	verdicts, err := b.send()
	if err != nil {
		w.errs = append(w.errs, err)
		return
	}
	for i, key := range keys {
		delete(w.v.held, key)
		err := verdicts[i]
		if err == nil {
			continue
		}
		w.v.news.surprise(key)
		if !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
			w.errs = append(w.errs, fmt.Errorf("remove address %s dev %s: %w", key.prefix, w.v.nameOf(key.index), err))
		}
	}
	w.unboard()
}

// restored names what was put back, in the order of the holdings.
func (w *wish) restored(all []vrrp.Holding) []vrrp.Holding {
	if len(w.lost) == 0 {
		return nil
	}
	var list []vrrp.Holding
	for _, h := range all {
		for _, a := range h.Addresses {
			if w.lost[seat{h.Index, h.ID, h.Family, h.VirtualMAC, a}] {
				list = join(list, h, a)
			}
		}
	}
	return list
}

func (v *Virtual) nameOf(index int) string {
	if d, there := v.devices[index]; there {
		return d.Name
	}
	for _, b := range v.boards {
		if b.index == index {
			return b.name
		}
	}
	return fmt.Sprintf("if%d", index)
}
