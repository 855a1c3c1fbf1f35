package lab

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// serverHome are two servers on one network, and somebody who uses them.
func serverHome(one, other, network string) Home {
	home := pairHome()
	home.Routers = []Router{{Name: one, LAN: network + ".2/24"}, {Name: other, LAN: network + ".3/24"}}
	home.Clients = []Client{{Name: "laptop", Address: network + ".200/24", Gateway: network + ".1"}}
	return home
}

// broadcast makes the client talk to everybody in a network, as chatter does in the house's.
func (p *pair) broadcast(tb testing.TB, address string) {
	tb.Helper()
	conn, err := p.laptop.Dial(tb.Context(), "udp4", address)
	must(tb, err)
	stop := make(chan struct{})
	p.onClose(func() { close(stop); _ = conn.Close() })
	p.tasks.Go(func() { say(conn, stop) })
}

// page is a web page that can be out of order.
type page struct{ broken atomic.Bool }

func (p *page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if p.broken.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func TestRecipeRedundantServers(t *testing.T) {
	t.Parallel()
	const web, mail = "10.20.30.10", "10.20.30.11"
	p := build(t, serverHome("server-a", "server-b", "10.20.30"))
	p.broadcast(t, "10.20.30.255:9")
	s := p.show(t, web, mail)
	a, b := p.main, p.backup
	var pages [2]page
	var mails [2]net.Listener
	for i, box := range p.Boxes {
		must(t, box.Raise())
		must(t, p.serveHTTP(box.space, 80, pages[i].ServeHTTP))
		mails[i] = mailServer(t, box)
	}
	one, other := recipe(t, "Redundant servers, a VRID for each service")
	begin(t, b, substitute(t, other, "eth0", "lan0"))
	begin(t, a, substitute(t, one, "eth0", "lan0"))
	s.on("server-a", web)
	s.on("server-b", mail)
	settles(t, a, "active", "backup")

	// Each service moves by itself.
	mark := time.Now()
	pages[0].broken.Store(true)
	s.on("server-b", web)
	s.took("a broken page", mark, "server-b", web)
	s.seamless(mark, web)
	s.still(mark, mail)
	settles(t, a, "fault", "backup")
	mark = time.Now()
	pages[0].broken.Store(false)
	s.on("server-a", web)
	s.seamless(mark, web)
	mark = time.Now()
	must(t, mails[1].Close())
	s.on("server-a", mail)
	s.seamless(mark, mail)
	s.still(mark, web)
	mark = time.Now()
	mails[1] = mailServer(t, b)
	s.on("server-b", mail)
	s.seamless(mark, mail)

	// One dies, and the other has both.
	mark = time.Now()
	must(t, p.PowerOff("server-a"))
	s.on("server-b", web)
	if took := s.took("power cut", mark, "server-b", web); took > 4200*time.Millisecond {
		t.Errorf("a power cut took %s, want less than 4 s", took)
	}
	s.on("server-b", mail)
	s.still(mark, mail)
	must(t, p.PowerOn("server-a"))
	must(t, a.Raise())
	mark = time.Now()
	must(t, a.Restart(t.Context()))
	s.on("server-a", web)
	s.seamless(mark, web)
	s.still(mark, mail)
}

func mailServer(tb testing.TB, b *Box) net.Listener {
	tb.Helper()
	l, err := listen(b.space, 25)
	must(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return l
}
