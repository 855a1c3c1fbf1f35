package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/twinpath/twinpath/router"
)

// Drills rehearses the failure of lines.
type Drills interface {
	// Start begins a rehearsal and returns it as it is then: a Conflict while another one goes on, router.ErrNoWAN for an unknown line.
	Start(wan string, full bool) (router.DrillView, error)
	// Stop ends the one that goes on. Without one it does nothing.
	Stop()
	Drills() []router.DrillView // that goes on and those kept, newest first
}

// drill starts a rehearsal of ?wan=, with ?full=1 one that moves the house, or ends it with ?stop=1.
func (a *API) drill(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	full, err := flagOf(query, "full")
	stop, err2 := flagOf(query, "stop")
	if err = errors.Join(err, err2); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if stop {
		a.Drills.Stop()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	view, err := a.Drills.Start(query.Get("wan"), full)
	if errors.Is(err, router.ErrNoWAN) {
		fail(w, err, http.StatusNotFound)
		return
	}
	answer(w, view, err, http.StatusUnprocessableEntity)
}

// flagOf reads a parameter that is 1 or 0; without it, it is 0.
func flagOf(query url.Values, key string) (bool, error) {
	text := query.Get(key)
	if text == "" {
		return false, nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s: %q is neither 1 nor 0", key, text)
	}
	return yes, nil
}

func (a *API) drills(w http.ResponseWriter, _ *http.Request) {
	all := a.Drills.Drills()
	if all == nil {
		all = []router.DrillView{}
	}
	reply(w, all)
}

// StartDrill begins to rehearse the failure of a line; full moves the house. Status 409 means that another rehearsal goes on.
func (c *Client) StartDrill(ctx context.Context, wan string, full bool) (router.DrillView, error) {
	query := url.Values{"wan": {wan}}
	if full {
		query.Set("full", "1")
	}
	var view router.DrillView
	err := c.call(ctx, http.MethodPost, "/api/v1/drill?"+query.Encode(), nil, nil, &view)
	return view, err
}

// StopDrill ends the rehearsal that goes on.
func (c *Client) StopDrill(ctx context.Context) error {
	return c.Post(ctx, "drill", url.Values{"stop": {"1"}}, nil)
}

// Drills returns the rehearsals that are kept, newest first.
func (c *Client) Drills(ctx context.Context) ([]router.DrillView, error) {
	var all []router.DrillView
	err := c.get(ctx, "/api/v1/drills", &all)
	return all, err
}
