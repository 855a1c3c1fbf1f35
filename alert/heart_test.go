package alert

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

// watch is a service outside, and the lines to it.
type watch struct {
	mu     sync.Mutex
	up     []string // lines, the best one first
	status int
	asked  []string // line and path
	at     []time.Time
	log    strings.Builder
}

// Write implements io.Writer for the log.
func (w *watch) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(text)
}

func (w *watch) ways() []channel.Way {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ways []channel.Way
	for _, name := range w.up {
		ways = append(ways, channel.Way{Name: name, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return w.dial(name)
		}})
	}
	return ways
}

// dial connects to a server for one connection.
func (w *watch) dial(line string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.up, line) {
		return nil, errors.New("network is unreachable")
	}
	ours, theirs := net.Pipe()
	server := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked, w.at = append(w.asked, line+" "+r.URL.Path), append(w.at, time.Now())
		out.WriteHeader(w.status)
	})}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.Serve(&once{conn: theirs}) }()
	return ours, nil
}

// once is a listener for one connection.
type once struct {
	mu   sync.Mutex
	conn net.Conn
}

func (o *once) Accept() (net.Conn, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	conn := o.conn
	o.conn = nil
	if conn == nil {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return new(net.TCPAddr) }

// set changes the world and returns what was asked for before.
func (w *watch) set(status int, up ...string) (asked []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, w.asked, w.at = w.asked, nil, nil
	w.status, w.up = status, up
	return asked
}

// beating runs hearts over two lines, one URL for the router and one for each line.
func beating(t *testing.T, w *watch) *Hearts {
	t.Helper()
	h := NewHearts(w.ways, slog.New(slog.NewTextHandler(w, nil)))
	h.Use(twoHearts)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return h
}

var twoHearts = router.Config{
	Alert: router.Alert{Heartbeat: "http://watch.example/router", Every: 5 * time.Minute},
	WANs:  []router.WANConfig{{Name: "fibre", Heartbeat: "http://watch.example/s3cr3tOne"}, {Name: "lte", Heartbeat: "http://watch.example/s3cr3tTwo"}},
}

func count(asked []string, what string) int {
	n := 0
	for _, a := range asked {
		if a == what {
			n++
		}
	}
	return n
}

func TestHeartsBeatOverTheirLinesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{status: 200, up: []string{"fibre", "lte"}}
		beating(t, w)
		time.Sleep(time.Hour)
		synctest.Wait()
		asked := w.set(200, "lte") // the fibre breaks
		for what, n := range map[string]int{"fibre /router": 12, "fibre /s3cr3tOne": 12, "lte /s3cr3tTwo": 12} {
			if got := count(asked, what); got < n || got > n+2 {
				t.Errorf("%s: %d times in an hour, want about %d", what, got, n)
			}
		}
		if count(asked, "lte /router")+count(asked, "lte /s3cr3tOne")+count(asked, "fibre /s3cr3tTwo") > 0 {
			t.Errorf("over the wrong line: %q", asked)
		}

		time.Sleep(time.Hour)
		synctest.Wait()
		asked = w.set(200) // all break
		if count(asked, "lte /router") < 12 || count(asked, "lte /s3cr3tTwo") < 12 || strings.Contains(strings.Join(asked, " "), "One") {
			t.Errorf("with one line: %q", asked)
		}

		time.Sleep(time.Hour)
		synctest.Wait()
		if asked = w.set(200, "fibre"); len(asked) > 0 {
			t.Errorf("with no line: %q", asked)
		}
		time.Sleep(10 * time.Second) // and the fibre is back
		synctest.Wait()
		if asked = w.set(200); count(asked, "fibre /router") != 1 || count(asked, "fibre /s3cr3tOne") != 1 || len(asked) != 2 {
			t.Errorf("at once: %q", asked)
		}
		if w.log.Len() > 0 {
			t.Errorf("that lines break is told elsewhere: %s", w.log.String())
		}
	})
}

func TestAHeartbeatIsNeverLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{status: 200, up: []string{"fibre"}}
		h := NewHearts(w.ways, slog.New(slog.DiscardHandler))
		h.Use(router.Config{Alert: router.Alert{Heartbeat: "http://watch.example/x"}})
		ctx, stop := context.WithTimeout(t.Context(), 24*time.Hour)
		defer stop()
		_ = h.Run(ctx)
		gaps := map[time.Duration]bool{}
		for n := range w.at[1:] {
			gap := w.at[n+1].Sub(w.at[n])
			gaps[gap] = true
			if gap > 5*time.Minute || gap < 4*time.Minute+29*time.Second {
				t.Errorf("%s between two", gap)
			}
		}
		if len(gaps) < 10 {
			t.Errorf("only %d different pauses in a day", len(gaps))
		}
	})
}

func TestAWatchThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{status: 503, up: []string{"fibre"}}
		h := beating(t, w)
		h.Use(router.Config{WANs: twoHearts.WANs[:1]})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if asked := w.set(503, "fibre"); count(asked, "fibre /s3cr3tOne") != quickTries {
			t.Errorf("%q", asked)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if asked := w.set(200, "fibre"); len(asked) > 5*61 || len(asked) < 3*50 {
			t.Errorf("%d times in an hour", len(asked))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		log := w.log.String()
		if strings.Count(log, "wan=fibre") != 2 || !strings.Contains(log, `reason="it answers 503 Service Unavailable"`) || !strings.Contains(log, "again") || strings.Contains(log, "s3cr3t") {
			t.Errorf("%s", log)
		}
	})
}

func TestAHeartThatStaysBeatsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{status: 200, up: []string{"fibre", "lte"}}
		h := beating(t, w)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w.set(200, "fibre", "lte")
		other := twoHearts
		other.Alert.Heartbeat = "http://watch.example/other"
		h.Use(other)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if asked := w.set(200, "fibre", "lte"); len(asked) != 1 || asked[0] != "fibre /other" {
			t.Errorf("%q", asked)
		}
		h.Use(router.Config{})
		time.Sleep(time.Hour)
		synctest.Wait()
		if asked := w.set(200); len(asked) > 0 {
			t.Errorf("of no configuration: %q", asked)
		}
	})
}
