package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/twinpath/twinpath/ddns"
	"github.com/twinpath/twinpath/internal/road"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/store"
)

// newRegistrar keeps the configured names leading to the house.
func (h *household) newRegistrar() *ddns.Registrar {
	return ddns.New(ddns.Ports{
		View: h.router.Snapshot, Tell: ddns.Inadyn, Record: h.record, Log: h.log, Shelf: nameShelf{h.store.Shelf("ddns")},
		Show: func(f router.NamesSeen) { h.router.Tell(f) },
		Public: func(ctx context.Context, wan string) (netip.Addr, error) {
			s, _ := h.router.Snapshot()
			i := slices.IndexFunc(s.WANs, func(w router.WANSnapshot) bool { return w.Name == wan })
			if i < 0 {
				return netip.Addr{}, fmt.Errorf("there is no line %s", wan)
			}
			return publicAddress(ctx, road.Of(s.WANs[i], h.page.Config()), mirrors())
		},
	})
}

// mirrors say to whoever asks what address he asks from, by IPv4. They are only asked where the line's own address is not the Internet's.
func mirrors() []string { return []string{"https://api.ipify.org", "https://ipv4.icanhazip.com"} }

// publicAddress asks the mirrors in turn, over one line.
func publicAddress(ctx context.Context, by road.Road, mirrors []string) (a netip.Addr, err error) {
	const patience = 10 * time.Second
	transport := &http.Transport{DialContext: by.Dial, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: patience}
	for _, url := range mirrors {
		if a, err = reflection(ctx, client, url); err == nil {
			return a, nil
		}
	}
	return netip.Addr{}, err
}

func reflection(ctx context.Context, client *http.Client, url string) (netip.Addr, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return netip.Addr{}, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return netip.Addr{}, err
	}
	defer answer.Body.Close()
	const longest = 64 // of an address, with room for a line end
	text, err := io.ReadAll(io.LimitReader(answer.Body, longest))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", answer.Status)
	}
	if err != nil {
		return netip.Addr{}, fmt.Errorf("ask %s: %w", url, err)
	}
	a, err := netip.ParseAddr(strings.TrimSpace(string(text)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("ask %s: %w", url, err)
	}
	return a, nil
}

// nameShelf is where the addresses are kept that providers were told.
type nameShelf struct{ *store.Shelf }

// Get implements ddns.Shelf.
func (s nameShelf) Get(key string) ([]byte, error) {
	items, err := s.All()
	for _, i := range items {
		if i.Key == key {
			return i.Value, nil
		}
	}
	return nil, err
}
