package site

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

const (
	// biggest is the largest body taken: a configuration is a thousandth of it.
	biggest = 1 << 20
	// small is the size from which a body counts as large, and most of those are held at a time: no page needs two, and who
	// fills every connection with them would fill the memory.
	small     = 64 << 10
	mostLarge = 8
	// longestPath is more than any page of ours has.
	longestPath = 512
	// patience is how long a request may take to arrive, and each piece of an answer to be taken: a phone at the far end of
	// the garden needs two seconds.
	patience = 10 * time.Second
)

// guard is everything a request has to pass, from the outside in.
func (s *Site) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusForbidden, "Another site has sent this request.", "Open this page by its own address, and try again there.")
	}))
	inner := s.method(s.plainPath(cross.Handler(s.encrypted(s.bounded(s.whole(next))))))
	return headers(s.named(inner))
}

// headers are those of every answer, be it an error. Nothing may be loaded from elsewhere, nobody may frame the page, and
// no cache keeps it.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy(""))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: with that the browser calls the origin of our own forms null, which over HTTP is all that tells
		// them from another site's (Chromium 156, 2026-11-21).
		h.Set("Referrer-Policy", "same-origin")
		if r.TLS != nil { // else the browser ignores it, and says so in the console
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// policy is the Content-Security-Policy. Reach are the other origins that a script of ours may ask, if any.
func policy(reach string) string {
	connect := strings.TrimSpace("connect-src 'self' " + reach)
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; " + connect +
		"; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// named refuses requests that call this box by a name that is not its own. A foreign web site can make a name of its own
// lead here (DNS rebinding); the browser then takes the two for one.
func (s *Site) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == "":
			s.fail(w, r, http.StatusBadRequest, "The request does not say whom it is for.", "")
		case !s.calledBy(r):
			s.fail(w, r, http.StatusMisdirectedRequest, "This router is not called that.", s.callIt(r))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Site) calledBy(r *http.Request) bool {
	name := hostOf(r.Host)
	if address, err := netip.ParseAddr(name); err == nil {
		return address.Unmap().WithZone("") == localAddr(r)
	}
	return slices.ContainsFunc(s.ownNames(), func(own string) bool { return own == name })
}

// ownNames are those that the page may be called by, in lower case and without a dot at the end.
func (s *Site) ownNames() []string {
	settings := s.hub.settings()
	var all []string
	for _, name := range append([]string{settings.Router}, settings.Names...) {
		if name = strings.TrimSuffix(strings.ToLower(name), "."); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// callIt names what would have worked.
func (s *Site) callIt(r *http.Request) string {
	ways := s.ownNames()
	if at := localAddr(r); at.IsValid() {
		ways = append([]string{urlHost(at)}, ways...)
	}
	return "Call it " + strings.Join(ways, " or ") + ". More names go into [web] names of the configuration."
}

// hostOf is the name in a Host header: without the port, the brackets, the zone and the last dot, in lower case.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	host, _, _ = strings.Cut(host, "%")
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// urlHost is an address as it stands in a URL.
func urlHost(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.WithZone("").String() + "]"
	}
	return a.String()
}

// localAddr is the address at which the browser reached this box; zero where there is no connection.
func localAddr(r *http.Request) netip.Addr {
	at, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return addrOf(at)
}

// remoteAddr is the browser's address.
func remoteAddr(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

func (s *Site) method(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodPost:
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			s.fail(w, r, http.StatusMethodNotAllowed, "This page knows GET and POST only.", "")
		}
	})
}

// plainPath takes paths that say what they mean. Everything else is nowhere: no redirect to a cleaned one, which could name another host.
func (s *Site) plainPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.Path
		switch {
		case len(r.RequestURI) > 4*longestPath, len(p) > longestPath:
			s.fail(w, r, http.StatusRequestURITooLong, "This address is longer than any page here.", "")
		case r.URL.RawPath != "", r.URL.Scheme != "" && r.URL.Host == "", p != path.Clean(p), strings.ContainsAny(p, "\\;\x00"):
			s.nowhere(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// encrypted leads to TLS what has to do with the password, where there is TLS. Looking needs none.
func (s *Site) encrypted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		settings := s.hub.settings()
		if !settings.TLS || r.TLS != nil || forEverybody(r) {
			next.ServeHTTP(w, r)
			return
		}
		to := secureURL(settings.URLs, r)
		if to == "" || r.Method == http.MethodPost {
			s.fail(w, r, http.StatusForbidden, "Passwords are taken over TLS only.", "Open this page with https:// in front of its address.")
			return
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	})
}

// forEverybody reports whether a request only looks, so that no password or session is needed.
func forEverybody(r *http.Request) bool {
	switch r.URL.Path {
	case "/", "/part", "/graphs", "/report", "/here", "/metrics", "/whoami", "/healthz",
		"/api/v1/status", "/api/v1/stream", "/api/v1/events", "/api/v1/history",
		"/api/v1/incidents", "/api/v1/report", "/api/v1/drills":
		return true
	case "/api/v1/pair/offer": // sealed; the code opens it
		return r.Method != http.MethodPost
	case "/api/v1/pair/letters", "/api/v1/pair/leases": // sealed, too
		return true
	}
	return strings.HasPrefix(r.URL.Path, "/static/")
}

// secureURL is the same page over TLS, at the host that was called, whose name has been checked.
func secureURL(urls []string, r *http.Request) string {
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" {
			continue
		}
		name := hostOf(r.Host)
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		if port := u.Port(); port != "" && port != "443" {
			name += ":" + port
		}
		return (&url.URL{Scheme: "https", Host: name, Path: r.URL.Path, RawQuery: r.URL.RawQuery}).String()
	}
	return ""
}

// bounded takes bodies that the memory has room for.
func (s *Site) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > biggest {
			s.tooLarge(w, r)
			return
		}
		if r.ContentLength < 0 || r.ContentLength > small {
			defer s.large.Add(-1)
			if s.large.Add(1) > mostLarge {
				w.Header().Set("Connection", "close")
				w.Header().Set("Retry-After", "5")
				s.fail(w, r, http.StatusServiceUnavailable, "Too much arrives at once.", "Try again in a few seconds.")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// whole reads the body before anybody works on the request: a slow one costs a connection for ten seconds, and nothing else.
func (s *Site) whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := http.NewResponseController(w)
		if r.ContentLength != 0 {
			_ = out.SetReadDeadline(time.Now().Add(patience)) // a recorder in a test has none
			text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, biggest))
			var large *http.MaxBytesError
			switch {
			case errors.As(err, &large):
				s.tooLarge(w, r)
				return
			case err != nil:
				w.Header().Set("Connection", "close")
				s.fail(w, r, http.StatusRequestTimeout, "The request did not arrive as a whole.", "Try again.")
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(text))
		}
		_ = out.SetWriteDeadline(time.Now().Add(patience))
		s.crowd.work(r.Context())
		next.ServeHTTP(w, r)
	})
}

func (s *Site) tooLarge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	s.fail(w, r, http.StatusRequestEntityTooLarge, "This is more than the router takes.", "A configuration may have 1 MiB.")
}
