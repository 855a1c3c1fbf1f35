package wan

import (
	"net/netip"
	"slices"
	"testing"
)

// What pppd 2.5.2 and 2.4.9 say, as seen with Debian's pppoe-server.
const (
	wordsUp = `Plugin pppoe.so loaded.
PPP session is 5
Connected to 02:00:64:00:00:01 via interface wan0
Using interface ppp-fibre
Connect: ppp-fibre <--> wan0
Remote message: Login ok
PAP authentication succeeded
peer from calling number 02:00:64:00:00:01 authorized
local  LL address fe80::25bf:c19b:1965:99eb
remote LL address fe80::b1c4:3b37:8f56:7302
local  IP address 198.51.100.101
remote IP address 198.51.100.1
primary   DNS address 198.51.100.1
secondary DNS address 9.9.9.9
`
	wordsHungUp  = wordsUp + "Modem hangup\nConnect time 0.1 minutes.\nConnection terminated.\n"
	wordsLost    = wordsUp + "No response to 3 echo-requests\nSerial link appears to be disconnected.\nConnect time 1.0 minutes.\nConnection terminated.\n"
	wordsEnded   = wordsUp + "LCP terminated by peer (Session-Timeout\x1b[2J)\nConnection terminated.\nModem hangup\n"
	wordsRefused = `Plugin pppoe.so loaded.
PPP session is 2
Connected to 02:00:64:00:00:01 via interface wan0
Connect: ppp-fibre <--> wan0
Remote message: Login incorrect
PAP authentication failed
Connection terminated.
Sent PADT
`
	wordsNoSession = "Plugin pppoe.so loaded.\nPADS: Service-Name-Error: no such service\nTimeout waiting for PADS packets\nUnable to complete PPPoE Discovery\nExit.\n"
)

func TestReadWords(t *testing.T) {
	for name, c := range map[string]struct {
		log     string
		trouble trouble
		remark  string
		up      bool
		closed  bool
	}{
		"nothing":         {"", noTrouble, "", false, false},
		"up":              {wordsUp, noTrouble, "", true, false},
		"hung up":         {wordsHungUp, endedByPeer, "", true, true},
		"lost":            {wordsLost, lost, "", true, false},
		"ended":           {wordsEnded, endedByPeer, "Session-Timeout[2J", true, true},
		"refused":         {wordsRefused, refused, "Login incorrect", false, true},
		"no session":      {wordsNoSession, noSession, "no such service", false, false},
		"refused by CHAP": {"PPP session is 2\nCHAP authentication failed: go away\n", refused, "go away", false, false},
		"refused, as some say it": {
			"PPP session is 2\nLCP terminated by peer (Authentication failed)\n", refused, "", false, false,
		},
		"nobody answers in it": {"PPP session is 2\nLCP: timeout sending Config-Requests\nConnection terminated.\n", silent, "", false, false},
		"no address":           {"PPP session is 2\nCHAP authentication succeeded\nIPCP: timeout sending Config-Requests\nLCP terminated by peer\n", noAddress, "", false, false},
		"no kernel":            {"Plugin pppoe.so loaded.\nCouldn't open the /dev/ppp device: No such file or directory\n", noKernel, "", false, false},
	} {
		s := readWords(c.log)
		if s.trouble != c.trouble || s.remark != c.remark || s.up != c.up || s.closed != c.closed {
			t.Errorf("%s: got %+v, want %+v", name, s, c)
		}
	}
	s := readWords(wordsUp)
	dns := []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("9.9.9.9")}
	if s.session != 5 || s.server.String() != "02:00:64:00:00:01" || s.local.String() != "198.51.100.101" || !slices.Equal(s.dns, dns) {
		t.Errorf("got %+v", s)
	}
}

func TestClauses(t *testing.T) {
	for _, c := range []struct {
		trouble
		server, remark, want string
	}{
		{noServer, "", "", "no PPPoE server answers on wan0"},
		{noSession, "BR1", "full", `the PPPoE server BR1 opens no session ("full")`},
		{refused, "BR1", "Login incorrect", `the ISP refuses the user name or the password ("Login incorrect")`},
		{endedByPeer, "", "", "the ISP has ended the session"},
		{noProgram, "", "", "the program pppd is missing (install it: apt install ppp)"},
	} {
		if got := c.clause("wan0", c.server, c.remark); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	for trouble := noServer; trouble <= broken; trouble++ {
		if trouble.clause("wan0", "", "") == "" {
			t.Errorf("trouble %d has no words", trouble)
		}
	}
}

func FuzzReadWords(f *testing.F) {
	for _, log := range []string{wordsUp, wordsHungUp, wordsLost, wordsEnded, wordsRefused, wordsNoSession} {
		f.Add(log)
	}
	f.Fuzz(func(t *testing.T, log string) {
		s := readWords(log)
		if len(s.remark) > 100 || foreign(s.remark) != s.remark {
			t.Errorf("remark %q", s.remark)
		}
		if s.up && !s.local.IsValid() {
			t.Error("up without an address")
		}
	})
}
