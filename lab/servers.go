package lab

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// servePackets answers every datagram at an address with what answer makes of it; nil is no answer.
func (h *House) servePackets(n *sandbox.Namespace, address string, answer func(q []byte, from netip.AddrPort) []byte) error {
	var conn *net.UDPConn
	err := n.Do(func() (err error) {
		family := "udp4" // a socket for both would see IPv4 addresses in IPv6 ones
		if strings.HasPrefix(address, "[") {
			family = "udp6"
		}
		at, err := net.ResolveUDPAddr(family, address)
		if err != nil {
			return err
		}
		conn, err = net.ListenUDP(family, at)
		return err
	})
	if err != nil {
		return fmt.Errorf("serve %s: %w", address, err)
	}
	roomy(conn)
	h.onClose(func() { _ = conn.Close() })
	h.tasks.Go(func() {
		buffer := make([]byte, 2048)
		for {
			size, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if a := answer(buffer[:size], from); a != nil {
				_, _ = conn.WriteToUDPAddrPort(a, from) // the way back may be gone: then it is a lost answer
			}
		}
	})
	return nil
}

// serveStreams hands every connection to a port to serve, which returns when the connection is closed.
func (h *House) serveStreams(n *sandbox.Namespace, port int, serve func(net.Conn)) error {
	listener, err := listen(n, port)
	if err != nil {
		return err
	}
	open := connections{all: map[net.Conn]bool{}}
	h.onClose(func() { _ = listener.Close(); open.close() })
	h.tasks.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			h.tasks.Go(func() {
				defer conn.Close()
				if open.add(conn) {
					serve(conn)
				}
				open.remove(conn)
			})
		}
	})
	return nil
}

// connections are those that a closing server must end.
type connections struct {
	mu     sync.Mutex
	closed bool
	all    map[net.Conn]bool
}

func (c *connections) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[conn] = true
	return !c.closed
}

func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, conn)
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.all {
		_ = conn.Close()
	}
}

func (h *House) serveHTTP(n *sandbox.Namespace, port int, page http.HandlerFunc) error {
	listener, err := listen(n, port)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: page}
	h.onClose(func() { _ = server.Close() })
	h.tasks.Go(func() { _ = server.Serve(listener) }) // ends with Close
	return nil
}

func listen(n *sandbox.Namespace, port int) (l net.Listener, err error) {
	err = n.Do(func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf(":%d", port))
		return err
	})
	return l, err
}

// echoAnswer returns a datagram with the address and port it came from behind it: it tells the line that carried it.
func echoAnswer(q []byte, from netip.AddrPort) []byte {
	seen, _ := from.MarshalBinary() // four or sixteen bytes of address, two of port
	return append(append(make([]byte, 0, len(q)+len(seen)), q...), seen...)
}

func echoStream(conn net.Conn)    { _, _ = io.Copy(conn, conn) }
func discardStream(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// publicName and all beside it resolve to an address that is not for documentation only: resolvers of homes refuse those. What begins with
// "brief" is good for a second, all else for a minute.
const (
	publicName    = "dns.quad9.net."
	publicAddress = "9.9.9.9"
)

// isPublic reports whether a name is publicName or one beside it.
func isPublic(name string) bool {
	return strings.HasSuffix(name, strings.TrimPrefix(publicName, "dns"))
}

// answer resolves every other name to EchoAddress, and to EchoAddress6 if there is IPv6; it knows one name server of the root.
func (i *internet) answer(q []byte, _ netip.AddrPort) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(q); err != nil || len(m.Questions) != 1 || m.Response {
		return nil
	}
	m.Response, m.RecursionAvailable = true, true
	m.Answers, m.Authorities, m.Additionals = nil, nil, nil
	header := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60}
	switch m.Questions[0].Type {
	case dnsmessage.TypeA:
		address := EchoAddress
		if name := m.Questions[0].Name.String(); isPublic(name) {
			address = publicAddress
			if strings.HasPrefix(name, "brief") {
				header.TTL = 1
			}
		}
		body := &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()}
		m.Answers = []dnsmessage.Resource{{Header: header, Body: body}}
	case dnsmessage.TypeAAAA:
		if i.six {
			body := &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(EchoAddress6).As16()}
			m.Answers = []dnsmessage.Resource{{Header: header, Body: body}}
		}
	case dnsmessage.TypeNS:
		body := &dnsmessage.NSResource{NS: dnsmessage.MustNewName("a.root-servers.net.")}
		m.Answers = []dnsmessage.Resource{{Header: header, Body: body}}
	}
	a, err := m.Pack()
	if err != nil {
		return nil
	}
	return a
}
