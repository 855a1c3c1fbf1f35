package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// inboxSecret is what opens a channel: nobody gets to see it.
const inboxSecret = "kitchen-sink-4711"

// alertWait is the wait of these tests. All other waits of package alert are in proportion to it.
const alertWait = 3 * time.Second

// alerting is what makes a config tell the Inbox.
const alerting = `
[alert]
wait = "3s"

[[alert.to]]
url = "https://inbox.example:8443/` + inboxSecret + `"
`

// tellingHome is a house of its own whose router tells the Inbox, up and past the time in which a router that has started tells nobody.
func tellingHome(t *testing.T, config string) (*House, *Box, *Inbox) {
	t.Helper()
	home := Default()
	home.Tag = fmt.Sprintf("a%d-", tags.Add(1))
	h, err := Build(t.Context(), home)
	must(t, err)
	t.Cleanup(h.Close)
	inbox, err := h.OpenInbox(8443)
	must(t, err)
	b := h.Boxes[0]
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", b.Log())
		}
	})
	must(t, b.Start(t.Context(), built(t), config))
	await(t, b, "both lines are up", on("fibre"))
	return h, b, inbox
}

// notice is a message that an Inbox has taken.
type notice struct {
	Taken    `json:"-"`
	Title    string            `json:"title"`
	Text     string            `json:"text"`
	ID       string            `json:"id"`
	Resolved bool              `json:"resolved"`
	Fields   map[string]string `json:"fields"`
}

func (n notice) String() string {
	return fmt.Sprintf("%s by %s: %s | %s", n.Time.Format(time.TimeOnly+".0"), n.Line, n.Title, strings.ReplaceAll(n.Text, "\n", " | "))
}

// at is one of its times.
func (n notice) at(t *testing.T, field string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, n.Fields[field])
	if err != nil {
		t.Errorf("%s of %s: %v", field, n, err)
	}
	return at
}

// notices waits for so many messages, with a limit that only a fault takes.
func notices(t *testing.T, inbox *Inbox, count int) []notice {
	t.Helper()
	const limit = 40 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	taken, err := inbox.Await(ctx, "/"+inboxSecret, count)
	all := opened(t, taken)
	if err != nil {
		t.Fatalf("%v: %v", err, all)
	}
	return all
}

func opened(t *testing.T, taken []Taken) []notice {
	t.Helper()
	var all []notice
	for _, one := range taken {
		n := notice{Taken: one}
		if err := json.Unmarshal([]byte(one.Body), &n); err != nil {
			t.Errorf("%s: %v", one, err)
		}
		all = append(all, n)
	}
	return all
}

// onlyThose waits for a while in which another message would have come, and says that none has.
func onlyThose(t *testing.T, inbox *Inbox, count int) {
	t.Helper()
	sleepUntil(time.Now().Add(2 * alertWait))
	if all := opened(t, inbox.Taken("/"+inboxSecret)); len(all) != count {
		t.Errorf("%d messages, want %d: %v", len(all), count, all)
	}
}

// around checks a time that was told against the one at which it was made.
func around(t *testing.T, what string, told, made time.Time) {
	t.Helper()
	const detection = 3 * time.Second // and the seconds that are cut off, on a machine that others share
	if told.Before(made.Add(-time.Second)) || told.After(made.Add(detection)) {
		t.Errorf("%s: told %s, made %s", what, told, made)
	}
}

// incidents are what the API tells of.
func incidents(t *testing.T, b *Box) []router.Incident {
	t.Helper()
	text, err := b.Get(t.Context(), "/api/v1/incidents")
	must(t, err)
	var all []router.Incident
	must(t, json.Unmarshal(text, &all))
	return all
}

// discreet checks that a secret is nowhere but in the configuration: not in the log, in what anybody can ask for, or in the state.
func discreet(t *testing.T, b *Box, secrets ...string) {
	t.Helper()
	texts := map[string]string{"log": b.Log()}
	for _, path := range []string{"status", "events", "incidents", "report", "drills"} {
		text, err := b.Get(t.Context(), "/api/v1/"+path)
		must(t, err)
		texts[path] = string(text)
	}
	files, err := filepath.Glob(filepath.Join(b.State(), "*"))
	must(t, err)
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil && !strings.Contains(name, ".toml") {
			texts[filepath.Base(name)] = string(text)
		}
	}
	for where, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows the secret %q", where, secret)
			}
		}
	}
}

// TestAnOutageIsToldTwice has one real outage told to every kind of channel, by the line that works.
func TestAnOutageIsToldTwice(t *testing.T) {
	t.Parallel()
	const rest = `
[[alert.to]]
url = "smtp://mail.example:2525/?from=router@house.example&to=owner@house.example"

[[alert.to]]
url = "mqtt://twinpath:mosquitoes-bite@192.168.1.100:1883/house"
`
	h, b, inbox := tellingHome(t, quick()+alerting+rest)
	mails, err := h.OpenMailbox(t.Context())
	must(t, err)
	broker, err := h.OpenBroker(t.Context(), h.Devices[0])
	must(t, err)

	cut := time.Now()
	must(t, h.Blackhole("fibre", Beyond))
	first := notices(t, inbox, 1)[0]
	if first.Line != "lte" || first.Fields["cause"] != "wan" || first.Fields["wan"] != "fibre" || first.Resolved || !strings.Contains(first.Title, "fibre is down") {
		t.Errorf("the first: %s %v", first, first.Fields)
	}
	if wait := first.Time.Sub(cut); wait < alertWait {
		t.Errorf("told %s after the cut, before the wait of %s", wait, alertWait)
	}
	around(t, "start", first.at(t, "start"), cut)
	healed := time.Now()
	must(t, h.Heal("fibre"))
	last := notices(t, inbox, 2)[1]
	if last.Line != "fibre" || !last.Resolved || last.ID != first.ID || !strings.Contains(last.Text, "lte") {
		t.Errorf("the last: %s %v", last, last.Fields)
	}
	around(t, "start", last.at(t, "start"), cut)
	around(t, "end", last.at(t, "end"), healed)
	onlyThose(t, inbox, 2)
	mailed(t, mails, first, last)
	published(t, broker)
	discreet(t, b, inboxSecret, BrokerPassword)
	t.Logf("\n%s\n%s", first, last)
}

// mailed checks that the mails say the same, by the same lines, as one conversation.
func mailed(t *testing.T, mails *Mailbox, first, last notice) {
	t.Helper()
	all, err := mails.Mails()
	if err != nil || len(all) != 2 {
		t.Fatalf("%d mails, %v", len(all), err)
	}
	thread := all[0].Header.Get("References") // a mail reader shows what has the same as one conversation
	if all[0].Line != first.Line || all[1].Line != last.Line || all[0].Subject != first.Title || all[1].Subject != last.Title ||
		thread == "" || all[1].Header.Get("References") != thread {
		t.Errorf("mails: %+v", all)
	}
}

// published checks what the broker in the house got.
func published(t *testing.T, broker *Broker) {
	t.Helper()
	said := broker.Read("house/message")
	if len(said) != 2 || !strings.Contains(said[0], "fibre is down") || !strings.Contains(said[1], "fibre is back") {
		t.Errorf("messages at the broker: %q", said)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the broker came after the router: it is tried again and again
	defer cancel()
	for _, topic := range []string{"homeassistant/", "house/main/state"} {
		if _, err := broker.Await(ctx, topic, 1); err != nil {
			t.Errorf("home automation: %v", err)
		}
	}
}

func TestABlipIsNotTold(t *testing.T) {
	t.Parallel()
	h, b, inbox := tellingHome(t, quick()+alerting)
	sleepUntil(time.Now().Add(2 * alertWait)) // from now on it would tell at once
	must(t, h.Blackhole("fibre", Beyond))
	await(t, b, "the house is on lte", carriedBy("lte"))
	must(t, h.Heal("fibre"))
	await(t, b, "the house is back", on("fibre"))
	onlyThose(t, inbox, 0)
	if all := incidents(t, b); len(all) == 0 {
		t.Error("and nobody remembers it")
	}
}

// TestBothDownIsToldAfter has no line for longer than the wait: nothing can be sent, and then it is one message.
func TestBothDownIsToldAfter(t *testing.T) {
	t.Parallel()
	long := 4 * alertWait
	if os.Getenv("LAB_STORM") != "" {
		long = 10 * time.Minute
	}
	h, b, inbox := tellingHome(t, quick()+alerting)
	sleepUntil(time.Now().Add(2 * alertWait))
	began := time.Now()
	must(t, h.Blackhole("fibre", Beyond))
	must(t, h.Blackhole("lte", Beyond))
	await(t, b, "no line works", func(s Status) bool { return s.Verdict == "offline" })
	sleepUntil(began.Add(long))
	if all := inbox.Taken("/"); len(all) > 0 {
		t.Fatalf("over dead lines: %v", all)
	}
	ended := time.Now()
	must(t, h.Heal("fibre"))
	must(t, h.Heal("lte"))
	n := notices(t, inbox, 1)[0]
	if n.Fields["cause"] != "offline" || !n.Resolved {
		t.Errorf("%s %v", n, n.Fields)
	}
	around(t, "start", n.at(t, "start"), began)
	around(t, "end", n.at(t, "end"), ended)
	onlyThose(t, inbox, 1)
	t.Logf("after %s offline:\n%s", ended.Sub(began).Round(time.Second), n)
}

// TestAQueuedMessageOutlivesTheRouter cuts the power while a message waits for a line.
func TestAQueuedMessageOutlivesTheRouter(t *testing.T) {
	t.Parallel()
	h, b, inbox := tellingHome(t, quick()+alerting)
	sleepUntil(time.Now().Add(2 * alertWait))
	must(t, h.Blackhole("fibre", Beyond))
	must(t, h.Blackhole("lte", Beyond))
	await(t, b, "a message waits", func(s Status) bool { return s.Alerts.Waiting > 0 })
	must(t, h.PowerOff("main"))
	must(t, h.PowerOn("main"))
	must(t, b.Restart(t.Context()))
	sleepUntil(time.Now().Add(alertWait))
	must(t, h.Heal("fibre"))
	must(t, h.Heal("lte"))
	n := notices(t, inbox, 1)[0]
	if !strings.Contains(n.Title+n.Text, "no Internet") && !strings.Contains(n.Title+n.Text, "Internet is back") {
		t.Errorf("%s", n)
	}
	sleepUntil(time.Now().Add(3 * alertWait))
	var offline []notice
	for _, n := range opened(t, inbox.Taken("/"+inboxSecret)) {
		t.Log(n)
		if n.Fields["cause"] == "offline" {
			offline = append(offline, n)
		}
	}
	if len(offline) != 1 {
		t.Errorf("%d messages of the outage, want one: %v", len(offline), offline)
	}
}

// TestAStormIsFewMessages pulls and plugs a cable again and again; with LAB_STORM=1 a hundred times in ten minutes.
func TestAStormIsFewMessages(t *testing.T) {
	t.Parallel()
	times, period, wait, config := 12, 1500*time.Millisecond, alertWait, quick()+alerting
	if os.Getenv("LAB_STORM") != "" {
		times, period, wait = 50, 12*time.Second, time.Minute // each is two switches; the wait is Twinpath's default
		config = strings.Replace(config, "wait = \"3s\"\n", "", 1)
	}
	h, b, inbox := tellingHome(t, config)
	sleepUntil(time.Now().Add(2 * wait))
	next := time.Now()
	for range times {
		must(t, h.Cut("main", "fibre"))
		next = next.Add(period / 2)
		sleepUntil(next)
		must(t, h.Plug("main", "fibre"))
		next = next.Add(period / 2)
		sleepUntil(next)
	}
	sleepUntil(time.Now().Add(3 * wait))
	all := opened(t, inbox.Taken("/"+inboxSecret))
	unstable := false
	for _, n := range all {
		unstable = unstable || n.Fields["cause"] == "unstable"
		t.Log(n)
	}
	if len(all) == 0 || len(all) > 4 || !unstable {
		t.Errorf("%d messages of %d switches, unstable told: %t", len(all), 2*times, unstable)
	}
	switches := 0
	for _, e := range history(t, b, time.Time{}) {
		if e.Kind == "switch" {
			switches++
		}
	}
	t.Logf("%d cuts, %d switches of the house, %d messages", times, switches, len(all))
}

// TestHeartbeatsStopWithTheirLine has somebody outside watch the router and both lines.
func TestHeartbeatsStopWithTheirLine(t *testing.T) {
	t.Parallel()
	config := strings.NewReplacer(
		"name      = \"fibre\"\n", "name      = \"fibre\"\nheartbeat = \"https://inbox.example:8443/fibre-pulse-4711\"\n",
		"name      = \"lte\"\n", "name      = \"lte\"\nheartbeat = \"https://inbox.example:8443/lte-pulse-4711\"\n").Replace(quick()) + `
[alert]
heartbeat       = "https://inbox.example:8443/house-pulse-4711"
heartbeat_every = "1m"
`
	h, b, inbox := tellingHome(t, config)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	for _, what := range []string{"fibre", "lte", "house"} {
		if _, err := inbox.Await(ctx, "/"+what+"-pulse", 1); err != nil {
			t.Fatal(err)
		}
	}
	must(t, h.Blackhole("lte", Beyond))
	await(t, b, "lte is down", func(s Status) bool { return s.state("lte") == "down" })
	for _, what := range []string{"fibre", "house"} {
		if _, err := inbox.Await(ctx, "/"+what+"-pulse", 2); err != nil {
			t.Fatal(err)
		}
	}
	sleepUntil(inbox.Taken("/fibre")[0].Time.Add(time.Minute + 3*time.Second)) // longer than between any two
	if all := inbox.Taken("/lte"); len(all) != 1 {
		t.Errorf("the dead line's: %v", all)
	}
	must(t, h.Heal("lte"))
	if _, err := inbox.Await(ctx, "/lte-pulse", 2); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"fibre", "lte"} {
		for _, one := range inbox.Taken("/" + line) {
			if one.Line != line {
				t.Errorf("%s, not by its own line", one)
			}
		}
	}
	discreet(t, b, "pulse-4711")
}
