package site

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/twinpath/twinpath/web"
)

// pairView is what pair.html shows.
type pairView struct {
	Peer  netip.Addr // the other router's address; invalid: this one is alone
	Code  []string   // in groups of four
	Until *waiting   // how long the code is good
}

func (s *Site) pairPage(w http.ResponseWriter, r *http.Request, _ string) {
	s.render(w, r, "pair", pairView{Peer: s.hub.settings().Peer})
}

// pairOffer makes a code for the other router. It is shown once: a reload makes another, and the one before is over.
func (s *Site) pairOffer(w http.ResponseWriter, r *http.Request, token string) {
	ctx, cancel := unhurried(w, r)
	defer cancel()
	code, err := s.Client.As(token).OfferPair(ctx)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	s.render(w, r, "pair", pairView{Peer: s.hub.settings().Peer, Code: spoken(code), Until: &waiting{code.Until}})
}

// spoken are the parts of a code that are read aloud in one breath.
func spoken(code web.PairCode) []string {
	letters := strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, code.Code)
	var all []string
	for len(letters) > 4 {
		all, letters = append(all, letters[:4]), letters[4:]
	}
	return append(all, letters)
}
