package site

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

const (
	// everybody and oneSource bound the connections: a family has twenty browsers, each with six.
	everybody = 512
	oneSource = 64
)

// crowd bounds the connections of all listeners together. When there are too many, the one that has been asking for nothing
// for the longest time has to go: those who hold connections without a request only hurt themselves. When all of them ask, and
// take their answers slowly, whoever has the most gives one up to whoever has less. The zero value is empty.
type crowd struct {
	mu     sync.Mutex
	guests []*guest // oldest first
}

// guest is one connection.
type guest struct {
	net.Conn
	crowd   *crowd
	source  netip.Addr
	working bool // it has sent a whole request that is being answered
	once    sync.Once
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.once.Do(func() { g.crowd.leave(g) })
	return g.Conn.Close()
}

// listener bounds what l accepts.
func (c *crowd) listener(l net.Listener) net.Listener { return &doorway{l, c} }

type doorway struct {
	net.Listener
	crowd *crowd
}

// Accept implements net.Listener.
func (d *doorway) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g := d.crowd.enter(conn); g != nil {
			return g, nil
		}
		_ = conn.Close() // all the others are being answered
	}
}

// enter makes room for a connection, or returns nil when there is none.
func (c *crowd) enter(conn net.Conn) *guest {
	g := &guest{Conn: conn, crowd: c, source: addrOf(conn.RemoteAddr())}
	c.mu.Lock()
	var out *guest
	alike := func(o *guest) bool { return o.source == g.source }
	switch {
	case c.count(alike) >= oneSource:
		out = c.idlest(alike)
	case len(c.guests) >= everybody:
		if out = c.idlest(func(*guest) bool { return true }); out == nil {
			out = c.greediest(c.count(alike))
		}
	default:
		c.guests = append(c.guests, g)
		c.mu.Unlock()
		return g
	}
	if out != nil {
		c.guests = append(c.guests, g)
	}
	c.mu.Unlock()
	if out == nil {
		return nil
	}
	_ = out.Close()
	return g
}

func (c *crowd) count(which func(*guest) bool) int {
	n := 0
	for _, g := range c.guests {
		if which(g) {
			n++
		}
	}
	return n
}

// idlest is the oldest connection that nothing is being done for.
func (c *crowd) idlest(which func(*guest) bool) *guest {
	for _, g := range c.guests {
		if !g.working && which(g) {
			return g
		}
	}
	return nil
}

// greediest is the oldest connection of the source that has the most, if that will still have as many as a newcomer with one more
// than own.
func (c *crowd) greediest(own int) *guest {
	each, most := map[netip.Addr]int{}, own+1
	for _, g := range c.guests {
		each[g.source]++
		most = max(most, each[g.source])
	}
	if most == own+1 {
		return nil
	}
	for _, g := range c.guests {
		if each[g.source] == most {
			return g
		}
	}
	return nil
}

func (c *crowd) leave(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, o := range c.guests {
		if o == g {
			c.guests = append(c.guests[:i], c.guests[i+1:]...)
			return
		}
	}
}

// guestKey is where a request's context has its connection.
type guestKey struct{}

func (c *crowd) connContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, guestOf(conn))
}

// guestOf finds ours below TLS.
func guestOf(conn net.Conn) *guest {
	if above, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = above.NetConn()
	}
	g, _ := conn.(*guest)
	return g
}

// work notes that a whole request has arrived.
func (c *crowd) work(ctx context.Context) {
	if g, _ := ctx.Value(guestKey{}).(*guest); g != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		g.working = true
	}
}

// state notes that a request has been answered: the connection goes to the end of the row.
func (c *crowd) state(conn net.Conn, state http.ConnState) {
	g := guestOf(conn)
	if g == nil || state != http.StateIdle {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	g.working = false
	for i, o := range c.guests {
		if o == g {
			c.guests = append(append(c.guests[:i], c.guests[i+1:]...), g)
			return
		}
	}
}
