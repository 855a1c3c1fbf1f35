package main

import (
	"context"
	"time"

	"github.com/twinpath/twinpath/alert"
	twin "github.com/twinpath/twinpath/pair"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
	"github.com/twinpath/twinpath/web"
)

// tellers are the daemon's parts that tell people, and each other, beside the page.
type tellers struct {
	desk   *alert.Desk
	hearts *alert.Hearts
	homes  *alert.Homes
	watch  *twin.Watch // of the other router
	post   *twin.Post  // to and from it
}

func (h *household) newTellers() *tellers {
	t := &tellers{hearts: alert.NewHearts(h.ways, h.log), homes: alert.NewHomes(h.router, h.ways, h.log)}
	t.post = twin.NewPost(twin.Letters, func(letters []byte) ([]byte, error) { return t.desk.Receive(letters) })
	t.watch = twin.NewWatch(
		func() *router.Snapshot { s, _ := h.router.Snapshot(); return s },
		func(f router.PeerSeen) { h.router.Tell(f) }, h.log)
	t.desk = alert.New(alert.Ports{
		Source: h.router, Shelf: letters{h.store.Shelf("letters")}, Ways: h.ways, Send: send, Peer: t.post,
		Tell: func(v router.AlertsView) { h.router.Tell(router.AlertsSeen{View: v}) }, Now: time.Now, Log: h.log,
	})
	return t
}

// Use takes a configuration over. It never blocks.
func (t *tellers) Use(cfg router.Config) {
	t.desk.Use(cfg)
	t.hearts.Use(cfg)
	t.homes.Use(cfg)
	t.watch.Use(cfg.Pair.Peer)
	t.post.Use(cfg.Pair.Peer, cfg.Pair.Secret)
}

// test sends a message to each configured channel.
func (t *tellers) test(ctx context.Context) []web.TestedChannel {
	tested := []web.TestedChannel{}
	for _, r := range t.desk.Test(ctx) {
		one := web.TestedChannel{Name: r.Name}
		if r.Err != nil {
			one.Error = r.Err.Error()
		}
		tested = append(tested, one)
	}
	return tested
}

// letters is where messages are kept that nobody has taken yet.
type letters struct{ *store.Shelf }

// All implements alert.Shelf.
func (l letters) All() ([]alert.Item, error) {
	items, err := l.Shelf.All()
	var all []alert.Item
	for _, i := range items {
		all = append(all, alert.Item{Key: i.Key, Value: i.Value})
	}
	return all, err
}
