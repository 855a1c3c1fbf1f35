package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

func (a *API) config(w http.ResponseWriter, _ *http.Request) {
	text, revision, setup := a.Configs.Current()
	kept, err := a.Configs.Kept()
	if kept == nil {
		kept = []Kept{}
	}
	answer(w, Configuration{Text: string(text), Revision: revision, Setup: setup, Kept: kept}, err, http.StatusInternalServerError)
}

func (a *API) keptConfig(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		http.Error(w, "the number of a configuration is a number", http.StatusBadRequest)
		return
	}
	text, err := a.Configs.KeptText(number)
	if err != nil {
		fail(w, err, http.StatusInternalServerError)
		return
	}
	one := Kept{Number: number, Text: string(text)}
	all, err := a.Configs.Kept()
	for _, k := range all {
		if k.Number == number {
			one.Modified = k.Modified
		}
	}
	answer(w, one, err, http.StatusInternalServerError)
}

// apply takes a Wish as JSON, and on the unix socket also the bare text, with name and confirm in the query.
func (a *API) apply(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), jsonType) {
		a.applyWish(w, r)
		return
	}
	if r.Context().Value(guarded{}) != nil {
		http.Error(w, "send a Wish as application/json (docs/api.md)", http.StatusUnsupportedMediaType)
		return
	}
	confirm, err := wait(r.URL.Query().Get("confirm"))
	if err != nil {
		http.Error(w, "confirm: "+err.Error(), http.StatusBadRequest)
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, biggest))
	if err != nil {
		http.Error(w, tooLarge, http.StatusRequestEntityTooLarge)
		return
	}
	if err := a.Applier.Apply(r.Context(), r.URL.Query().Get("name"), text, confirm); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

const tooLarge = "the configuration is larger than 1 MiB"

// wishName stands in problems for the file that a Wish has no name for.
const wishName = "twinpath.toml"

func (a *API) applyWish(w http.ResponseWriter, r *http.Request) {
	if a.Configs == nil {
		http.NotFound(w, r)
		return
	}
	wish, ok := a.wish(w, r)
	if !ok {
		return
	}
	if len(wish.Text) > biggest {
		http.Error(w, tooLarge, http.StatusRequestEntityTooLarge)
		return
	}
	confirm, err := wait(wish.Confirm)
	if err != nil {
		http.Error(w, "confirm: "+err.Error(), http.StatusBadRequest)
		return
	}
	if err := a.Configs.ApplyOver(r.Context(), wish.Revision, wishName, []byte(wish.Text), confirm); err != nil {
		fail(w, err, http.StatusUnprocessableEntity)
		return
	}
	reply(w, a.granted(r, confirm))
}

// wish reads a Wish. A hundred large ones at once would be the daemon's memory, so only a few are read at a time, and none waits:
// what nobody reads would keep the private connection from carrying what somebody does.
func (a *API) wish(w http.ResponseWriter, r *http.Request) (Wish, bool) {
	const atOnce, patience = 4, 10 * time.Second
	defer a.reading.Add(-1)
	if a.reading.Add(1) > atOnce {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "others are applying configurations: try again in 2s", http.StatusServiceUnavailable)
		return Wish{}, false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience)) // a recorder in a test has none
	var wish Wish
	return wish, decode(w, r, body, &wish)
}

// granted says where the owner finds the page now. The password may be another one, too: whoever has set it stays inside.
func (a *API) granted(r *http.Request, confirm time.Duration) Granted {
	g := Granted{URLs: []string{}}
	now := time.Now()
	if confirm > 0 {
		g.Until = now.Add(confirm)
	}
	if a.Settings != nil {
		g.URLs = append(g.URLs, a.Settings().Sure()...)
	}
	if r.Context().Value(guarded{}) != nil {
		g.Moved = !a.Serves(at(r))
		a.Door.Carry(tokenOf(r))
		g.Pass = a.Door.Pass(now)
	}
	return g
}

// wait parses how long a change waits for its confirmation: nothing, or 5 s to an hour.
func wait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 5*time.Second || d > time.Hour {
		return 0, errors.New("not a duration between 5s and 1h")
	}
	return d, nil
}

func (a *API) confirm(w http.ResponseWriter, r *http.Request) {
	if err := a.seen(r); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	if err := a.Applier.Confirm(); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// seen says whether the owner sees the page where the new configuration has it. The command line sees the router itself.
func (a *API) seen(r *http.Request) error {
	if r.Context().Value(guarded{}) == nil || a.Serves(at(r)) {
		return nil
	}
	return fmt.Errorf("the new configuration does not have the page at %s, where you are\nhint: confirm on its new address: %s", at(r), a.whereTo())
}

// at is the address of this router that the browser has asked; invalid when nobody said.
func at(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddr(r.Header.Get(atHeader))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func (a *API) whereTo() string {
	if a.Settings == nil {
		return "see the configuration"
	}
	return strings.Join(a.Settings().Sure(), ", ")
}

func (a *API) revert(w http.ResponseWriter, _ *http.Request) {
	if err := a.Configs.Revert(); err != nil {
		fail(w, err, http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
