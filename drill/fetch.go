package drill

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

const (
	// most is where a fetch ends: who names something larger does not want all of it.
	most = 2 << 20
	// least is what a page that stands in for the real thing does not have.
	least = 64 << 10
	// stall is how long nothing may come: a radio line that hands over to another cell takes two or three seconds.
	stall = 6 * time.Second
	// enough of a slow line is proof within fetchLimit.
	enough = 256 << 10
)

// dial connects over the line.
func (p *prover) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := p.find.address(ctx, host)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Control: p.Line.Control, Timeout: tlsLimit}
	return dialer.DialContext(ctx, network, net.JoinHostPort(found.String(), port))
}

// handshake makes a TLS connection and checks the certificate.
func (p *prover) handshake(ctx context.Context) (string, error) {
	host, port := p.url.Hostname(), p.url.Port()
	if port == "" {
		port = "443"
	}
	if _, err := p.find.address(ctx, host); err != nil {
		return "", err
	}
	began := time.Now()
	conn, err := p.dial(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return "", plain(ctx, err)
	}
	defer conn.Close()
	connected := time.Since(began)
	secure := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
			return "", errors.New("connected, but the handshake never ends")
		}
		return "", plain(ctx, err)
	}
	return fmt.Sprintf("%s in %s, of which %s to connect", host, milliseconds(time.Since(began)), milliseconds(connected)), nil
}

// fetched is fetch as a step.
func (p *prover) fetched(ctx context.Context) (string, error) {
	if err := p.fetch(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s in %s: %s", size(p.proof.Bytes), seconds(p.proof.Took), rate(p.proof.Rate())), nil
}

// fetch reads about a megabyte.
func (p *prover) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	if _, err := p.find.address(ctx, p.url.Hostname()); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "twinpath")
	transport := &http.Transport{
		DialContext: p.dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout: tlsLimit, ResponseHeaderTimeout: tlsLimit,
	}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: few}
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return plain(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	err = p.read(ctx, cancel, response)
	p.proof.Took = time.Since(began)
	return err
}

// read counts what comes, until it is enough, ends or stalls.
func (p *prover) read(ctx context.Context, cancel context.CancelFunc, response *http.Response) error {
	silence := time.AfterFunc(stall, cancel)
	defer silence.Stop()
	buffer := make([]byte, 32<<10)
	for p.proof.Bytes < most {
		n, err := response.Body.Read(buffer)
		p.proof.Bytes += int64(n)
		switch {
		case errors.Is(err, io.EOF) && p.proof.Bytes < least:
			return fmt.Errorf("only %s came, and no more: not what was asked for", size(p.proof.Bytes))
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(context.Cause(ctx), context.DeadlineExceeded) && p.proof.Bytes >= enough:
			return nil // slow, but it works
		case err != nil:
			return p.stalled(ctx, response, err)
		}
		silence.Reset(stall)
	}
	return nil
}

func (p *prover) stalled(ctx context.Context, response *http.Response, err error) error {
	of := ""
	if response.ContentLength > 0 {
		of = " of " + size(response.ContentLength)
	}
	if ctx.Err() == nil {
		return fmt.Errorf("it broke off after %s%s: %w", size(p.proof.Bytes), of, plain(ctx, err))
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("only %s%s came in time", size(p.proof.Bytes), of)
	}
	return fmt.Errorf("it stalled after %s%s", size(p.proof.Bytes), of)
}

// few follows three redirects: more are a circle, or a login page.
func few(_ *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("it is redirected again and again")
	}
	return nil
}

// plain shortens an error of package net or net/http to its cause: the rest names addresses that nobody asked for.
func plain(ctx context.Context, err error) error {
	var asked *url.Error
	var wrong *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var cause syscall.Errno
	if errors.As(err, &asked) {
		err = asked.Err
	}
	var late net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &late) && late.Timeout(), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errors.New("no answer")
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return errors.New("the certificate is not valid at this time: is the clock right?")
	case errors.As(err, &wrong):
		return fmt.Errorf("the certificate is not trusted: %w", wrong.Err)
	case errors.As(err, &cause):
		return cause
	}
	return err
}

func size(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func rate(bits float64) string {
	if bits < 1e7 {
		return fmt.Sprintf("%.1f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.0f Mbit/s", bits/1e6)
}
