package channel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Times of a Home, chosen here.
const (
	fresh    = 30 * time.Second // how old what the broker keeps may get
	soonest  = time.Second      // between two connections, at first; doubled each time
	latest   = 5 * time.Minute
	lasted   = time.Minute // a connection that lasted so long was a good one
	goodbyes = time.Second
	worth    = 3 // failures are worth a line in the log: a router that starts has no addresses yet
)

// birth is where Home Assistant says that it has started (home-assistant.io/integrations/mqtt, "birth and last will messages").
const birth = "homeassistant/status"

// Home keeps an MQTT broker told of how the router is, and Home Assistant of what there is to see. Its topics are
//
//	PREFIX/ROUTER/status   "online" or "offline", retained
//	PREFIX/ROUTER/state    the Facts as JSON, retained, at each change and every 30 seconds
//	PREFIX/message         what Channel.Send sends, of both routers of a pair
//
// and Home Assistant's discovery (homeassistant/…/config, retained).
type Home struct {
	channel *Channel
	broker  broker
	facts   func() (Facts, <-chan struct{})
	ways    func() []Way
	log     *slog.Logger
}

// NewHome returns a Home at the broker of a URL that Parse takes. Facts returns how things are, and a channel that is closed when they may have
// changed. Ways are the lines that work, the best one first; a broker in the house needs none.
func NewHome(text string, facts func() (Facts, <-chan struct{}), ways func() []Way, log *slog.Logger) (*Home, error) {
	c, err := Parse(text)
	if err != nil {
		return nil, err
	}
	b, ok := c.service.(broker)
	if !ok {
		return nil, errors.New("not an MQTT broker")
	}
	return &Home{channel: c, broker: b, facts: facts, ways: ways, log: log.With("channel", c.String())}, nil
}

// IsBroker reports whether a URL is one that NewHome takes.
func IsBroker(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "mqtt" || u.Scheme == "mqtts")
}

// Run is connected until ctx ends, and then says that the router is offline.
func (h *Home) Run(ctx context.Context) error {
	h.begin(ctx)
	wait, failed := soonest, 0
	for ctx.Err() == nil {
		if ways := h.lines(); len(ways) > 0 {
			began := time.Now()
			err := h.visit(ctx, ways[0])
			if ctx.Err() != nil {
				return nil
			}
			if time.Since(began) > lasted {
				wait, failed = soonest, 0
			}
			if failed++; failed == worth {
				h.log.Warn("the broker cannot be told", "reason", h.channel.scrub(reason(ctx, err, limit)))
			}
		}
		sleep(ctx, wait+rand.N(wait/4+1))
		wait = min(2*wait, latest)
	}
	return nil
}

// begin waits until there is something to tell: a router without lines would have Home Assistant forget them.
func (h *Home) begin(ctx context.Context) {
	for {
		facts, changed := h.facts()
		if facts.Router != "" {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (h *Home) lines() []Way {
	if h.channel.home {
		return []Way{{}}
	}
	return h.ways()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// visit is one connection, until it breaks or ctx ends.
func (h *Home) visit(ctx context.Context, way Way) error {
	v := &visit{Home: h, shown: map[string]string{}, lost: make(chan error, 1), born: make(chan struct{}, 1), stale: make(chan string, 256)}
	e := h.channel.errand(way)
	facts, _ := h.facts()
	options := mqtt.NewClientOptions().SetClientID(h.id(facts)).SetWill(h.topic(facts)+"/status", "offline", 1, true)
	options.SetConnectionLostHandler(func(_ mqtt.Client, err error) { v.lost <- err })
	// A connection outlives ctx by a good-bye.
	connected, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(goodbyes, cut) })()
	var err error
	v.client, v.hangUp, err = h.broker.connect(connected, e, options)
	if err != nil {
		return err
	}
	defer v.hangUp()
	if err = v.stay(ctx); ctx.Err() != nil {
		v.leave()
	}
	return err
}

// topic is what the topics of a router begin with.
func (h *Home) topic(f Facts) string { return h.broker.prefix + "/" + slug(f.Router) }

// id is the same for the same router and broker: a connection that hangs is replaced by the next.
func (h *Home) id(f Facts) string {
	sum := sha256.Sum256([]byte(f.Router + "\n" + h.broker.prefix))
	return "twinpath-" + hex.EncodeToString(sum[:7]) // 23 letters, which every broker takes (MQTT 3.1.1, §3.1.3.1)
}

// visit is a connection of a Home.
type visit struct {
	*Home
	client mqtt.Client
	hangUp func()
	shown  map[string]string // what Home Assistant has been told, by topic
	lost   chan error
	born   chan struct{} // Home Assistant has started
	stale  chan string   // topics of ours that the broker keeps from earlier
}

// stay tells what there is to tell.
func (v *visit) stay(ctx context.Context) error {
	facts, changed := v.facts()
	if err := v.publish(ctx, v.topic(facts)+"/status", "online"); err != nil {
		return err
	}
	v.subscribe(ctx, facts)
	tick := time.NewTicker(fresh)
	defer tick.Stop()
	told, due := Facts{}, true
	for {
		var err error
		if due || !told.like(facts) {
			err = errors.Join(v.announce(ctx, facts), v.publish(ctx, v.topic(facts)+"/state", facts.state()))
			told, due = facts, false
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-v.lost:
			return err
		case <-tick.C:
			due = true
		case <-v.born:
			clear(v.shown)
			due = true
		case topic := <-v.stale:
			if _, wanted := facts.discovery(v.broker.prefix)[topic]; !wanted {
				v.shown[topic] = "" // announce takes it away
				due = true
			}
		case <-changed:
		}
		facts, changed = v.facts()
	}
}

// leave says good-bye, which the broker would say for us only if the connection broke.
func (v *visit) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyes)
	defer cancel()
	facts, _ := v.facts()
	_ = v.publish(ctx, v.topic(facts)+"/status", "offline")
}

// publish leaves a text with the broker; an empty one takes away what is there (MQTT 3.1.1, §3.3.1.3).
func (v *visit) publish(ctx context.Context, topic, text string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return await(ctx, v.client.Publish(topic, 1, true, text))
}

// subscribe listens for Home Assistant, and for what an earlier run has left of lines that are no more. A broker may have let us write only.
func (v *visit) subscribe(ctx context.Context, f Facts) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	started := v.client.Subscribe(birth, 1, func(_ mqtt.Client, m mqtt.Message) {
		if string(m.Payload()) == "online" && !m.Retained() {
			select {
			case v.born <- struct{}{}:
			default:
			}
		}
	})
	kept := v.client.Subscribe("homeassistant/+/"+f.node()+"/+/config", 1, func(_ mqtt.Client, m mqtt.Message) {
		if m.Retained() && len(m.Payload()) > 0 {
			select {
			case v.stale <- m.Topic():
			default:
			}
		}
	})
	_, _ = await(ctx, started), await(ctx, kept)
}

// announce tells Home Assistant what there is, where it does not know it, and of what is no more.
func (v *visit) announce(ctx context.Context, f Facts) error {
	want := f.discovery(v.broker.prefix)
	for topic := range maps.Clone(v.shown) {
		if _, there := want[topic]; !there {
			if err := v.publish(ctx, topic, ""); err != nil {
				return err
			}
			delete(v.shown, topic)
		}
	}
	for topic, text := range want {
		if v.shown[topic] == text {
			continue
		}
		if err := v.publish(ctx, topic, text); err != nil {
			return err
		}
		v.shown[topic] = text
	}
	return nil
}
