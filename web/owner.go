package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/twinpath/twinpath/web/door"
)

func (a *API) settings(w http.ResponseWriter, _ *http.Request) { reply(w, a.Settings()) }

func (a *API) login(w http.ResponseWriter, r *http.Request) {
	var l Login
	if !take(w, r, &l) {
		return
	}
	s, err := a.Door.Enter(r.Context(), time.Now(), door.Knock(l))
	if err != nil {
		fail(w, err, http.StatusInternalServerError)
		return
	}
	reply(w, Session(s))
}

func (a *API) logout(w http.ResponseWriter, r *http.Request) {
	a.Door.Leave(tokenOf(r))
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) session(w http.ResponseWriter, r *http.Request) {
	until, _ := r.Context().Value(guarded{}).(time.Time)
	reply(w, map[string]time.Time{"until": until})
}

// password asks for the old one even of who has a session: a browser that was left open is no owner.
func (a *API) password(w http.ResponseWriter, r *http.Request) {
	var p passwords
	if !take(w, r, &p) {
		return
	}
	if err := a.Door.Prove(r.Context(), time.Now(), tokenOf(r), p.Old); err != nil {
		if errors.Is(err, door.ErrWrong) { // the session is good: 401 would say that it is not
			err = errors.New("the old password is another one")
		}
		fail(w, err, http.StatusForbidden)
		return
	}
	if err := door.Suitable(p.New); err != nil {
		fail(w, err, http.StatusUnprocessableEntity)
		return
	}
	if err := a.SetPassword(r.Context(), p.New); err != nil {
		fail(w, err, http.StatusUnprocessableEntity)
		return
	}
	a.Door.Carry(tokenOf(r))
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) drain(off bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.Source.Drain(r.URL.Query().Get("wan"), off); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (a *API) ports(w http.ResponseWriter, r *http.Request) {
	ports, err := a.Ports(r.Context())
	answer(w, ports, err, http.StatusInternalServerError)
}

// testAlert sends a message to the channel that the body names, or to each one of the configuration when it names none.
func (a *API) testAlert(w http.ResponseWriter, r *http.Request) {
	var t target
	if r.ContentLength != 0 && !take(w, r, &t) {
		return
	}
	if t.URL == "" && a.TestAlerts != nil {
		reply(w, a.TestAlerts(r.Context()))
		return
	}
	if a.TestAlert == nil {
		http.Error(w, "this router does not do that", http.StatusNotFound)
		return
	}
	if err := a.TestAlert(r.Context(), t.URL); err != nil {
		fail(w, err, http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// houseLeases is for the owner only: who is at home is nobody else's business.
func (a *API) houseLeases(w http.ResponseWriter, _ *http.Request) {
	leases, err := a.HouseLeases()
	if leases == nil {
		leases = []HouseLease{}
	}
	answer(w, leases, err, http.StatusInternalServerError)
}

func (a *API) offerPair(w http.ResponseWriter, r *http.Request) {
	code, until, err := a.Pairing.Offer(r.Context())
	answer(w, PairCode{code, until}, err, http.StatusConflict)
}

func (a *API) sealedOffer(w http.ResponseWriter, _ *http.Request) {
	sealed, err := a.Pairing.Sealed()
	if err != nil {
		fail(w, err, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(sealed)
}

func (a *API) joinPair(w http.ResponseWriter, r *http.Request) {
	var t typed
	if !take(w, r, &t) {
		return
	}
	p, err := a.Pairing.Join(r.Context(), t.Code)
	answer(w, p, err, http.StatusUnprocessableEntity)
}

func tokenOf(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get(tokenHeader), bearer)
	return token
}

// take reads a small JSON body, and answers what is none.
func take(w http.ResponseWriter, r *http.Request, into any) bool {
	const small = 16 << 10
	return decode(w, r, small, into)
}

func decode(w http.ResponseWriter, r *http.Request, limit int64, into any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(into)
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		http.Error(w, fmt.Sprintf("the request is larger than %d KiB", limit>>10), http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, "not the JSON of docs/api.md: "+err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

func answer(w http.ResponseWriter, value any, err error, status int) {
	if err != nil {
		fail(w, err, status)
		return
	}
	reply(w, value)
}

// fail says an error, with its own status where it has one.
func fail(w http.ResponseWriter, err error, status int) {
	var wait door.Wait
	var conflict Conflict
	switch {
	case errors.As(err, &wait):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.After.Seconds())))))
	case errors.As(err, &conflict):
		status = http.StatusConflict
	case errors.Is(err, door.ErrWrong), errors.Is(err, door.ErrUsed), errors.Is(err, door.ErrNoSession):
		status = http.StatusUnauthorized
	case errors.Is(err, door.ErrNoPassword):
		status = http.StatusForbidden
	case errors.Is(err, fs.ErrNotExist):
		status = http.StatusNotFound
	}
	http.Error(w, err.Error(), status)
}
