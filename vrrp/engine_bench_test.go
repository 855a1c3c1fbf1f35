package vrrp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twinpath/twinpath/vrrp/packet"
)

// sink is a kernel whose wire counts what is sent, and is silent.
type sink struct {
	sent    atomic.Int64
	enough  atomic.Int64
	reached chan struct{}
}

func (s *sink) Open(string) (Wire, error)               { return &drain{sink: s, shut: make(chan struct{})}, nil }
func (s *sink) Left() ([]Holding, error)                { return nil, nil }
func (s *sink) Hold([]Holding, bool) ([]Holding, error) { return nil, nil }
func (s *sink) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

func (s *sink) Devices() ([]Device, error) {
	return []Device{{Index: 7, Name: "lan0", MAC: [6]byte{2, 0, 0, 0, 0, 2}, Up: true, Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.2")}}}, nil
}

type drain struct {
	*sink
	shut chan struct{}
}

func (d *drain) Receive([]byte) (int, error)      { <-d.shut; return 0, errors.New("closed") }
func (d *drain) Poll([]byte) (int, error)         { return 0, nil }
func (d *drain) Unicast([]byte, netip.Addr) error { return nil }
func (d *drain) Close() error                     { close(d.shut); return nil }
func (d *drain) Alive() <-chan struct{}           { c := make(chan struct{}); close(c); return c }
func (d *drain) Transmit(frame []byte) error {
	if frame[12] == 8 && frame[13] == 0 {
		if d.sent.Add(1) == d.enough.Load() {
			d.reached <- struct{}{}
		}
	}
	return nil
}

// BenchmarkAdvert is the time of one advert of 255 elections that are Active, with everything that the loop does for it.
func BenchmarkAdvert(b *testing.B) {
	s := &sink{reached: make(chan struct{}, 1)}
	e := NewEngine(s, func() packet.Stamp { return packet.Stamp{} }, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	var w Wanted
	for id := 1; id <= 255; id++ {
		w.Routers = append(w.Routers, wish(100, func(w *Wish) {
			w.ID, w.Name, w.Interval = uint8(id), fmt.Sprintf("service %d", id), 200*time.Millisecond+time.Duration(id)*397*time.Microsecond // each at a time of its own
			w.Addresses = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 32)}
		}).Routers...)
	}
	s.enough.Store(2550)
	e.Set(w)
	<-s.reached
	start := cpuTime(b)
	b.ResetTimer()
	s.enough.Store(s.sent.Load() + int64(b.N))
	<-s.reached
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/advert")
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
