package channel

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Send hands a message over by a line. It returns nil when the service says that it has taken it, within ten seconds (mail: thirty,
// shoutrrr's services: fifteen); else what went wrong, with the service's own words where it has any. No error holds a secret of the channel. Nothing that it opened is open after it has returned.
func (c *Channel) Send(ctx context.Context, way Way, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	m.Title = strings.Join(strings.Fields(m.Title), " ") // one line: it may become a header
	e := c.errand(way)
	defer e.client.CloseIdleConnections()
	if err := c.service.send(ctx, e, m); err != nil {
		f := new(failure)
		if told := (*failure)(nil); errors.As(err, &told) {
			*f = *told
		}
		f.text = fmt.Sprintf("send to %s: %s", c.shown, c.scrub(reason(ctx, err, c.limit)))
		return f
	}
	return nil
}

// failure is why a message was not taken, or not by all who should have it.
type failure struct {
	text  string
	final bool
	part  bool
}

func (f *failure) Error() string { return f.text }

// Permanent reports whether sending the message again would be of no use: the service refuses it as it is.
func (f *failure) Permanent() bool { return f.final }

// Partly reports whether somebody has the message already and would get it again.
func (f *failure) Partly() bool { return f.part }

// each is what became of a message that goes to several.
func each(errs []error) error {
	var wrong []error
	final := true
	for _, err := range errs {
		if err != nil {
			var f *failure
			wrong = append(wrong, err)
			final = final && errors.As(err, &f) && f.final
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &failure{text: errors.Join(wrong...).Error(), final: final, part: len(wrong) < len(errs)}
}

// errand follows no redirects: what a message says is for the host that the owner named, and none of the services
// redirects what is posted to it. It uses no proxy: the environment of a daemon is not where one would look for it.
func (c *Channel) errand(way Way) *errand {
	e := &errand{Channel: c, way: way}
	e.client = &http.Client{
		Transport:     &http.Transport{DialContext: e.dial, TLSClientConfig: c.encryption(""), TLSHandshakeTimeout: c.limit, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return e
}

// encryption is for a server of this name.
func (c *Channel) encryption(host string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.tls != nil {
		config = c.tls.Clone()
	}
	config.ServerName = host
	return config
}

// errand is one message on its way: whatever it opens is closed when it ends.
type errand struct {
	*Channel
	way    Way
	client *http.Client
}

// dial connects by the errand's line; to what is in the house, directly.
func (e *errand) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return nil, err
	case e.way.Dial != nil && !atHome(host):
		return e.way.Dial(ctx, network, address)
	case e.direct != nil:
		return e.direct(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// atHome reports whether a service is in the house: no line to the Internet leads to it, and no name server out there knows it.
func atHome(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || !strings.Contains(host, ".") {
		return host != ""
	}
	return slices.ContainsFunc([]string{".home.arpa", ".local", ".lan", ".internal", ".home", ".localdomain"}, func(end string) bool {
		return strings.HasSuffix(host, end) // RFC 8375, RFC 6762, and what routers sold in shops use
	})
}

// key is the same for the same message sent again, so that services that look for it show it once.
func (m Message) key() string {
	if m.ID == "" {
		return rand.Text()
	}
	own := m.Fields["id"] // of the letter, whose text may change while it waits
	if own == "" {
		own = m.Title + "\n" + m.Text
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %t", m.ID, own, m.Resolved))
	return hex.EncodeToString(sum[:12])
}

// reason is an error in words for the owner.
func reason(ctx context.Context, err error, limit time.Duration) string {
	err = bare(err)
	var late net.Error
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout() {
		return fmt.Sprintf("no answer within %s", limit)
	}
	return err.Error()
}
