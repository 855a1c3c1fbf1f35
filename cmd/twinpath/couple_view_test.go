package main

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	twin "github.com/twinpath/twinpath/pair"
	"github.com/twinpath/twinpath/pair/link"
	"github.com/twinpath/twinpath/router"
)

// mail is what a topic has sent.
type mail struct {
	mu   sync.Mutex
	sent []link.Kind
	last map[link.Kind][]byte
}

func (m *mail) send(kind link.Kind, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last == nil {
		m.last = map[link.Kind][]byte{}
	}
	m.sent, m.last[kind] = append(m.sent, kind), body
}

func (m *mail) take() []link.Kind {
	m.mu.Lock()
	defer m.mu.Unlock()
	sent := m.sent
	m.sent = nil
	return sent
}

func pairedWith(domain string) *router.Config {
	return &router.Config{
		Name: "main", LAN: router.LAN{Address: netip.MustParsePrefix("192.168.1.2/24"), DNS: router.DNSServer{Domain: domain}},
		Pair: router.Pair{Peer: netip.MustParseAddr("192.168.1.3"), Secret: "0123456789abcdef"},
	}
}

func TestWhatTheTwoShowEachOther(t *testing.T) {
	cfg := pairedWith("home.arpa")
	var told []router.Fact
	s := &sights{
		watch:  twin.NewWatch(func() *router.Snapshot { return new(router.Snapshot) }, func(router.PeerSeen) {}, slog.New(slog.DiscardHandler)),
		config: func() *router.Config { return cfg }, tell: func(f router.Fact) { told = append(told, f) }, log: slog.New(slog.DiscardHandler),
	}
	var m mail
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	snapshot := &router.Snapshot{Router: "main", Sentence: "Internet works, on fibre."}
	s.Look(now, snapshot)
	s.Up(link.Session{}, m.send)
	s.Look(now, snapshot)
	if got := m.take(); !slices.Equal(got, []link.Kind{link.Digest, link.View}) {
		t.Errorf("at first it sends %v", got)
	}
	s.Look(now.Add(100*time.Millisecond), snapshot)
	if got := m.take(); len(got) > 0 {
		t.Errorf("nothing has changed, and it sends %v", got)
	}
	snapshot = &router.Snapshot{Router: "main", Sentence: "No Internet."}
	s.Look(now.Add(2*time.Second), snapshot)
	if got := m.take(); !slices.Equal(got, []link.Kind{link.View}) || !strings.Contains(string(m.last[link.View]), "No Internet.") {
		t.Errorf("on news it sends %v", got)
	}

	other := pairedWith("lan")
	other.Name, other.LAN.Address, other.Pair.Peer = "backup", netip.MustParsePrefix("192.168.1.3/24"), netip.MustParseAddr("192.168.1.2")
	text, err := json.Marshal(twin.DigestOf(*other, version))
	if err != nil {
		t.Fatal(err)
	}
	s.Hear(now, link.Digest, text)
	differ := func() []string { return told[len(told)-1].(router.DifferencesSeen).Sentences }
	if got := differ(); len(got) != 1 || !strings.HasPrefix(got[0], "[lan] dns") {
		t.Errorf("differences %q", got)
	}
	cfg = pairedWith("lan")
	s.Look(now.Add(2100*time.Millisecond), snapshot)
	if got := m.take(); !slices.Equal(got, []link.Kind{link.Digest}) || len(differ()) != 0 {
		t.Errorf("with another configuration it sends %v and finds %q", got, differ())
	}
	s.Hear(now, link.Digest, []byte("{"))
	s.Hear(now, link.View, []byte("{"))
	s.Hear(now, link.Flows, nil)
	s.Down()
	count := len(told)
	s.Look(now.Add(time.Hour), snapshot)
	if got := m.take(); len(got) > 0 {
		t.Errorf("without a link it sends %v", got)
	}
	if s.Down(); len(told) != count {
		t.Error("what does not fit together is forgotten with the link")
	}
	cfg = new(router.Config)
	if s.Down(); len(told) != count+1 {
		t.Error("what does not fit together is known when there is no pair any more")
	}
}

// archive is a store of incidents.
type archive struct {
	mu  sync.Mutex
	all []router.Incident
	put chan router.Incident
}

func (a *archive) keep(i router.Incident) { a.put <- i }

func (a *archive) read(time.Time, time.Time) ([]router.Incident, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all), nil
}

func TestWhatTheTwoTellEachOtherOfThePast(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	old := router.Incident{ID: "main-1", Router: "main", Start: at}
	theirs := router.Incident{ID: "backup-1", Router: "backup", Elsewhere: true, Start: at, Lasted: router.Seconds(time.Minute)}
	store := &archive{all: []router.Incident{old, theirs}, put: make(chan router.Incident, 10)}
	c := &chronicle{keep: store.keep, read: store.read, log: slog.New(slog.DiscardHandler)}
	posts := make(chan []byte, 10)
	send := func(_ link.Kind, body []byte) { posts <- body }
	session := link.Session{Partner: link.Greeting{Router: "backup", Instance: "x"}}
	c.Told(old)
	c.Up(session, send)
	p, err := twin.ReadPast(<-posts, "main")
	if err != nil || !p.All || len(p.Incidents) != 1 || p.Incidents[0].ID != "main-1" || !slices.Equal(p.Open, []string{"main-1"}) {
		t.Errorf("the first word: %+v, %v", p, err)
	}
	c.Told(router.Incident{ID: "main-2", Start: at})
	if p, _ := twin.ReadPast(<-posts, "main"); p.All || len(p.Incidents) != 1 || p.Incidents[0].ID != "main-2" {
		t.Errorf("news: %+v", p)
	}
	c.Down()
	for n := range 30 {
		c.Told(router.Incident{ID: "main-3", Start: at.Add(time.Duration(n) * time.Second)})
	}
	c.Up(session, send)
	if p, _ := twin.ReadPast(<-posts, "main"); p.All || len(p.Incidents) != 1 || !p.Incidents[0].Start.Equal(at.Add(29*time.Second)) {
		t.Errorf("after a while without a link: %+v", p)
	}

	word, err := twin.WritePast(twin.Past{All: true, Open: []string{"backup-2"}, Incidents: []router.Incident{{ID: "backup-2", Start: at, Sentence: "lte is down."}}})
	if err != nil {
		t.Fatal(err)
	}
	c.Hear(at, link.Incidents, word)
	if i := <-store.put; i.ID != "backup-2" || i.Router != "backup" || !i.Elsewhere || !i.Open() {
		t.Errorf("kept: %+v", i)
	}
	if i := <-store.put; i.ID != "backup-1" || i.Open() || !i.Cut || !i.End.Equal(at.Add(time.Minute)) {
		t.Errorf("what the other router does not know any more: %+v", i)
	}
	c.Hear(at, link.Incidents, []byte("{"))
	c.Hear(at, link.Flows, word)
	if len(store.put) > 0 {
		t.Error("something else is kept")
	}
}

func TestWhereTheOtherRouterIsAbroad(t *testing.T) {
	wans := []router.PartnerWAN{
		{Name: "lte", Kind: "dhcp", Address: "192.0.2.7", IPv6: &router.IPv6View{Address: "2001:db8::7"}},
		{Name: "main", Kind: "peer", Address: "192.168.1.2"}, {Name: "dsl", Kind: "pppoe"},
	}
	want := []twin.Way{{Line: "lte", Address: netip.MustParseAddr("192.0.2.7")}, {Line: "lte", Address: netip.MustParseAddr("2001:db8::7")}}
	if got := waysOf(wans); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	s := &router.Snapshot{Router: "main", Side: router.Side{Serves: 1}, Pair: &router.PairView{Router: "backup", Gone: true},
		VRRP: []router.VRRPSnapshot{{Addresses: []string{"10.9.9.1/24"}}, {Addresses: []string{"fe80::51/64", "192.168.1.1/24"}}},
		WANs: []router.WANSnapshot{{Name: "fibre", State: "up", Address: "198.51.100.7", Way: router.Link{Name: "wan0"}, Mark: 0x100}, {Name: "old", State: "down", Address: "198.51.100.8", Way: router.Link{Name: "wan1"}}}}
	cfg := pairedWith("lan")
	cfg.Pair.Port = 61112
	a := &abroad{view: func() (*router.Snapshot, <-chan struct{}) { return s, nil }, config: func() *router.Config { return cfg }, theirs: want}
	st := a.stand()
	if !st.Silent || st.State != "active" || st.House != "192.168.1.1" || len(st.Ours) != 1 || st.Ours[0].Device != "wan0" || st.Ours[0].Mark != own(0x100) || len(st.Theirs) != 2 {
		t.Errorf("%+v", st)
	}
	for name, change := range map[string]func(){
		"linked":   func() { s.Pair.Gone, s.Pair.Linked = false, true },
		"answers":  func() { s.Pair.Gone, s.Pair.Connected = false, true },
		"no pair":  func() { s.Pair = nil },
		"unpaired": func() { cfg = new(router.Config) },
	} {
		before, beforeConfig := *s, cfg
		if s.Pair != nil {
			view := *s.Pair
			s.Pair = &view
		}
		if change(); a.stand().Silent {
			t.Errorf("%s: it looks for the other router abroad", name)
		}
		*s, cfg = before, beforeConfig
	}
}

// While the two are not linked anybody in the house may answer in the other router's name: where its lines are is not learned from its page.
func TestWhereTheOtherRouterIsIsLearnedOverTheLinkAlone(t *testing.T) {
	cfg := pairedWith("lan")
	a := &abroad{view: func() (*router.Snapshot, <-chan struct{}) { return nil, nil }, config: func() *router.Config { return cfg }, silent: true}
	a.Second = twin.NewSecond(a.stand, openAbroad, func(router.SecondSeen) {}, slog.New(slog.DiscardHandler))
	a.Look(time.Now(), &router.Snapshot{Pair: &router.PairView{Connected: true, WANs: []router.PartnerWAN{{Name: "lte", Kind: "dhcp", Address: "192.0.2.66"}}}})
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.theirs != nil {
		t.Errorf("it believes a page that the lines are at %+v", a.theirs)
	}
}
