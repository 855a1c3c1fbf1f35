package inet6

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"
)

// State is where a DHCPv6 client stands. The binding in use is apart from it: one that asks again goes on using what it has.
type State uint8

const (
	Idle       State = iota // has not begun, or has given everything back
	Selecting               // waiting for offers
	Requesting              // one was chosen and asked for
	Bound
	Confirming // asking any server whether what we have is still ours
	Renewing   // asking our server for more time
	Rebinding  // asking any server
)

func (s State) String() string {
	return [...]string{"idle", "selecting", "requesting", "bound", "confirming", "renewing", "rebinding"}[s]
}

// From RFC 9915 §7.6, but where it says "chosen by us".
const (
	solicitFirst   = time.Second
	solicitLongest = time.Hour
	knownLongest   = 2 * time.Minute // chosen by us: where a server has been met, its coming back is not to be missed for an hour
	requestFirst   = time.Second
	requestLongest = 30 * time.Second
	requestTries   = 5 // chosen by us: then somebody else may answer
	confirmFirst   = time.Second
	confirmLongest = 4 * time.Second
	confirmTries   = 3 // chosen by us: then what we have is not insisted on
	renewFirst     = 10 * time.Second
	renewLongest   = 10 * time.Minute
	collect        = 250 * time.Millisecond // chosen by us: wait for more offers after the first
	flipEach       = 3                      // chosen by us: each third unanswered try asks for the other half alone
	atMost         = 20                     // messages in a minute; §14.1 says three times that
	anyPrefix      = 56                     // bits, RIPE-690: what a home is to get; a server may give another size
)

// exchange is the DHCPv6 client: of addresses of the line, if asked for, and of prefixes for the house.
type exchange struct {
	identity Identity
	iaid     [4]byte
	random   *rand.Rand
	managed  bool // addresses of the line are wanted
	promised bool // a router says that they are to be had
	both     bool // they are asked for beside prefixes, as long as that gets answers
	state    State
	held     *binding
	hope     *binding // what to ask for when nothing is held
	met      bool     // a server has answered, ever
	refusal  status   // the last that a server gave for a reason
	news     bool     // held has been changed by a server: it is to be saved

	// The exchange under way.
	number  [3]byte
	began   time.Time
	tries   int
	next    time.Time // of the retransmission
	offer   *message
	choose  time.Time     // end of the wait for more offers
	server  []byte        // that is asked
	asked   *binding      // of it
	longest time.Duration // SOL_MAX_RT of a server; 0: not said
	refused int           // answers in a row that gave nothing

	sent [atMost]time.Time // the last transmissions, oldest at turn
	turn int
	out  [][]byte
}

// spread adds up to a tenth of chance in both directions (RFC 9915 §15).
func (x *exchange) spread(d time.Duration) time.Duration {
	return d + time.Duration(x.random.Int64N(int64(d/5)+1)) - d/10
}

// pause before the next transmission: twice the last, up to longest.
func (x *exchange) pause(first, longest time.Duration) time.Duration {
	return x.spread(min(first<<min(x.tries, 20), longest))
}

// begin starts an exchange of messages of its own.
func (x *exchange) begin(now time.Time, s State) {
	x.state = s
	x.renumber()
	x.began, x.tries, x.next = now, 0, now
	x.offer, x.choose = nil, time.Time{}
}

func (x *exchange) renumber() {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], x.random.Uint32())
	x.number = [3]byte(n[1:])
}

// ask begins anew: for the same, if we have something.
func (x *exchange) ask(now time.Time) {
	if x.held != nil {
		x.begin(now, Confirming)
	} else {
		x.selectAny(now)
	}
}

// selectAny asks every server for an offer. After refusals it waits first, longer each time; else a little, for a whole town may
// have its power back.
func (x *exchange) selectAny(now time.Time) {
	x.begin(now, Selecting)
	x.next = now.Add(time.Duration(x.random.Int64N(int64(collect))))
	if x.refused > 0 {
		x.next = now.Add(x.spread(min(solicitFirst<<min(x.refused, 16), knownLongest)))
	}
}

// quiet ends everything without a word.
func (x *exchange) quiet() {
	x.state, x.held, x.refused, x.refusal = Idle, nil, 0, success
	x.next, x.choose, x.offer = time.Time{}, time.Time{}, nil
}

// awaits tells whether answers of servers are expected.
func (x *exchange) awaits() bool { return x.state != Idle && x.state != Bound }

// wake is when there is something to do.
func (x *exchange) wake() time.Time {
	wake := earlier(x.next, x.choose)
	if x.held != nil {
		wake = earlier(wake, x.held.end())
		switch x.state {
		case Bound:
			wake = earlier(wake, x.held.Renew)
		case Renewing:
			wake = earlier(wake, x.held.Rebind)
		}
	}
	return wake
}

// timers does what is due.
func (x *exchange) timers(now time.Time) {
	x.lapse(now)
	if x.state == Bound && passed(x.held.Renew, now) {
		x.begin(now, Renewing)
	}
	if x.state == Renewing && passed(x.held.Rebind, now) { // perhaps at once, after a long time without a line
		x.begin(now, Rebinding)
	}
	if passed(x.choose, now) {
		x.request(now, x.offer.server, merge(nil, x.offer, now))
	}
	if passed(x.next, now) {
		x.transmit(now)
	}
}

// lapse drops what has ended. With nothing left, any server is asked.
func (x *exchange) lapse(now time.Time) {
	if x.held == nil {
		return
	}
	had := len(x.held.Prefixes)
	x.held.lapse(now)
	switch {
	case x.held.empty():
		x.held = nil
	case len(x.held.Prefixes) == had:
		return
	}
	if x.state != Requesting && x.state != Selecting {
		x.selectAny(now)
	}
}

func (x *exchange) transmit(now time.Time) {
	if oldest := x.sent[x.turn]; !oldest.IsZero() && now.Sub(oldest) < time.Minute {
		x.next = oldest.Add(time.Minute)
		return
	}
	switch x.state {
	case Selecting:
		if x.tries > 0 && (x.flipped(x.tries) != x.flipped(x.tries-1)) {
			x.renumber() // another question
		}
		x.both = x.managed != x.flipped(x.tries)
		x.send(now, x.solicitation(now))
		x.next = now.Add(x.pause(solicitFirst, x.patience()))
	case Requesting:
		x.insist(now, requestTries, requestFirst, requestLongest)
	case Confirming:
		x.insist(now, confirmTries, confirmFirst, confirmLongest)
	case Renewing:
		x.send(now, x.message(now, renew, x.held, x.held.Server))
		x.next = now.Add(x.pause(min(renewFirst, x.held.Rebind.Sub(now)/3+time.Second), renewLongest))
	case Rebinding:
		x.send(now, x.message(now, rebind, x.held, nil))
		x.next = now.Add(x.pause(min(renewFirst, left(x.held.end(), now)/3+time.Second), renewLongest))
	}
	x.tries++
}

// insist sends up to so many times, then looks for offers of anybody.
func (x *exchange) insist(now time.Time, most int, first, longest time.Duration) {
	switch {
	case x.tries == most:
		if x.state == Requesting {
			x.refused++
		}
		x.selectAny(now)
		x.tries--
		return
	case x.state == Requesting:
		x.send(now, x.message(now, request, x.asked, x.server))
	default:
		x.send(now, x.message(now, rebind, x.held, nil))
	}
	x.next = now.Add(x.pause(first, longest))
}

// patience is the longest pause between two solicitations.
func (x *exchange) patience() time.Duration {
	longest := solicitLongest
	if x.met || x.promised {
		longest = knownLongest
	}
	return max(longest, x.longest)
}

func (x *exchange) send(now time.Time, b builder) {
	x.sent[x.turn], x.turn = now, (x.turn+1)%atMost
	x.out = append(x.out, b)
}

// solicitation asks for offers. Some servers answer only who asks for nothing that they do not have.
func (x *exchange) solicitation(now time.Time) builder {
	b := x.message(now, solicit, x.hint(), nil)
	b.option(optRapidCommit, nil)
	return b
}

// hint is what we would like: what we have, or a prefix of the usual size (RFC 9915 §18.2.1).
func (x *exchange) hint() *binding {
	if x.held != nil && len(x.held.Prefixes) > 0 {
		return x.held
	}
	return x.hope
}

// flipped tells whether a try asks for less than we want, or for more.
func (x *exchange) flipped(tries int) bool { return tries%flipEach == flipEach-1 }

// message is one with everything that a server wants to know. server nil is to any.
func (x *exchange) message(now time.Time, k kind, about *binding, server []byte) builder {
	b := newMessage(k, x.number)
	b.option(optClientID, x.identity.DUID)
	if server != nil {
		b.option(optServerID, server)
	}
	elapsed := min(max(now.Sub(x.began), 0)/(10*time.Millisecond), 0xffff)
	b.option(optElapsed, binary.BigEndian.AppendUint16(nil, uint16(elapsed)))
	if k != release {
		b.option(optRequested, []byte{0, optDNS, 0, optSolicitPause})
	}
	addresses, prefixes := []netip.Prefix(nil), []netip.Prefix(nil)
	if about != nil {
		addresses, prefixes = known(about.Addresses), known(about.Prefixes)
	}
	if k == solicit && len(prefixes) == 0 {
		prefixes = []netip.Prefix{netip.PrefixFrom(netip.IPv6Unspecified(), anyPrefix)}
	}
	if len(addresses) > 0 || k != release && x.both {
		b.association(optIANA, x.iaid, addresses)
	}
	if len(prefixes) > 0 || k != release {
		b.association(optIAPD, x.iaid, prefixes)
	}
	return b
}

// farewell gives everything back.
func (x *exchange) farewell(now time.Time) {
	if x.held != nil {
		x.begin(now, Idle)
		x.send(now, x.message(now, release, x.held, x.held.Server))
	}
	x.quiet()
}

// ours tells whether a message belongs to the exchange under way.
func (x *exchange) ours(m *message) bool {
	if !x.awaits() || m.exchange != x.number || x.tries == 0 || !bytes.Equal(m.client, x.identity.DUID) {
		return false
	}
	switch x.state {
	case Selecting:
		return m.kind == advertise || m.rapid
	case Requesting:
		return m.kind == reply && bytes.Equal(m.server, x.server)
	case Renewing:
		return m.kind == reply && bytes.Equal(m.server, x.held.Server)
	}
	return m.kind == reply
}
