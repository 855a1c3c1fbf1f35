package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Targets are the addresses of the Internet that answer pings, DNS queries and HTTP (204 for every page).
func Targets() []string {
	return []string{"1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "149.112.112.112", "208.67.222.222",
		"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", EchoAddress}
}

// EchoAddress is the host whose services measure the lines: echo (port 7, UDP and TCP) and discard (port 9).
// Every name of the Internet resolves to it.
const EchoAddress = "203.0.113.10"

const (
	echoPort    = 7 // RFC 862
	discardPort = 9 // RFC 863
)

func echoServer() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(EchoAddress), echoPort)
}

type internet struct {
	space *sandbox.Namespace
	six   bool // it has IPv6
}

func (h *House) openInternet(six bool) error {
	space, err := h.space("inet")
	if err != nil {
		return err
	}
	h.internet = &internet{space, six}
	var lines strings.Builder
	for _, a := range Targets() {
		fmt.Fprintf(&lines, "addr add %s/32 dev lo\n", a)
	}
	if err := ip(space, lines.String()); err != nil {
		return err
	}
	if err := forwarding(space); err != nil {
		return err
	}
	// Fast networks would run into the limits for ICMP answers: 10,000 a second for all, then one a second each.
	if err := sysctl(space, "net/ipv4/icmp_ratelimit", "0"); err != nil {
		return err
	}
	if _, err := space.Feed("nft -f -", internetRules); err != nil {
		return err
	}
	if err := h.openServers(); err != nil || !six {
		return err
	}
	return h.openInternet6()
}

// The counter is what Throughput reads: packets for the discard port end in the kernel, for a receiving
// program would cost more than the forwarding that is measured.
const internetRules = `
table ip targets {
	set dead { type ipv4_addr; }
	counter discarded { }
	chain input {
		type filter hook input priority 0;
		ip daddr @dead drop
		udp dport 9 counter name discarded drop
	}
}`

func (h *House) openServers() (err error) {
	n := h.internet.space
	if h.authority, err = newAuthority(h.dir); err != nil {
		return err
	}
	if err := h.servePackets(n, fmt.Sprintf("%s:%d", EchoAddress, echoPort), echoAnswer); err != nil {
		return err
	}
	for _, a := range Targets() { // one socket each, so that the answer leaves with the address that was asked
		if err := h.servePackets(n, a+":53", h.internet.answer); err != nil {
			return err
		}
	}
	streams := map[int]func(net.Conn){echoPort: echoStream, discardPort: discardStream, 53: h.internet.answerStream}
	for port, serve := range streams {
		if err := h.serveStreams(n, port, serve); err != nil {
			return err
		}
	}
	if err := h.serveHTTPS(n, 443, megabyte, fetchHost, EchoAddress); err != nil {
		return err
	}
	return h.serveHTTP(n, 80, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
}

// KillTarget makes one address of the Internet silent.
func (h *House) KillTarget(address string) error { return h.target("add", address) }

// ReviveTarget ends KillTarget.
func (h *House) ReviveTarget(address string) error { return h.target("delete", address) }

func (h *House) target(verb, address string) error {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	if h.internet == nil {
		return errors.New("the house has no provider")
	}
	_, err = h.internet.space.Feed("nft -f -", fmt.Sprintf("%s element ip targets dead { %s }\n", verb, a))
	return err
}
