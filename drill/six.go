package drill

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/router"
)

// tls6Limit is shorter than tlsLimit: where IPv6 is slow, programs have long gone on by IPv4 (RFC 8305 §5: a quarter of a second).
const tls6Limit = 5 * time.Second

// six proves the IPv6 of a line beside its IPv4: the same steps with other addresses, but no second megabyte. What it finds is said when
// the line's own steps are.
type six struct {
	*prover
	steps           []router.DrillStep
	host            netip.Addr // that is fetched from; not valid: it has no IPv6 address
	tls             bool       // secured was tried
	pinged, secured error
	done            chan struct{}
}

// beside begins to prove a line's IPv6, if it has any; nil: it has none.
func (p *prover) beside(ctx context.Context) *six {
	if len(p.Line.Targets6) == 0 {
		return nil
	}
	x := &six{done: make(chan struct{})}
	x.prover = &prover{Task: p.Task, url: p.url, say: func(s router.DrillStep) { x.steps = append(x.steps, s) }}
	x.find = newFinder(p.Line, p.Other)
	x.find.six = true
	x.Line.Targets, x.Line.MTU = p.Line.Targets6, p.Line.MTU6
	go func() {
		defer close(x.done)
		x.pinged = x.step(ctx, "ping6", pingLimit, x.pings)
		_ = x.step(ctx, "dns6", dnsLimit, x.names6)
		if x.tls = x.host.IsValid() && p.url.Scheme == "https"; x.tls {
			x.secured = x.step(ctx, "tls6", tls6Limit, x.handshake)
		}
	}()
	return x
}

// names6 asks for the host's IPv6 address. That it has none is nobody's fault.
func (x *six) names6(ctx context.Context) (string, error) {
	host := x.url.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return host + " is no name", nil
	}
	a, err := x.find.address(ctx, host)
	if err != nil {
		return host + " has no IPv6 address", nil // who is to blame for a name that nobody knows is said of IPv4
	}
	x.host = a
	return fmt.Sprintf("%s for %s", a, host), nil
}

// measure finds out how large a packet may be, when nothing else is on the line.
func (x *six) measure(ctx context.Context) {
	<-x.done
	if x.target.IsValid() {
		_ = x.step(ctx, "mtu6", mtuLimit, func(ctx context.Context) (string, error) { return x.sizes(ctx, x.secured == nil) })
	}
}

// tell says the steps and returns what is known now. Nothing that fails here keeps the line from carrying the house: what can uses IPv4.
func (x *six) tell(p *prover) {
	for _, s := range x.steps {
		p.say(s)
	}
	p.proof.Six, p.proof.MTU6, p.proof.Hole6 = true, x.proof.MTU, x.proof.Hole
	switch {
	case x.pinged != nil && (x.secured != nil || !x.tls):
		p.proof.Broken6 = "no answer"
	case x.secured != nil && x.proof.Hole:
		p.proof.Broken6 = fmt.Sprintf("packets of more than %d bytes vanish without a word", x.proof.MTU)
	case x.secured != nil:
		p.proof.Broken6 = fmt.Sprintf("no TLS connection to %s: %v", x.url.Hostname(), x.secured)
	}
}
