package drill

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Line is a way to the Internet that is to be proven.
type Line struct {
	Name string
	// Control binds a socket to the line before its use.
	Control func(network, address string, c syscall.RawConn) error
	DNS     []netip.AddrPort
	Targets []string // addresses that answer pings, the best first
	MTU     int      // as the router takes it to be
	Fixed   bool     // its owner says so
	Metered bool
	RTT     time.Duration // median of its checks; 0: not known
	// Of IPv6, if it has any.
	Targets6 []string
	MTU6     int
}

// remedy is what helps against a black hole: the owner's word, where he has said something else, else what the router finds out.
func (l Line) remedy(mtu int) string {
	if l.Fixed {
		return fmt.Sprintf("mtu = %d in its [[wan]] helps", mtu)
	}
	return "it is measured now, and TCP told to send smaller ones"
}

// Task says what is to be proven.
type Task struct {
	Line  Line
	Fetch string // URL of about a megabyte
	Name  string // to be looked up
	// Other is asked for names that the line's own servers do not know, so that what comes after names is tried all the same.
	Other Line
	// Only the fetch: to compare with.
	Brief bool
}

// Proof is what a line has shown.
type Proof struct {
	Line   string
	RTT    time.Duration // median of the pings; 0: none was answered
	Target string        // that answers pings; empty: none does
	Pings  int
	Lost   int
	Bytes  int64         // fetched
	Took   time.Duration // until the last of them
	MTU    int           // largest packet that goes through; 0: not known
	Hole   bool          // larger ones vanish without a word
	Broken string        // the first broken thing, as a clause; empty: it carries traffic
	Far    bool          // it may be the fault of who was asked, and not the line's

	Six     bool   // its IPv6 was tried
	MTU6    int    // as MTU
	Hole6   bool   // as Hole
	Broken6 string // as Broken; what fails by IPv6 alone does not keep the line from carrying the house
}

// Rate is that of the fetch in bits per second.
func (p Proof) Rate() float64 {
	if p.Took <= 0 {
		return 0
	}
	return float64(p.Bytes) * 8 / p.Took.Seconds()
}

// The limits of the steps, and of the fetch by the other line that theirs is compared with.
const (
	pingLimit  = 5 * time.Second
	dnsLimit   = 4 * time.Second
	tlsLimit   = 10 * time.Second
	fetchLimit = 20 * time.Second
	mtuLimit   = 10 * time.Second
	briefLimit = 10 * time.Second
)

// prover is one Prove.
type prover struct {
	Task
	url    *url.URL
	say    func(router.DrillStep)
	find   *finder
	target netip.Addr // that answers pings; not valid: none does
	named  bool       // a name server has said something
	proof  Proof
}

// Prove sends real traffic through a line, says each step as it is done, and returns what it has shown. It takes a minute at most.
func Prove(ctx context.Context, t Task, say func(router.DrillStep)) Proof {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p := &prover{Task: t, say: say, proof: Proof{Line: t.Line.Name}, find: newFinder(t.Line, t.Other)}
	u, err := url.Parse(t.Fetch)
	if err != nil {
		p.proof.Broken = "there is nothing to fetch" // the configuration is checked
		return p.proof
	}
	p.url = u
	if t.Brief {
		ctx, cancel := context.WithTimeout(ctx, briefLimit)
		defer cancel()
		if err := p.fetch(ctx); err != nil {
			p.proof.Broken = fmt.Sprintf("fetching from %s: %v", u.Hostname(), err)
		}
		return p.proof
	}
	p.proof.Broken = p.prove(ctx)
	return p.proof
}

// prove goes from the line outwards and returns the first broken thing. A step that fails does not keep the next ones from being tried.
func (p *prover) prove(ctx context.Context) string {
	six := p.beside(ctx)
	pinged := p.step(ctx, "ping", pingLimit, p.pings)
	named := p.names(ctx)
	var secured error
	if p.url.Scheme == "https" {
		secured = p.step(ctx, "tls", tlsLimit, p.handshake)
	}
	fetched := p.step(ctx, "fetch", fetchLimit, p.fetched)
	p.measure(ctx, six, fetched == nil)
	host := p.url.Hostname()
	switch {
	case pinged != nil && !p.named && fetched != nil:
		return fmt.Sprintf("nothing answers on it: no ping, no name server, not %s", host)
	case p.proof.Hole && fetched != nil:
		return fmt.Sprintf("packets of more than %d bytes vanish on it without a word (%s)", p.proof.MTU, p.Line.remedy(p.proof.MTU))
	case named != nil:
		return named.Error()
	case secured != nil:
		p.proof.Far = true
		return fmt.Sprintf("no TLS connection to %s: %v", host, secured)
	case fetched != nil:
		p.proof.Far = true
		return fmt.Sprintf("fetching from %s: %v", host, fetched)
	}
	return ""
}

// measure finds out how large packets may be, of both families at once.
func (p *prover) measure(ctx context.Context, x *six, fetched bool) {
	var both sync.WaitGroup
	if x != nil {
		both.Go(func() { x.measure(ctx) })
	}
	if p.target.IsValid() {
		_ = p.step(ctx, "mtu", mtuLimit, func(ctx context.Context) (string, error) { return p.sizes(ctx, fetched) })
	}
	if both.Wait(); x != nil {
		x.tell(p)
	}
}

// step does one thing within its limit and says what came of it.
func (p *prover) step(ctx context.Context, what string, limit time.Duration, do func(context.Context) (string, error)) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	detail, err := do(ctx)
	s := router.DrillStep{What: what, OK: err == nil, Took: router.Milliseconds(time.Since(began)), Detail: detail}
	if err != nil {
		s.Detail = err.Error()
	}
	p.say(s)
	return err
}
