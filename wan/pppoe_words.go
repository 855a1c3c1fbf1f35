package wan

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// trouble is what a PPPoE line lacks.
type trouble uint8

const (
	noTrouble trouble = iota
	noServer          // nobody answers the discovery
	noSession         // the server opens none
	silent            // the session is open, but the other end says nothing in it
	refused           // user name or password
	noAddress
	endedByPeer
	lost // the other end does not answer any more
	noKernel
	noProgram
	broken // pppd ended for a reason of its own
)

// said is what pppd has told of a session by its log. The words are those of pppd 2.4.9 and 2.5.2, which are never translated.
type said struct {
	session uint16           // 0: none is open
	server  net.HardwareAddr // the other end of it
	local   netip.Addr
	remote  netip.Addr
	dns     []netip.Addr
	up      bool // it has an address
	closed  bool // it was ended in an orderly way: nothing is left at the other end
	trouble trouble
	remark  string // the other end's own words, or pppd's last
}

// phrase is how a line of pppd's log begins, and what it says.
type phrase struct {
	begins string
	trouble
}

// phrases are tried in order; of several in a log the first one counts: what follows is its consequence.
var phrases = [...]phrase{
	{"PAP authentication failed", refused},
	{"CHAP authentication failed", refused},
	{"MS-CHAP authentication failed", refused},
	{"EAP: peer reports authentication failure", refused},
	{"No response to PAP authenticate-requests", silent},
	{"LCP: timeout sending Config-Requests", silent},
	{"Timeout waiting for PADO", noServer},
	{"Timeout waiting for PADS", noSession},
	{"PADS: ", noSession},
	{"PADO: ", noSession},
	{"Unable to complete PPPoE Discovery", noSession},
	{"IPCP: timeout sending Config-Requests", noAddress},
	{"Could not determine local IP address", noAddress},
	{"Peer refused to agree to our IP address", noAddress},
	{"IPCP terminated by peer", noAddress},
	{"No response to ", lost}, // "… 3 echo-requests"
	{"LCP terminated by peer", endedByPeer},
	{"Modem hangup", endedByPeer}, // a PADT
	{"Sorry - this system lacks PPP", noKernel},
	{"This system lacks kernel support for PPP", noKernel},
	{"Linux kernel does not support PPPoE", noKernel},
	{"Failed to create PPPoE socket", noKernel},
	{"Couldn't open the /dev/ppp device", noKernel},
}

// readWords reads pppd's log of one session.
func readWords(log string) said {
	var s said
	lines := bufio.NewScanner(strings.NewReader(log))
	for lines.Scan() {
		s.hear(strings.TrimSpace(lines.Text()))
	}
	return s
}

func (s *said) hear(line string) {
	var text string
	var n uint16
	switch {
	case scan(line, "PPP session is %d", &n):
		s.session, s.closed = n, false
	case scan(line, "Connected to %s via interface", &text):
		s.server, _ = net.ParseMAC(strings.ToLower(text))
	case scan(line, "local IP address %s", &text):
		s.local, _ = netip.ParseAddr(text)
	case scan(line, "remote IP address %s", &text):
		s.remote, _ = netip.ParseAddr(text)
		s.up = s.local.IsValid()
	case scan(line, "primary DNS address %s", &text), scan(line, "secondary DNS address %s", &text):
		if a, err := netip.ParseAddr(text); err == nil && !a.IsUnspecified() && !slices.Contains(s.dns, a) {
			s.dns = append(s.dns, a)
		}
	case line == "Sent PADT", strings.HasPrefix(line, "Modem hangup"):
		s.closed = true
	case strings.HasPrefix(line, "Remote message: "):
		s.remark = foreign(strings.TrimPrefix(line, "Remote message: "))
	case strings.HasPrefix(line, "PAP authentication succeeded"):
		s.remark = "" // it was a welcome
	}
	s.suffer(line)
}

// suffer notes the first trouble.
func (s *said) suffer(line string) {
	if s.trouble != noTrouble {
		return
	}
	if text := strings.ToLower(line); !s.up && strings.HasPrefix(text, "lcp terminated by peer") && strings.Contains(text, "auth") {
		s.trouble = refused // some servers say so this way only
		return
	}
	for _, p := range phrases {
		rest, is := strings.CutPrefix(line, p.begins)
		if !is {
			continue
		}
		s.trouble = p.trouble
		switch p.trouble {
		case endedByPeer:
			if text := strings.Trim(rest, " ()"); text != "" {
				s.remark = foreign(text)
			}
		case noSession, refused:
			if _, text, ok := strings.Cut(rest, ": "); ok {
				s.remark = foreign(text)
			}
		}
		return
	}
}

// scan reads one value out of a line, however many spaces are in it.
func scan(line, format string, into any) bool {
	n, _ := fmt.Sscanf(strings.Join(strings.Fields(line), " "), format, into)
	return n == 1
}

// foreign makes a stranger's words safe wherever they are shown.
func foreign(text string) string {
	const enough = 100
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(text[:min(len(text), enough)])
}

// clause is the trouble for a person.
func (t trouble) clause(device, server, remark string) string {
	if server == "" {
		server = "the PPPoE server"
	} else {
		server = "the PPPoE server " + server
	}
	clause := map[trouble]string{
		noServer:    "no PPPoE server answers on " + device,
		noSession:   server + " opens no session",
		silent:      server + " opens a session, but says nothing in it",
		refused:     "the ISP refuses the user name or the password",
		noAddress:   "the ISP gives no address",
		endedByPeer: "the ISP has ended the session",
		lost:        "the ISP does not answer in the session any more",
		noKernel:    "this system's kernel cannot do PPPoE",
		noProgram:   "the program pppd is missing (install it: apt install ppp)",
		broken:      "pppd has ended",
	}[t]
	if remark != "" && remark != "User request" { // which is what pppd says of itself when it is told to stop
		clause += fmt.Sprintf(" (%q)", remark)
	}
	return clause
}
