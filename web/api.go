// Package web answers other programs with HTTP and JSON (docs/api.md): the command line over a unix socket, whose mode is the
// permission, and the page's process over a private connection, on which whatever changes something needs a session.
//
// It reads snapshots and asks for changes through small interfaces; it owns the socket file and nothing else.
package web

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web/door"
	"github.com/twinpath/twinpath/wizard"
)

// Source is the router as the API needs it.
type Source interface {
	// Snapshot returns the newest view and a channel that is closed when there is a newer one.
	Snapshot() (*router.Snapshot, <-chan struct{})
	Drain(wan string, off bool) error
}

// History is where events are kept.
type History interface {
	Since(time.Time) ([]router.Event, error)
}

// Measures is where measurements are kept. Hours are 1 to 9600.
type Measures interface {
	History(hours int) router.Measures
}

// Applier takes new configurations. A confirm of 0 makes the change final at once.
type Applier interface {
	Apply(ctx context.Context, name string, text []byte, confirm time.Duration) error
	Confirm() error
}

// Configs is the running configuration and those kept. An error that is a Conflict says that something else has to happen first.
type Configs interface {
	// Current returns the running text; setup tells that it is setup mode's.
	Current() (text []byte, revision string, setup bool)
	// ApplyOver is Applier's Apply for a text made from that of a revision; a Conflict when another one runs.
	ApplyOver(ctx context.Context, revision, name string, text []byte, confirm time.Duration) error
	Revert() error
	Kept() ([]Kept, error)               // newest first, without texts
	KeptText(number int) ([]byte, error) // fs.ErrNotExist when there is none
}

// Pairing makes and takes the offer that a second router joins by.
type Pairing interface {
	Offer(context.Context) (code string, until time.Time, err error)
	Sealed() ([]byte, error) // an error while no offer is open
	Join(ctx context.Context, code string) (wizard.Pairing, error)
}

// Conflict is an error that says: not now, something else has to happen first.
type Conflict struct{ Err error }

func (c Conflict) Error() string { return c.Err.Error() }
func (c Conflict) Unwrap() error { return c.Err }

// biggest is the largest configuration taken: a thousand times a real one.
const biggest = 1 << 20

// API is the HTTP interface. Source, History and Applier are needed; what else is nil is answered with 404.
type API struct {
	Source   Source
	History  History
	Applier  Applier
	Measures Measures
	Counters func() router.Counters // for /metrics; nil: those of the snapshot
	Configs  Configs
	Pairing  Pairing
	Door     *door.Door // needed by Guarded
	// Settings returns what the page has to know, of the running configuration: also right after ApplyOver.
	Settings func() Settings
	// Serves says whether the page is at this address of the router in the running configuration. Needed by Guarded.
	Serves func(at netip.Addr) bool
	Ports  func(context.Context) ([]wizard.Port, error)
	// SetPassword makes a password the one in force.
	SetPassword func(ctx context.Context, password string) error
	TestAlert   func(ctx context.Context, url string) error
	TestAlerts  func(ctx context.Context) []TestedChannel // one message to each configured channel
	// Letters takes what the other router of the pair wants told, and returns an answer, both sealed. An error with Again() is answered
	// with 409 and what that returns: the other router is to try again with it.
	Letters func(sealed []byte) (answer []byte, err error)
	// PairLeases is Letters for who in the house has which address.
	PairLeases func(sealed []byte) (answer []byte, err error)
	// HouseLeases returns who in the house has which address.
	HouseLeases func() ([]HouseLease, error)

	Incidents Incidents
	Drills    Drills
	// Report writes the outages of a period.
	Report func(w io.Writer, wish ReportWish) error

	newest  atomic.Pointer[written]
	reading atomic.Int32 // how many Wishes
}

// access says who may use a route.
type access uint8

const (
	anybody access = iota
	owner          // on the private connection: with a session
	page           // on the private connection only
	session        // on the private connection only, with a session
)

// route is one verb. It is not there while the API's field for it is nil.
type route struct {
	pattern string
	who     access
	there   bool
	serve   http.HandlerFunc
}

func (a *API) routes() []route {
	return []route{
		{"GET /api/v1/status", anybody, true, a.status},
		{"GET /api/v1/events", anybody, true, a.events},
		{"GET /api/v1/stream", anybody, true, a.stream},
		{"GET /api/v1/history", anybody, a.Measures != nil, a.history},
		{"GET /api/v1/incidents", anybody, a.Incidents != nil, a.incidents},
		{"GET /api/v1/report", anybody, a.Report != nil, a.report},
		{"POST /api/v1/drill", owner, a.Drills != nil, a.drill},
		{"GET /api/v1/drills", anybody, a.Drills != nil, a.drills},
		{"GET /metrics", anybody, true, a.metrics},
		{"GET /whoami", anybody, true, a.whoami},
		{"GET /healthz", anybody, true, a.healthz},
		{"GET /api/v1/settings", page, a.Settings != nil, a.settings},
		{"POST /api/v1/login", page, a.Door != nil, a.login},
		{"POST /api/v1/logout", session, a.Door != nil, a.logout},
		{"GET /api/v1/session", session, a.Door != nil, a.session},
		{"POST /api/v1/password", session, a.SetPassword != nil, a.password},
		{"GET /api/v1/config", owner, a.Configs != nil, a.config},
		{"GET /api/v1/config/{number}", owner, a.Configs != nil, a.keptConfig},
		{"POST /api/v1/apply", owner, true, a.apply},
		{"POST /api/v1/confirm", owner, true, a.confirm},
		{"POST /api/v1/revert", owner, a.Configs != nil, a.revert},
		{"POST /api/v1/drain", owner, true, a.drain(false)},
		{"POST /api/v1/resume", owner, true, a.drain(true)},
		{"GET /api/v1/ports", owner, a.Ports != nil, a.ports},
		{"POST /api/v1/alert/test", owner, a.TestAlert != nil || a.TestAlerts != nil, a.testAlert},
		{"POST /api/v1/pair/offer", owner, a.Pairing != nil, a.offerPair},
		{"GET /api/v1/pair/offer", anybody, a.Pairing != nil, a.sealedOffer},
		{"POST /api/v1/pair/join", owner, a.Pairing != nil, a.joinPair},
		{"POST /api/v1/pair/letters", anybody, a.Letters != nil, sealed(a.Letters, mostLetters)},
		{"POST /api/v1/pair/leases", anybody, a.PairLeases != nil, sealed(a.PairLeases, mostLeases)},
		{"GET /api/v1/house/leases", owner, a.HouseLeases != nil, a.houseLeases},
	}
}

// Handler returns the routes of the unix socket: whoever may open it may do everything.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		if r.who == anybody || r.who == owner {
			mux.HandleFunc(r.pattern, r.handler())
		}
	}
	return mux
}

// Guarded returns the routes of the private connection, whose other end faces the house.
func (a *API) Guarded() http.Handler {
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		if r.who == owner || r.who == session {
			mux.Handle(r.pattern, a.guard(r.handler()))
			continue
		}
		mux.HandleFunc(r.pattern, r.handler())
	}
	return mux
}

func (r route) handler() http.HandlerFunc {
	if r.there {
		return r.serve
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this router does not do that", http.StatusNotFound)
	}
}

// guard asks for a session before anything of the request's body is read.
func (a *API) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		until, err := a.Door.Check(time.Now(), tokenOf(r))
		if err != nil {
			fail(w, err, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), guarded{}, until)))
	})
}

// guarded is the context's key for the end of the session: it is there on the private connection only.
type guarded struct{}
