package drill

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/twinpath/twinpath/router"
)

// queryWait is how long one answer of a name server is waited for: twice what a resolver of a home waits before it asks again.
const queryWait = 2 * time.Second

// names asks each of the line's servers, over UDP and over TCP. One that answers over UDP is enough for the house.
func (p *prover) names(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dnsLimit)
	defer cancel()
	if len(p.Line.DNS) == 0 {
		err := errors.New("it has no name server")
		p.say(router.DrillStep{What: "dns", Detail: err.Error()})
		return err
	}
	steps, wrong := make([]router.DrillStep, len(p.Line.DNS)), make([]error, len(p.Line.DNS))
	var asked sync.WaitGroup
	for i, server := range p.Line.DNS {
		asked.Go(func() { steps[i], wrong[i] = p.server(ctx, server) })
	}
	asked.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	for i, s := range steps {
		p.say(s)
		p.named = p.named || wrong[i] == nil || errors.As(wrong[i], new(refusal))
	}
	return p.unnamed(wrong)
}

// unnamed says what is wrong with the name servers, if none of them is good.
func (p *prover) unnamed(wrong []error) error {
	var all []string
	for i, err := range wrong {
		if err == nil {
			return nil
		}
		all = append(all, fmt.Sprintf("%s: %v", p.Line.DNS[i].Addr(), err))
	}
	if len(all) == 1 {
		return fmt.Errorf("its name server %s", all[0])
	}
	return fmt.Errorf("none of its name servers is good (%s)", strings.Join(all, "; "))
}

// server asks one server both ways at once.
func (p *prover) server(ctx context.Context, server netip.AddrPort) (router.DrillStep, error) {
	began := time.Now()
	var overTCP error
	var other sync.WaitGroup
	other.Go(func() { _, overTCP = query(ctx, p.Line, "tcp", server, p.Name, dnsmessage.TypeA) })
	_, err := query(ctx, p.Line, "udp", server, p.Name, dnsmessage.TypeA)
	if err != nil && ctx.Err() == nil {
		_, err = query(ctx, p.Line, "udp", server, p.Name, dnsmessage.TypeA) // a datagram may be lost
	}
	took := time.Since(began)
	other.Wait()
	s := router.DrillStep{What: "dns", OK: err == nil, Took: router.Milliseconds(took), Detail: fmt.Sprintf("%s in %s", server.Addr(), milliseconds(took))}
	switch {
	case err != nil && overTCP == nil:
		s.Detail = fmt.Sprintf("%s answers over TCP only: %v", server.Addr(), err)
	case err != nil:
		s.Detail = fmt.Sprintf("%s: %v", server.Addr(), err)
	case overTCP != nil:
		s.Detail += fmt.Sprintf("; not over TCP (%v)", overTCP)
	default:
		s.Detail += ", over TCP too"
	}
	return s, err
}

// finder turns names into addresses by the line's servers, else by those of the other line. It remembers them: what a dead server
// costs in time is no fault of what comes after.
type finder struct {
	line, other Line
	known       map[string]netip.Addr
	six         bool // their IPv6 addresses
}

func newFinder(line, other Line) *finder {
	return &finder{line: line, other: other, known: map[string]netip.Addr{}}
}

func (f *finder) address(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	if a, ok := f.known[host]; ok {
		return a, nil
	}
	for _, line := range []Line{f.line, f.other} {
		for _, server := range line.DNS {
			for _, network := range []string{"udp", "tcp"} {
				if found, err := query(ctx, line, network, server, host, f.kind()); err == nil && len(found) > 0 {
					f.known[host] = found[0]
					return found[0], nil
				}
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("the name %s does not resolve", host)
}

func (f *finder) kind() dnsmessage.Type {
	if f.six {
		return dnsmessage.TypeAAAA
	}
	return dnsmessage.TypeA
}

// query asks a server for the addresses of a name, of one family.
func query(ctx context.Context, line Line, network string, server netip.AddrPort, name string, kind dnsmessage.Type) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, queryWait)
	defer cancel()
	found, err := exchange(ctx, line, network, server, name, kind)
	return found, plain(ctx, err)
}

func exchange(ctx context.Context, line Line, network string, server netip.AddrPort, name string, kind dnsmessage.Type) ([]netip.Addr, error) {
	id := uint16(rand.Uint32())
	ask, err := question(id, name, kind)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Control: line.Control}
	conn, err := dialer.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if network == "tcp" {
		ask = append(binary.BigEndian.AppendUint16(nil, uint16(len(ask))), ask...)
	}
	if _, err := conn.Write(ask); err != nil {
		return nil, err
	}
	for {
		text, err := receive(conn, network)
		if err != nil {
			return nil, err
		}
		if ours, found, err := answers(text, id, kind); ours {
			return found, err
		}
	}
}

// receive reads one message; over TCP its length comes first (RFC 1035 §4.2.2).
func receive(conn net.Conn, network string) ([]byte, error) {
	text := make([]byte, 4096)
	if network != "tcp" {
		n, err := conn.Read(text)
		return text[:n], err
	}
	if _, err := io.ReadFull(conn, text[:2]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(text))
	if n > len(text) {
		return nil, errors.New("an answer that is far too long")
	}
	_, err := io.ReadFull(conn, text[:n])
	return text[:n], err
}

func question(id uint16, name string, kind dnsmessage.Type) ([]byte, error) {
	full, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: full, Type: kind, Class: dnsmessage.ClassINET}},
	}
	return m.Pack()
}

// refusal is the answer of a server that does not know (RFC 1035 §4.1.1).
type refusal dnsmessage.RCode

func (r refusal) Error() string {
	switch dnsmessage.RCode(r) {
	case dnsmessage.RCodeServerFailure:
		return "it cannot look the name up"
	case dnsmessage.RCodeNameError:
		return "it knows no such name"
	case dnsmessage.RCodeRefused:
		return "it refuses to answer"
	}
	return fmt.Sprintf("it answers with error %d", uint16(r))
}

// answers reads the addresses of a family from an answer to our question.
func answers(text []byte, id uint16, kind dnsmessage.Type) (ours bool, found []netip.Addr, err error) {
	var m dnsmessage.Message
	if err := m.Unpack(text); err != nil || m.ID != id || !m.Response {
		return false, nil, nil
	}
	if m.RCode != dnsmessage.RCodeSuccess {
		return true, nil, refusal(m.RCode)
	}
	for _, r := range m.Answers {
		if r.Header.Type != kind {
			continue
		}
		switch a := r.Body.(type) {
		case *dnsmessage.AResource:
			found = append(found, netip.AddrFrom4(a.A))
		case *dnsmessage.AAAAResource:
			found = append(found, netip.AddrFrom16(a.AAAA))
		}
	}
	return true, found, nil
}
