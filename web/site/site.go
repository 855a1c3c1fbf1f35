// Package site is what browsers get: the status page, the owner's pages and the wizard, and the API for reading.
//
// It runs in a child process without privileges. Everything it knows comes over one private connection to the daemon
// (web.Client), and everything it changes is a verb there that needs the owner's session. One hub watches the daemon, so a
// thousand readers cost it as much as one.
//
// frame.go draws a page, guard*.go keeps the wrong requests out, hub*.go holds the newest view, status*.go is the page at / and report.go that at /report;
// pages_owner*.go are the owner's pages and wizard_*.go those of the wizard.
package site

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/wizard"
)

// Site is the web pages of one router. Check and Hash may be nil only where nobody is to change anything.
type Site struct {
	Client *web.Client
	Check  func(text string) []wizard.Problem    // every problem of a configuration
	Hash   func(password string) (string, error) // bcrypt
	Log    *slog.Logger

	once     sync.Once
	pages    pages
	assets   assets
	hub      *hub
	sessions sessions
	grants   grants
	crowd    crowd
	streams  streams
	past     past
	// postmarks let letters and leases through: those of anybody, and those from the other router's address
	postmarks, stamps [2]web.Bucket
	large             atomic.Int32 // bodies that are held
	easels            struct {
		guest, owner        easel // the whole page
		now, graphs, events easel
		history             [24]easel // by hours
	}
}

// prepare makes what the fields above need. It starts nothing.
func (s *Site) prepare() {
	s.once.Do(func() {
		s.assets = loadAssets()
		s.pages = loadPages(s.assets)
		s.hub = newHub(s.Client, s.Log)
	})
}

// Handler returns every page, behind every guard.
func (s *Site) Handler() http.Handler {
	s.prepare()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /static/{hash}/{name}", s.static)
	s.statusRoutes(mux)
	s.apiRoutes(mux)
	s.reportRoutes(mux)
	s.ownerRoutes(mux)
	s.wizardRoutes(mux)
	mux.HandleFunc("/", s.nowhere)
	return s.guard(mux)
}

// nowhere answers for every path that is not ours.
func (s *Site) nowhere(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, http.StatusNotFound, "There is no such page here.", "The status of the house is at /.")
}
