package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"time"

	"github.com/twinpath/twinpath/router"
)

const (
	// visits is how often the other router is asked how it is, and gone how long it may be silent until it counts as away:
	// two visits that miss.
	visits = 5 * time.Second
	gone   = 15 * time.Second
	// quick is how long it may take to answer: it is on the same LAN.
	quick = 2 * time.Second
	// fullest is the largest status that it may have, and clause the longest text of it that is shown: everybody gets it, again
	// and again.
	fullest, clause = 256 << 10, 300
)

// meeting is what the other router of the pair last said of itself.
type meeting struct {
	peer   netip.Addr
	us     netip.Addr // our own address, as it sees us
	at     time.Time  // zero: it has never answered
	now    time.Time
	theirs *router.Snapshot
}

// visit asks the other router how it is, for as long as there is one.
func (h *hub) visit(ctx context.Context) error {
	tick := time.NewTicker(visits)
	defer tick.Stop()
	var last meeting
	for {
		if peer := h.settings().Peer; peer.IsValid() {
			if peer != last.peer {
				last = meeting{peer: peer}
			}
			if m, err := h.ask(ctx, peer); err == nil {
				last = m
			} else {
				h.log.Debug("the other router does not answer", "err", err)
			}
			last.now = time.Now()
			m := last
			h.met(&m)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// neighbour asks a box in the house: no proxy is between, and no redirect leads elsewhere.
func neighbour() *http.Client {
	return &http.Client{
		Timeout:       quick,
		Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 2 * visits, ResponseHeaderTimeout: quick},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ask fetches the other router's own status.
func (h *hub) ask(ctx context.Context, peer netip.Addr) (meeting, error) {
	m := meeting{peer: peer}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(c httptrace.GotConnInfo) { m.us = addrOf(c.Conn.LocalAddr()) },
	})
	host := urlHost(peer)
	if h.port != "" { // of a test
		host = net.JoinHostPort(peer.String(), h.port)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/api/v1/status", nil)
	if err != nil {
		return m, err
	}
	answer, err := h.neighbour.Do(request)
	if err != nil {
		return m, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return m, fmt.Errorf("ask %s how it is: %s", peer, answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, fullest+1))
	switch {
	case err != nil:
		return m, fmt.Errorf("ask %s how it is: %w", peer, err)
	case len(text) > fullest:
		return m, errors.New("ask " + peer.String() + " how it is: it says too much")
	}
	m.theirs, m.at = new(router.Snapshot), time.Now()
	if err := json.Unmarshal(text, m.theirs); err != nil {
		return m, fmt.Errorf("ask %s how it is: %w", peer, err)
	}
	return m, nil
}

// seenBy is the other router in our own snapshot, and its state for the house's virtual address.
func (m *meeting) seenBy(ours *router.Snapshot) (*router.PairView, string) {
	view := router.PairView{Peer: m.peer.String(), Connected: !m.at.IsZero() && m.now.Sub(m.at) < gone}
	if ours.Pair != nil {
		view.FlowsHandedOver = ours.Pair.FlowsHandedOver
	}
	view.Heard = hears(ours, m.peer)
	if m.theirs == nil {
		return &view, ""
	}
	at := m.at.UTC()
	view.Seen, view.Router, view.Version = &at, brief(m.theirs.Router), brief(m.theirs.Version)
	view.Sentence, view.Verdict = brief(m.theirs.Sentence), router.Verdict(brief(string(m.theirs.Verdict)))
	view.HearsUs = view.Connected && hears(m.theirs, m.us)
	state := ""
	if theirs := houses(m.theirs, m.us); len(theirs) > 0 && view.Connected {
		state = theirs[0].State
	}
	return &view, state
}

// brief cuts what another router says.
func brief(text string) string {
	if letters := []rune(text); len(letters) > clause {
		return string(letters[:clause]) + "…"
	}
	return text
}

// hears reports whether a router hears another one's adverts: only the Active of an election sends any.
func hears(s *router.Snapshot, other netip.Addr) bool {
	now := s.Time
	if s.VRRPTime != nil {
		now = *s.VRRPTime // what follows is of then
	}
	for _, sp := range s.Speakers {
		if sp.Source == other.String() && now.Sub(sp.Last) < max(gone, 4*time.Duration(sp.Interval)) {
			return true
		}
	}
	for _, v := range s.VRRP {
		if v.State != "active" && v.ActiveRouter == other.String() {
			return true
		}
	}
	return false
}

// houses are a router's elections for virtual addresses in the network where the other one is.
func houses(s *router.Snapshot, other netip.Addr) []router.VRRPSnapshot {
	var all []router.VRRPSnapshot
	for _, v := range s.VRRP {
		for _, text := range v.Addresses {
			if p, err := netip.ParsePrefix(text); err == nil && p.Masked().Contains(other) {
				all = append(all, v)
				break
			}
		}
	}
	return all
}
