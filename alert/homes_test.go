package alert

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinpath/twinpath/alert/channel"
	"github.com/twinpath/twinpath/router"
)

func TestFactsOfASnapshot(t *testing.T) {
	s := &router.Snapshot{Router: "main", Version: "1", Verdict: router.VerdictBackup, Sentence: "On the backup.", WANs: []router.WANSnapshot{
		{Name: "fibre", State: "down", RTT: router.Milliseconds(8 * time.Millisecond), Loss: 1},
		{Name: "lte", State: "up", Active: true, RTT: router.Milliseconds(40 * time.Millisecond), Budget: &router.BudgetView{Used: router.Used{Month: 7}}},
		{Name: "dsl", State: "unknown", Active: true},
	}}
	rtt, all, none, used := 40*time.Millisecond, 1.0, 0.0, uint64(7)
	want := channel.Facts{Router: "main", Version: "1", Verdict: "backup", Sentence: "On the backup.", Active: "lte, dsl", Lines: []channel.Line{
		{Name: "fibre", State: "down", Loss: &all}, {Name: "lte", State: "up", RTT: &rtt, Loss: &none, Used: &used}, {Name: "dsl", State: "unknown"},
	}}
	if got := factsOf(s); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// quiet is a router of which nothing is new.
type quiet struct{}

func (quiet) Snapshot() (*router.Snapshot, <-chan struct{}) {
	return &router.Snapshot{Router: "main"}, make(chan struct{})
}

func TestEachBrokerHasAHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := map[string]int{}
		way := channel.Way{Name: "fibre", Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[address]++
			return nil, errors.New("no route to host")
		}}
		dialed := func() map[string]int {
			mu.Lock()
			defer mu.Unlock()
			was := asked
			asked = map[string]int{}
			return was
		}
		var log strings.Builder
		h := NewHomes(quiet{}, func() []channel.Way { return []channel.Way{way} }, slog.New(slog.NewTextHandler(&log, nil)))
		one := router.AlertTo{URL: "mqtts://me:s3cr3tPassword@one.example/x"}
		h.Use(router.Config{Alert: router.Alert{To: []router.AlertTo{one, {URL: "ntfy://ntfy.sh/x"}, {URL: "mqtt://two.example/x"}}}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := dialed(); len(got) != 2 || got["one.example:8883"] < 15 || got["one.example:8883"] > 25 || got["two.example:1883"] < 15 {
			t.Errorf("in an hour: %v", got)
		}
		h.Use(router.Config{Alert: router.Alert{To: []router.AlertTo{one}}})
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := dialed(); len(got) != 1 || got["one.example:8883"] < 10 {
			t.Errorf("of one: %v", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if strings.Count(log.String(), "one.example") != 1 || strings.Contains(log.String(), "s3cr3t") {
			t.Errorf("%s", log.String())
		}
	})
}
