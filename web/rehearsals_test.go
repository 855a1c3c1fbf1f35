package web

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/twinpath/twinpath/router"
)

// fakeDrills notes what it is asked.
type fakeDrills struct {
	got  []string
	err  error
	kept []router.DrillView
}

func (f *fakeDrills) Start(wan string, full bool) (router.DrillView, error) {
	f.got = append(f.got, fmt.Sprintf("start %s %t", wan, full))
	return router.DrillView{ID: "1", WAN: wan, Full: full, Through: "lte", Start: noon}, f.err
}
func (f *fakeDrills) Stop()                      { f.got = append(f.got, "stop") }
func (f *fakeDrills) Drills() []router.DrillView { return f.kept }

func TestDrills(t *testing.T) {
	drills := &fakeDrills{}
	h := newOwned(t)
	h.api.Drills = drills
	c := h.client(t)
	if v, err := c.StartDrill(t.Context(), "fibre", false); err != nil || v.WAN != "fibre" || v.Full || !v.Start.Equal(noon) {
		t.Errorf("start: %+v, %v", v, err)
	}
	if v, err := c.StartDrill(t.Context(), "fibre", true); err != nil || !v.Full {
		t.Errorf("start in full: %+v, %v", v, err)
	}
	if err := c.StopDrill(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if got := fmt.Sprint(drills.got); got != "[start fibre false start fibre true stop]" {
		t.Errorf("asked for %s", got)
	}
	for _, f := range []struct {
		err    error
		status int
	}{
		{Conflict{errors.New("a rehearsal goes on")}, http.StatusConflict},
		{fmt.Errorf("%q: %w", "dsl", router.ErrNoWAN), http.StatusNotFound},
		{errors.New("lte carries nothing"), http.StatusUnprocessableEntity},
	} {
		drills.err = f.err
		_, err := c.StartDrill(t.Context(), "fibre", false)
		refusal(t, "start", err, f.status, f.err.Error())
	}
	refusal(t, "a bad flag", c.Post(t.Context(), "drill?full=maybe&x=", nil, nil), http.StatusBadRequest, `full: "maybe" is neither 1 nor 0`)
	if text, err := c.As("").Raw(t.Context(), "/api/v1/drills"); err != nil || string(text) != "[]\n" {
		t.Errorf("none: %q, %v", text, err)
	}
	drills.kept = []router.DrillView{{ID: "2", WAN: "fibre"}, {ID: "1", WAN: "fibre", OK: true}}
	if all, err := c.As("").Drills(t.Context()); err != nil || len(all) != 2 || all[0].ID != "2" || !all[1].OK {
		t.Errorf("kept: %+v, %v", all, err)
	}
}
