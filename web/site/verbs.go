package site

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/twinpath/twinpath/web"
)

// verb is something a program asks the daemon for, in the name of its session.
type verb func(ctx context.Context, daemon *web.Client, r *http.Request) (any, error)

// badRequest is what cannot be passed on.
type badRequest string

func (b badRequest) Error() string { return string(b) }

// verbRoutes are the daemon's own verbs (docs/api.md).
func (s *Site) verbRoutes(mux *http.ServeMux) {
	for route, does := range map[string]verb{
		"POST /api/v1/logout": func(ctx context.Context, d *web.Client, _ *http.Request) (any, error) {
			s.sessions.forget()
			return nil, d.Logout(ctx)
		},
		"GET /api/v1/session": func(ctx context.Context, d *web.Client, _ *http.Request) (any, error) {
			until, err := d.SessionUntil(ctx)
			return map[string]any{"until": until}, err
		},
		"GET /api/v1/config":          func(ctx context.Context, d *web.Client, _ *http.Request) (any, error) { return d.Config(ctx) },
		"GET /api/v1/config/{number}": keptConfig,
		"POST /api/v1/apply":          applyWish,
		"POST /api/v1/confirm": func(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
			return nil, d.Confirm(ctx, localAddr(r))
		},
		"POST /api/v1/revert": func(ctx context.Context, d *web.Client, _ *http.Request) (any, error) { return nil, d.Revert(ctx) },
		"POST /api/v1/drain": func(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
			return nil, d.Drain(ctx, r.FormValue("wan"))
		},
		"POST /api/v1/resume": func(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
			return nil, d.Resume(ctx, r.FormValue("wan"))
		},
		"POST /api/v1/drill":      startDrill,
		"GET /api/v1/ports":       func(ctx context.Context, d *web.Client, _ *http.Request) (any, error) { return d.Ports(ctx) },
		"POST /api/v1/password":   changePassword,
		"POST /api/v1/alert/test": testAlert,
		"POST /api/v1/pair/offer": func(ctx context.Context, d *web.Client, _ *http.Request) (any, error) { return d.OfferPair(ctx) },
		"POST /api/v1/pair/join":  joinPair,
	} {
		mux.HandleFunc(route, s.verb(does))
	}
	mux.HandleFunc("POST /api/v1/login", s.login)
	mux.HandleFunc("GET /api/v1/pair/offer", s.sealedOffer)
	mux.HandleFunc("POST /api/v1/pair/letters", s.sealed(&s.postmarks, s.Client.Letters))
	mux.HandleFunc("POST /api/v1/pair/leases", s.sealed(&s.stamps, s.Client.PairLeases))
}

// verb asks the daemon in the name of the request's session; without one there is nothing to ask.
func (s *Site) verb(does verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := token(r)
		if t == "" {
			s.loginFirst(w, r)
			return
		}
		value, err := does(r.Context(), s.Client.As(t), r)
		s.answer(w, r, value, err)
	}
}

func (s *Site) answer(w http.ResponseWriter, r *http.Request, value any, err error) {
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		s.fail(w, r, http.StatusBadRequest, string(bad), "")
	case err != nil:
		s.refuse(w, r, err)
	case value == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		reply(w, r, value)
	}
}

func reply(w http.ResponseWriter, r *http.Request, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, r, http.StatusOK, "application/json", append(text, '\n'))
}

func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest(fmt.Sprintf("the body is not the JSON that belongs here: %v", err))
	}
	return nil
}

// login opens a session for a program. Where it comes from is seen, not believed.
func (s *Site) login(w http.ResponseWriter, r *http.Request) {
	var l web.Login
	err := read(r, &l)
	var session web.Session
	if err == nil {
		l.Source = remoteAddr(r)
		session, err = s.Client.Login(r.Context(), l)
	}
	s.answer(w, r, session, err)
}

// sealedOffer is what a second router fetches: only the code opens it.
func (s *Site) sealedOffer(w http.ResponseWriter, r *http.Request) {
	sealed, err := s.Client.SealedOffer(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	send(w, r, http.StatusOK, "application/octet-stream", sealed)
}

// sealed passes on what the other router of the pair wants told: whoever has the secret of the pair may. Those at its address are counted
// apart: nobody else in the house keeps it from telling.
func (s *Site) sealed(marks *[2]web.Bucket, post func(context.Context, []byte) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		mark := &marks[0]
		if seen := s.hub.seen(); seen != nil && seen.snapshot.Pair != nil && seen.snapshot.Pair.Peer == remoteAddr(r).String() {
			mark = &marks[1]
		}
		if !mark.Take(time.Now()) {
			w.Header().Set("Retry-After", "2")
			http.Error(w, "letters come too fast", http.StatusTooManyRequests)
			return
		}
		sealed, err := io.ReadAll(r.Body)
		var answer []byte
		if err == nil {
			answer, err = post(r.Context(), sealed)
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		send(w, r, http.StatusOK, "application/octet-stream", answer)
	}
}

func keptConfig(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return nil, badRequest("the number of a configuration is a number")
	}
	return d.KeptConfig(ctx, number)
}

func applyWish(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
	var wish web.Wish
	if err := read(r, &wish); err != nil {
		return nil, err
	}
	return d.Apply(ctx, wish, localAddr(r))
}

func changePassword(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
	var wish struct{ Old, New string }
	if err := read(r, &wish); err != nil {
		return nil, err
	}
	return nil, d.SetPassword(ctx, wish.Old, wish.New)
}

func testAlert(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
	if r.ContentLength == 0 {
		return d.TestAlerts(ctx)
	}
	var wish struct{ URL string }
	if err := read(r, &wish); err != nil {
		return nil, err
	}
	return nil, d.TestAlert(ctx, wish.URL)
}

func startDrill(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
	flags := map[string]bool{}
	for _, key := range []string{"stop", "full"} {
		yes, err := strconv.ParseBool(cmp.Or(r.FormValue(key), "0"))
		if err != nil {
			return nil, badRequest(key + ": neither 1 nor 0")
		}
		flags[key] = yes
	}
	if flags["stop"] {
		return nil, d.StopDrill(ctx)
	}
	return d.StartDrill(ctx, r.FormValue("wan"), flags["full"])
}

func joinPair(ctx context.Context, d *web.Client, r *http.Request) (any, error) {
	var wish struct{ Code string }
	if err := read(r, &wish); err != nil {
		return nil, err
	}
	return d.JoinPair(ctx, wish.Code)
}
