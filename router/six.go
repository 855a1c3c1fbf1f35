package router

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/wan"
)

// six is what is known of a line's IPv6, on its way as it is now.
type six struct {
	lease    *wan.Lease6
	prefix   netip.Prefix // of the newest delegation, be it gone
	asking   string       // the client's own words while there is no lease
	reported bool         // the client has spoken
	verdict  health.Verdict
	checked  bool // verdict is of this lease
	suspect  bool // the next monitor starts from failing
}

func (s *State) foldLease6(now time.Time, f Lease6Seen) []Event {
	l := s.line(f.WAN)
	if l == nil || l.way.Index == 0 || l.way.Index != f.Index {
		return nil
	}
	before := l.six.lease
	l.six.lease, l.six.asking, l.six.reported = f.Lease, f.Reason, true
	if f.Lease == nil {
		if before != nil {
			l.six.unverify(true)
		}
		return nil
	}
	if before != nil && before.Gateway != f.Lease.Gateway {
		l.six.unverify(false)
	}
	if len(f.Lease.Prefixes) == 0 {
		return nil
	}
	was := l.six.prefix
	l.six.prefix = f.Lease.Prefixes[0].Prefix
	if was.IsValid() && was != l.six.prefix {
		return []Event{{Time: now, Kind: EventWAN, WAN: f.WAN, Sentence: fmt.Sprintf("%s has a new IPv6 prefix: %s (was %s).", f.WAN, l.six.prefix, was)}}
	}
	return nil
}

// unverify drops the verdict: it was of a lease that is gone.
func (x *six) unverify(suspect bool) {
	x.suspect = suspect || x.suspect || x.verdict.State == health.Down
	x.checked, x.verdict = false, health.Verdict{}
}

func (s *State) foldHealth6(_ time.Time, f Health6Seen) {
	l := s.line(f.WAN)
	if l == nil || l.way.Index != f.Index || l.six.lease == nil || !l.link.Carrier {
		return
	}
	l.six.verdict, l.six.checked = f.Verdict, true
	if f.Verdict.State.Usable() && f.Verdict.State != health.Unknown {
		l.six.suspect = false
	}
}
