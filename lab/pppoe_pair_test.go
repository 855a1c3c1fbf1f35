package lab

import (
	"fmt"
	"testing"
	"time"
)

// coupled is the config of one of two routers that have the same account.
func coupled(router, own, other string, priority int) string {
	return fmt.Sprintf(`[router]
name = %q

[lan]
interface = "lan0"
address   = "%s/24"

[[wan]]
name      = "fibre"
interface = "wan0"
kind      = "pppoe"
pppoe     = { user = %q, password = %q }

  [wan.health]
  rise     = 2

  [[wan.check]]
  ping     = "1.1.1.1"

[[vrrp]]
name      = "lan"
id        = 51
priority  = %d
addresses = ["192.168.1.1/24"]

[web]

[pair]
peer   = %q
secret = "a secret of the house"
`, router, own, account.User, account.Password, priority, other)
}

// TestPPPoETwoRouters: of two routers with one account the one that serves the house has the session. The other one dials when it
// takes over, and leaves the session when it is relieved.
func TestPPPoETwoRouters(t *testing.T) {
	needsPPP(t)
	t.Parallel()
	home := dialHome()
	home.ISPs = home.ISPs[:1]
	home.Routers = []Router{
		{Name: "main", WANs: []string{"fibre"}, LAN: "192.168.1.2/24"},
		{Name: "backup", WANs: []string{"fibre"}, LAN: "192.168.1.3/24"},
	}
	h, main := unstarted(t, home)
	confess(t, h, main)
	backup := h.Boxes[1]
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the other daemon's log:\n%s", backup.Log())
		}
	})
	must(t, main.Start(t.Context(), built(t), coupled("main", "192.168.1.2", "192.168.1.3", 100)))
	must(t, backup.Start(t.Context(), built(t), coupled("backup", "192.168.1.3", "192.168.1.2", 50)))
	s := &dialled{T: t, House: h, b: main, d: h.Devices[0]}
	s.scene("main serves the house", func(s *dialled) {
		s.becomes("main is up", on("fibre"))
		s.uses("fibre")
		s.b = backup
		s.becomes("backup has not dialled", notDialled("main"))
		s.sessions("main")
	})
	s.scene("main is without power", func(s *dialled) {
		must(s.T, s.PowerOff("main"))
		s.b = backup
		s.becomes("backup is up", on("fibre"))
		s.uses("fibre")
	})
	s.scene("main is back", func(s *dialled) {
		must(s.T, s.PowerOn("main"))
		must(s.T, main.Restart(s.Context()))
		s.becomes("main is up", on("fibre"))
		s.b = backup
		s.becomes("backup has ended its session", notDialled("main"))
		s.uses("fibre")
		s.sessions("main")
	})
}

// notDialled is a status in which another router has the session.
func notDialled(router string) func(Status) bool {
	return func(s Status) bool {
		w := s.line("fibre")
		return w.State == "unknown" && w.Reason == fmt.Sprintf("not dialled: router %s has this account and serves the house", router)
	}
}

// sessions checks that one router alone has one, for a while.
func (s *dialled) sessions(router string) {
	s.Helper()
	for range 5 {
		time.Sleep(time.Second)
		for _, b := range s.Boxes {
			if n := len(pppds(s.T, b)); (n == 1) != (b.Name == router) || n > 1 {
				s.Errorf("%s has %d sessions", b.Name, n)
			}
		}
	}
}
