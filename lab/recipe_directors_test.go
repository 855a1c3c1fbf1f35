package lab

import (
	"fmt"
	"testing"
	"time"
)

// The directors' addresses: those of a service move together.
var (
	shop  = []string{"198.51.100.100", "192.168.200.1"}
	mails = []string{"198.51.100.101", "192.168.200.2"}
)

// directorsHome are two machines between an outside and an inside network.
func directorsHome() Home {
	return Home{
		Tag:  fmt.Sprintf("d%d-", tags.Add(1)),
		ISPs: []ISP{{Name: "outside", Network: "198.51.100.0/24"}},
		Routers: []Router{
			{Name: "director-a", WANs: []string{"outside"}, LAN: "192.168.200.11/24"},
			{Name: "director-b", WANs: []string{"outside"}, LAN: "192.168.200.12/24"},
		},
		Clients: []Client{{Name: "server", Address: "192.168.200.100/24", Gateway: "192.168.200.1"}},
	}
}

// directors is the pair with its networks on.
func directors(t *testing.T) *show {
	t.Helper()
	p := build(t, directorsHome())
	p.broadcast(t, "192.168.200.255:9")
	s := p.show(t, append(append([]string(nil), shop...), mails...)...)
	for i := range p.Boxes {
		s.plugged(t, i)
	}
	return s
}

// plugged switches a director's interfaces on.
func (s *show) plugged(tb testing.TB, i int) {
	tb.Helper()
	b := s.Boxes[i]
	must(tb, b.Raise())
	must(tb, ip(b.space, fmt.Sprintf("addr replace 198.51.100.1%d/24 dev wan0\nlink set wan0 up", i+1)))
}

// directorFile is the recipe's with the lab's interfaces and scripts.
func directorFile(tb testing.TB, b *Box, text string) string {
	tb.Helper()
	sync := script(tb, b, "ipvs-sync", fmt.Sprintf("#!/bin/sh\necho \"$1 $TWINPATH_NAME\" >> %s/sync\n", b.dir))
	return substitute(tb, text, "eth0", "wan0", "eth1", "lan0", "/usr/local/sbin/ipvs-sync", sync)
}

// split waits until each director is Active for its service.
func (s *show) split() {
	s.tb.Helper()
	s.on("director-a", shop...)
	s.on("director-b", mails...)
}

// together plays what must move a whole group and leave the other one alone.
func (s *show) together(t *testing.T) {
	t.Helper()
	mark := time.Now()
	must(t, s.CutLAN("director-a")) // the inside of the shop's director
	s.on("director-b", shop...)
	s.took("inside cut", mark, "director-b", shop[0])
	must(t, pause(t.Context(), time.Second)) // its adverts have been heard
	s.still(mark, mails...)
	mark = time.Now()
	must(t, s.PlugLAN("director-a"))
	s.split()
	s.seamless(mark, shop...)
	s.still(mark, mails...)

	mark = time.Now()
	must(t, s.Cut("director-b", "outside")) // the outside of the mail's director
	s.on("director-a", mails...)
	s.took("outside cut", mark, "director-a", mails[1])
	must(t, pause(t.Context(), time.Second))
	s.still(mark, shop...)
	mark = time.Now()
	must(t, s.Plug("director-b", "outside"))
	s.split()
	s.still(mark, shop...)
}

func TestRecipeDirectors(t *testing.T) {
	t.Parallel()
	s := directors(t)
	one, other := recipe(t, "LVS directors: two groups, four VRIDs")
	begin(t, s.backup, directorFile(t, s.backup, other))
	begin(t, s.main, directorFile(t, s.main, one))
	s.split()
	s.together(t)
	wrote(t, s.main, "sync", "backup shop-outside", "master shop-outside", "backup shop-outside", "master shop-outside")

	// A planned stop of one: both services are on the other one, without a gap.
	mark := time.Now()
	must(t, s.main.Stop())
	s.on("director-b", shop...)
	s.seamless(mark, shop...)
	s.still(mark, mails...)
}

// directorB is the other director's keepalived.conf, as an owner of keepalived writes it.
const directorB = `
vrrp_sync_group SHOP { group { shop-outside shop-inside } }
vrrp_sync_group MAIL { group { mail-outside mail-inside } }
`

func (s *show) keepalivedDirector() string {
	text := directorB
	for _, v := range []struct {
		name, device, address string
		id, priority          int
	}{
		{"shop-outside", "wan0", shop[0], 51, 100},
		{"shop-inside", "lan0", shop[1], 52, 100},
		{"mail-outside", "wan0", mails[0], 53, 150},
		{"mail-inside", "lan0", mails[1], 54, 150},
	} {
		text += fmt.Sprintf(`
vrrp_instance %s {
  state BACKUP
  interface %s
  virtual_router_id %d
  priority %d
  advert_int 1
  authentication {
    auth_type AH
    auth_pass 8letters
  }
  virtual_ipaddress {
    %s/24
  }
}
`, v.name, v.device, v.id, v.priority, v.address)
	}
	return text
}

func TestRecipeDirectorBesideKeepalived(t *testing.T) {
	t.Parallel()
	s := directors(t)
	one, _ := recipe(t, "LVS directors: two groups, four VRIDs")
	must(t, s.backup.StartKeepalived(t.Context(), s.keepalivedDirector()))
	begin(t, s.main, directorFile(t, s.main, one))
	s.split()
	s.together(t)

	mark := time.Now()
	must(t, s.backup.Stop())
	s.on("director-a", mails...)
	s.still(mark, shop...)
	must(t, s.backup.Restart(t.Context()))
	s.split()
	mark = time.Now()
	must(t, s.PowerOff("director-a"))
	s.on("director-b", shop...)
	s.took("power cut", mark, "director-b", shop[0])
	s.still(mark, mails...)
}

// TestGroupWaitsForABlockedPort: a switch's port that forwards nothing for a while after the cable is in, or after boot, or a
// cable that is missing at boot must not split a group.
func TestGroupWaitsForABlockedPort(t *testing.T) {
	t.Parallel()
	for name, wake := range map[string]struct{ down, up func(*show) }{
		"cable": {
			down: func(s *show) { must(s.tb, s.CutLAN("director-a")) },
			up:   func(s *show) { must(s.tb, s.PlugLAN("director-a")) },
		},
		"power": {
			down: func(s *show) { must(s.tb, s.PowerOff("director-a")); must(s.tb, s.PowerOn("director-a")) },
			up:   func(s *show) { s.plugged(s.tb, 0); must(s.tb, s.main.Restart(s.tb.Context())) },
		},
		"no cable at boot": {
			down: func(s *show) { must(s.tb, s.PowerOff("director-a")); must(s.tb, s.PowerOn("director-a")) },
			up: func(s *show) {
				s.plugged(s.tb, 0)
				must(s.tb, s.CutLAN("director-a"))
				must(s.tb, s.main.Restart(s.tb.Context()))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := directors(t)
			one, other := recipe(t, "LVS directors: two groups, four VRIDs")
			begin(t, s.backup, directorFile(t, s.backup, other))
			begin(t, s.main, directorFile(t, s.main, one))
			s.split()
			wake.down(s)
			s.on("director-b", shop...)
			_, err := s.lan.Feed("nft -f -", blocking)
			must(t, err)
			mark := time.Now()
			wake.up(s)
			must(t, pause(t.Context(), 5*time.Second)) // more than a down-interval, and less than the proof's patience
			s.still(mark, shop...)
			_, err = s.lan.Run("nft delete table netdev blocked")
			must(t, err)
			must(t, s.PlugLAN("director-a"))
			s.split()
			s.seamless(mark, shop...)
		})
	}
}

// blocking is what a switch's port does until its spanning tree has spoken.
const blocking = `
table netdev blocked {
	chain in { type filter hook ingress device "director-a" priority 0; drop; }
	chain out { type filter hook egress device "director-a" priority 0; drop; }
}`
