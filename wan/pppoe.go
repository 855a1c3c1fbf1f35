package wan

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// The largest packets in a session: by the link's own 1500 bytes (RFC 2516 §7), and by 1508 where both ends can (RFC 4638).
const (
	narrow     = 1492
	wide       = 1500
	encloseSix = 8 // the PPPoE and PPP headers
)

// Account is what a PPPoE line is dialled with.
type Account struct {
	User, Password string
	Service        string // empty: any
}

// Concentrator is the PPPoE server that answers on a link.
type Concentrator struct {
	Name    string // printable ASCII; may be empty
	Payload int    // the largest packet that it offers beyond 1492 (RFC 4638 §4, PPP-Max-Payload); 0: it says nothing
}

// Access is the link below a PPPoE session. internal/kernel has the real one.
type Access interface {
	// Find asks who answers, for a few seconds. ok is false when nobody does.
	Find(ctx context.Context, service string) (c Concentrator, ok bool, err error)
	// Wide waits until the link carries packets of that many bytes, as the plan wants it; it fails where the hardware cannot.
	Wide(ctx context.Context, bytes int) error
	// HangUp tells the other end that a session is over (PADT).
	HangUp(server net.HardwareAddr, session uint16) error
	// Passes reports whether an unfragmented ping of that many bytes, with its IP header, is answered through a device.
	Passes(ctx context.Context, device string, target netip.Addr, bytes int) bool
	// Size is a device's MTU, 0 when it is not there.
	Size(device string) int
}

// PPPoE keeps one session of a WAN, by the program pppd (RFC 2516). A session outlives the daemon: the next one goes on with it.
// The exported fields are set before Run and not changed after.
type PPPoE struct {
	Name    string // the WAN's
	Device  string // kernel name of the interface that the cable is in
	Account Account
	MTU     int    // 0: as much as is found to pass
	NoIPv6  bool   // nothing of IPv6 is negotiated
	Dir     string // where a running session's facts are kept: of this boot only, for our eyes only
	Access  Access
	Report  func(Update) // called from Run alone
	Log     *slog.Logger

	programs programs // nil: the real pppd
	wishes   wishes
	memory   memory
	told     Update
	dead     struct {
		seen time.Time
		done int
		redo time.Time // from then on it is dialled anew; zero: nothing was said of this session
	}
	tries tries
	stiff bool // the link carries no more than any
}

// tries are those in a row that came to nothing.
type tries struct {
	finds, dials, refusals int
}

var _ Client = (*PPPoE)(nil)

// SessionDevice is the kernel name of the interface of a WAN's session. Names are at most 15 bytes (IFNAMSIZ): what does not fit is
// there as a number, for two WANs may begin alike.
func SessionDevice(name string) string {
	const prefix, room, kept = "ppp-", 11, 6
	if len(name) <= room {
		return prefix + name
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return fmt.Sprintf("%s%s-%04x", prefix, name[:kept], h.Sum32()&0xffff)
}

// LinkUp implements Client: who waits to dial does it at once. A running session is left to its echo requests.
func (p *PPPoE) LinkUp() { wish(p.wishes.open().linkUp) }

// Dead implements Client: the session is dialled anew after 1, 2, 4, 8 min.
func (p *PPPoE) Dead() { wish(p.wishes.open().dead) }

// Release implements Client: the session is ended, and none is dialled before LinkUp.
func (p *PPPoE) Release() error {
	const patience = 3 * time.Second // pppd has a second to say good-bye
	done := make(chan error, 1)
	select {
	case p.wishes.open().release <- done:
		return <-done
	case <-time.After(patience):
		return fmt.Errorf("end session of %s: %w", p.Name, errNotRunning)
	}
}

// Run implements Client.
func (p *PPPoE) Run(ctx context.Context) error {
	p.wishes.open()
	if p.programs == nil {
		p.programs = pppd{dir: p.Dir, name: p.Name}
	}
	s := p.resume()
	for ctx.Err() == nil {
		rest := p.live(ctx, s)
		s = nil
		p.rest(ctx, rest)
	}
	return nil
}

// resume takes over the session of the daemon before, if there is one that is as we want it; any other is ended.
func (p *PPPoE) resume() session {
	s, m := p.programs.resume()
	p.memory = m
	if s == nil {
		if m.PID != 0 { // it ended while nobody looked
			p.clear(readWords(p.programs.last()))
		}
		return nil
	}
	words := readWords(s.words())
	if words.up && m.Device == p.Device && m.Size <= p.widest() && m.Account == p.digest(m.Salt) {
		p.Log.Info("the session of before goes on", "wan", p.Name, "address", words.local)
		return s
	}
	s.end()
	p.clear(readWords(s.words()))
	return nil
}

// clear tells the other end of a session that pppd left open: many ISPs refuse a second one for a minute.
func (p *PPPoE) clear(s said) {
	if s.session == 0 || s.closed || len(s.server) == 0 {
		return
	}
	if err := p.Access.HangUp(s.server, s.session); err != nil {
		p.Log.Warn("the ISP is not told that the session is over", "wan", p.Name, "err", err)
	}
}

// widest is the largest packet that the owner lets a session have.
func (p *PPPoE) widest() int {
	if p.MTU > 0 {
		return min(p.MTU, wide)
	}
	return wide
}

// tell reports what is news.
func (p *PPPoE) tell(lease *Lease, reason string) {
	p.report(Update{WAN: p.Name, Lease: lease, Reason: reason})
}

func (p *PPPoE) report(u Update) {
	if u.Lease == nil && p.told == u {
		return
	}
	p.told = u
	p.Report(u)
}

// released answers who asked for it, and forgets that the carrier came back before.
func (p *PPPoE) released(done chan<- error) {
	select {
	case <-p.wishes.linkUp:
	default:
	}
	p.tell(nil, releasedLine)
	done <- nil
}

// rest waits until the next dial: some time, or, when it is negative, the carrier's coming back.
func (p *PPPoE) rest(ctx context.Context, pause time.Duration) {
	var over <-chan time.Time
	if pause >= 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-p.wishes.linkUp:
			p.tries = tries{}
			return
		case <-p.wishes.dead:
		case done := <-p.wishes.release:
			over = nil
			p.released(done)
		}
	}
}

const releasedLine = "the line has been given up"
