package inet6

import (
	"slices"
	"time"
)

// hear takes in a server's message.
func (x *exchange) hear(now time.Time, m *message) {
	if !x.ours(m) {
		return
	}
	x.met = true
	if s := m.solicitPause; s >= 60 && s <= 86400 { // RFC 9915 §21.24
		x.longest = time.Duration(s) * time.Second
	}
	if x.state == Selecting && m.kind == advertise {
		x.offered(now, m)
		return
	}
	x.answered(now, m)
}

// offered keeps the best offer. One of what we have, or of a server that insists, is taken at once.
func (x *exchange) offered(now time.Time, m *message) {
	if x.merit(m) == 0 {
		x.complain(m)
		return
	}
	if x.offer == nil || x.merit(m) > x.merit(x.offer) {
		x.offer = m
	}
	const same = 8
	switch {
	case m.preference == 255 || x.merit(m) >= same:
		x.request(now, m.server, merge(nil, m, now))
	case x.choose.IsZero():
		x.choose = now.Add(collect)
	}
}

// complain remembers why a server gives nothing.
func (x *exchange) complain(m *message) {
	x.refusal = noPrefixAvail // it did not say why
	for _, s := range []status{m.addresses.failure(), m.prefixes.failure(), m.status} {
		if s != success {
			x.refusal = s
		}
	}
}

func (ia *association) failure() status {
	if ia == nil {
		return success
	}
	return ia.status
}

// merit is what an offer is worth: what we have, then prefixes for the house, then what the server says of itself.
func (x *exchange) merit(m *message) (points int) {
	if m.status != success {
		return 0
	}
	if m.addresses.gives() {
		points++
	}
	if m.prefixes.gives() {
		points += 4
	}
	if points == 0 {
		return 0
	}
	if m.preference > 0 {
		points += 2
	}
	if x.held != nil && m.prefixes.gives() && slices.ContainsFunc(m.prefixes.leases, func(g granted) bool {
		return slices.Contains(known(x.held.Prefixes), g.prefix)
	}) {
		points += 8
	}
	return points
}

// gives tells whether there is something to use in it.
func (ia *association) gives() bool {
	return ia != nil && slices.ContainsFunc(ia.leases, func(g granted) bool { return g.valid > 0 })
}

// request asks one server for something.
func (x *exchange) request(now time.Time, server []byte, asked *binding) {
	x.begin(now, Requesting)
	x.server, x.asked = server, asked
}

// answered takes a reply for what we have asked.
func (x *exchange) answered(now time.Time, m *message) {
	switch m.status {
	case success:
	case notOnLink:
		x.held, x.news = nil, true
		x.again(now, m)
		return
	case noBinding:
		x.unknown(now, m)
		return
	default: // "the client MAY continue to send" (RFC 9915 §18.2.10): as if it had said nothing, and later than it would have been
		x.complain(m)
		return
	}
	if m.addresses.failure() == noBinding || m.prefixes.failure() == noBinding {
		x.unknown(now, m)
		return
	}
	x.accept(now, m)
}

// unknown is a server that has forgotten us: what we had is asked of it as if it were new (RFC 9915 §18.2.10.1). It goes on being
// used meanwhile.
func (x *exchange) unknown(now time.Time, m *message) {
	if x.state == Requesting || x.state == Selecting || x.held == nil {
		x.again(now, m)
		return
	}
	x.request(now, m.server, x.held)
}

// accept takes what has been given. When that leaves the house without the prefix it had, any server is asked.
func (x *exchange) accept(now time.Time, m *message) {
	var had *binding
	if x.state == Renewing || x.state == Rebinding || x.state == Confirming {
		had = x.held
	}
	b := merge(had, m, now)
	lost := x.held != nil && len(x.held.Prefixes) > 0 && len(b.Prefixes) == 0
	if b.empty() {
		if had != nil {
			x.held, x.news = nil, true
		}
		x.again(now, m)
		return
	}
	x.held, x.news = b, true
	x.refused, x.refusal, x.hope = 0, success, nil
	if len(b.Prefixes) == 0 {
		x.complain(m)
	}
	if lost && had != nil {
		x.selectAny(now)
		return
	}
	x.state, x.next, x.choose, x.offer = Bound, time.Time{}, time.Time{}, nil
}

// again looks for offers after an answer that gave nothing.
func (x *exchange) again(now time.Time, m *message) {
	x.complain(m)
	x.refused++
	x.selectAny(now)
}
