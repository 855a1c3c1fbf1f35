package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Status is what the lab reads of a daemon's snapshot (GET /api/v1/status), as any other program would.
type Status struct {
	Router   string      `json:"router"`
	Sentence string      `json:"sentence"`
	Verdict  string      `json:"verdict"`
	WANs     []WANStatus `json:"wans"`
	VRRP     []Election  `json:"vrrp"`
	Alerts   struct {
		Sender  bool `json:"sender"`
		Waiting int  `json:"waiting"` // messages that no line could take yet
	} `json:"alerts"`
	Pair Partner `json:"pair"`
}

// Partner is how a router sees the other one of its pair, as a Status has it.
type Partner struct {
	Connected       bool   `json:"connected"`
	Linked          bool   `json:"linked"`
	LinkReason      string `json:"link_reason"`
	Phase           string `json:"phase"` // of the hand-over: none, ready, learns, keeps
	FlowsHandedOver int    `json:"flows_handed_over"`
	Left            int    `json:"left"`
}

// Election is one virtual router's election in one family, as a Status has it.
type Election struct {
	Name         string   `json:"name"`
	Family       string   `json:"family"`
	State        string   `json:"state"`
	Priority     int      `json:"priority"`
	ActiveRouter string   `json:"active_router"`
	Addresses    []string `json:"addresses"`
	Reason       string   `json:"reason"`
}

// WANStatus is one line of a Status.
type WANStatus struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	Active  bool   `json:"active"`
	Lost    int    `json:"lost"`
	Address string `json:"address"`
	Device  string `json:"device"`
	MTU     int    `json:"mtu"`
	Reason  string `json:"reason"`
	// HeldUntil is when a flapping line may carry again; nil while it is not held down.
	HeldUntil *time.Time `json:"held_until,omitempty"`
}

// Active names the line that carries new traffic, or is empty.
func (s Status) Active() string {
	for _, w := range s.WANs {
		if w.Active {
			return w.Name
		}
	}
	return ""
}

// state is a line's state and whether it is being held down, as one word or two.
func (s Status) state(line string) string {
	for _, w := range s.WANs {
		switch {
		case w.Name != line:
		case w.HeldUntil != nil:
			return fmt.Sprintf("%s, held until %s because it flaps", w.State, w.HeldUntil.Local().Format(time.TimeOnly))
		default:
			return w.State
		}
	}
	return "unknown"
}

// All reports whether every line is in a state.
func (s Status) All(state string) bool {
	for _, w := range s.WANs {
		if w.State != state {
			return false
		}
	}
	return len(s.WANs) > 0
}

// Status asks the daemon. A daemon that does not answer within a second is an error.
func (b *Box) Status(ctx context.Context) (Status, error) {
	var s Status
	body, err := b.Get(ctx, "/api/v1/status")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("read status of %s: %w", b.Name, err)
	}
	return s, nil
}

// AwaitStatus asks every 20 ms until the answer is as wanted, and returns that answer.
func (b *Box) AwaitStatus(ctx context.Context, wanted func(Status) bool) (Status, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := b.Status(ctx)
		if err == nil && wanted(s) {
			return s, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return s, fmt.Errorf("wait for %s: %w; last: %q, %v", b.Name, ctx.Err(), s.Sentence, err)
		}
	}
}

// Get reads one path of the daemon's HTTP interface over its unix socket.
func (b *Box) Get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://twinpath"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := b.api.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get %s of %s: %w", path, b.Name, err)
	}
	return readAll(answer)
}

func readAll(answer *http.Response) ([]byte, error) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("get %s: %s", answer.Request.URL.Path, answer.Status)
	}
	return body, err
}
