package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// visitors are short new flows, one by TCP and one by UDP at each interval: they meet every race of a move.
type visitors struct {
	house *House
	from  *Device
	stop  chan struct{}
	tasks sync.WaitGroup
	port  int // of the next: a port that is used again would be a flow of before

	mu  sync.Mutex
	all []guestFlow
}

// guestFlow is one flow that says a word and another one a while later.
type guestFlow struct {
	start time.Time
	tcp   bool
	by    [2]string // the lines that its words took; empty of TCP, which has one for both or breaks
	err   error
}

const (
	visitEvery = 50 * time.Millisecond
	visitTakes = 200 * time.Millisecond
	visitBound = 5 * time.Second // for a word; only a lost one takes that long
	firstPort  = 10000           // below those that the kernel gives
)

func (h *House) receiveVisitors(t *testing.T, d *Device) *visitors {
	v := &visitors{house: h, from: d, stop: make(chan struct{}), port: firstPort}
	v.tasks.Go(func() {
		tick := time.NewTicker(visitEvery)
		defer tick.Stop()
		for {
			select {
			case <-v.stop:
				return
			case <-tick.C:
				for _, tcp := range []bool{true, false} {
					port := v.port
					v.tasks.Go(func() { v.note(v.one(t.Context(), tcp, port)) })
				}
				v.port++
			}
		}
	})
	return v
}

func (v *visitors) note(one guestFlow) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, one)
}

func (v *visitors) one(ctx context.Context, tcp bool, port int) guestFlow {
	one := guestFlow{start: time.Now(), tcp: tcp}
	ctx, cancel := context.WithTimeout(ctx, visitBound)
	defer cancel()
	var from net.Addr = &net.UDPAddr{Port: port}
	say := v.say
	if tcp {
		from, say = &net.TCPAddr{Port: port}, func(conn net.Conn) (string, error) { return "", echoed(conn) }
	}
	conn, err := v.dial(ctx, from)
	if err != nil {
		one.err = err
		return one
	}
	defer conn.Close()
	if one.by[0], one.err = say(conn); one.err != nil {
		return one
	}
	time.Sleep(visitTakes) // the life of a short flow
	one.by[1], one.err = say(conn)
	return one
}

func (v *visitors) dial(ctx context.Context, from net.Addr) (conn net.Conn, err error) {
	err = v.from.space.Do(func() (err error) {
		conn, err = (&net.Dialer{LocalAddr: from}).DialContext(ctx, from.Network(), echoServer().String())
		return err
	})
	return conn, err
}

// say says a word by UDP and reports the line by which it went.
func (v *visitors) say(conn net.Conn) (string, error) {
	_ = conn.SetDeadline(time.Now().Add(visitBound))
	if _, err := conn.Write([]byte("hi")); err != nil {
		return "", err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil {
		return "", err
	}
	var from netip.AddrPort
	err = from.UnmarshalBinary(answer[min(n, len("hi")):n])
	return v.house.LineOf(from.Addr()), err
}

func echoed(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(visitBound))
	word := []byte("hi")
	if _, err := conn.Write(word); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, word)
	return err
}

// visitResult sums up visits.
type visitResult struct {
	visits, broken, moved int
	first                 time.Time // start of the first by a line
	last                  time.Time // start of the last by another one
	cause                 error
}

func (r visitResult) String() string {
	return fmt.Sprintf("%d short flows, %d broke, %d moved (%v)", r.visits, r.broken, r.moved, r.cause)
}

// end waits for the visits under way and sums up, in view of the line that the new ones should take.
func (v *visitors) end(line string) (r visitResult) {
	close(v.stop)
	v.tasks.Wait()
	for _, one := range v.all {
		r.visits++
		switch {
		case one.err != nil:
			r.broken, r.cause = r.broken+1, one.err
		case one.tcp:
		case one.by[0] != one.by[1]:
			r.moved++
		case one.by[0] == line && (r.first.IsZero() || one.start.Before(r.first)):
			r.first = one.start
		case one.by[0] != line && one.start.After(r.last):
			r.last = one.start
		}
	}
	return r
}
