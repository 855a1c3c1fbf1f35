package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/dns/dnsmessage"
)

// dial connects to host:port over the path. A host that is a name is resolved over the path, too.
func (p *NetProber) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addr, err := p.names.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Control: p.path.Control}
	return dialer.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
}

// connect probes with a TCP handshake. The time for resolving a name counts only when it is not known yet.
func (p *NetProber) connect(ctx context.Context, target string) (time.Duration, error) {
	began := time.Now()
	conn, err := p.dial(ctx, "tcp", target)
	if err != nil {
		return 0, err
	}
	rtt := time.Since(began)
	_ = conn.Close()
	return rtt, nil
}

// fetch probes with a GET. A connection serves one probe, so that each proves that new ones can be made.
func (p *NetProber) fetch(ctx context.Context, c Check) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Target, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("User-Agent", "twinpath")
	transport := &http.Transport{DialContext: p.dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10}
	defer transport.CloseIdleConnections()
	began := time.Now()
	response, err := transport.RoundTrip(request) // a Client would follow redirects
	if err != nil {
		return 0, err
	}
	rtt := time.Since(began)
	defer response.Body.Close()
	return rtt, judgeResponse(response, c)
}

// judgeResponse tells the target's answer from a login page's: a redirect, 511 (RFC 6585 §6), or a page where nothing at all was
// expected. An empty 200 passes for 204: that is what some caches make of it.
func judgeResponse(r *http.Response, c Check) error {
	want := c.Status
	if want == 0 {
		want = http.StatusNoContent
	}
	empty := want == http.StatusNoContent && r.StatusCode == http.StatusOK
	switch {
	case r.StatusCode == want:
		return nil
	case r.StatusCode >= 300 && r.StatusCode < 400:
		return fmt.Errorf("%w: redirected to %s", ErrRedirected, place(r.Header.Get("Location")))
	case r.StatusCode == http.StatusNetworkAuthenticationRequired:
		return fmt.Errorf("%w: the network asks for a login", ErrRedirected)
	case empty && hasBody(r.Body):
		return fmt.Errorf("%w: a page instead of nothing", ErrRedirected)
	case empty:
		return nil
	}
	return fmt.Errorf("status %d instead of %d", r.StatusCode, want)
}

// place shortens a login page's address, which may carry the owner's, to where it is. It is somebody else's text: what steers a terminal
// is left out.
func place(location string) string {
	before, _, _ := strings.Cut(location, "?")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, before[:min(len(before), 80)])
}

func hasBody(body io.Reader) bool {
	n, _ := io.ReadFull(body, make([]byte, 1))
	return n > 0
}

// query probes a name server with a question that every one can answer: the root's name servers.
func (p *NetProber) query(ctx context.Context, target string) (time.Duration, error) {
	if _, _, err := net.SplitHostPort(target); err != nil {
		target = net.JoinHostPort(strings.Trim(target, "[]"), "53")
	}
	conn, err := p.dial(ctx, "udp", target)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	id := nonce16()
	ask, err := rootQuery(id)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := conn.Write(ask); err != nil {
		return 0, err
	}
	buffer := make([]byte, 1500)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return 0, err
		}
		if ours, err := judgeAnswer(buffer[:n], id); ours {
			return time.Since(began), err
		}
	}
}

func rootQuery(id uint16) ([]byte, error) {
	message := dnsmessage.Message{
		Header: dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{
			Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeNS, Class: dnsmessage.ClassINET,
		}},
	}
	return message.Pack()
}

// judgeAnswer reports whether a message answers our query, and what is wrong with it. Any answer will do except
// SERVFAIL and REFUSED: those come from a resolver that cannot, or will not, resolve.
func judgeAnswer(message []byte, id uint16) (ours bool, err error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil || header.ID != id || !header.Response {
		return false, nil
	}
	switch header.RCode {
	case dnsmessage.RCodeServerFailure:
		return true, errors.New("the name server answers: server failure")
	case dnsmessage.RCodeRefused:
		return true, errors.New("the name server refuses to answer")
	}
	return true, nil
}
