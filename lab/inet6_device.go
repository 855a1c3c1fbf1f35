package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Address6 is a global IPv6 address of a device, as its kernel has it.
type Address6 struct {
	Address    netip.Addr
	Tentative  bool // nobody may use it yet
	Deprecated bool // for connections of before only: its preferred lifetime is over
}

// Addresses6 are the device's global IPv6 addresses, those of its own making included.
func (d *Device) Addresses6() ([]Address6, error) {
	out, err := d.Run("ip -json -6 addr show dev eth0 scope global")
	if err != nil {
		return nil, err
	}
	var links []struct {
		Addresses []struct {
			Local                 netip.Addr
			Tentative, Deprecated bool
		} `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		return nil, fmt.Errorf("addresses of %s: %w", d.Name, err)
	}
	var all []Address6
	for _, l := range links {
		for _, a := range l.Addresses {
			all = append(all, Address6{a.Local, a.Tentative, a.Deprecated})
		}
	}
	return all, nil
}

// Preferred6 is the device's address in a network that it takes for new connections; invalid if it has none.
func (d *Device) Preferred6(network netip.Prefix) netip.Addr {
	all, _ := d.Addresses6()
	for _, a := range all {
		if network.Contains(a.Address) && !a.Tentative && !a.Deprecated {
			return a.Address
		}
	}
	return netip.Addr{}
}

// Seen6 is Seen by IPv6.
func (d *Device) Seen6(ctx context.Context) (netip.Addr, error) {
	return d.seen(ctx, "udp6", echoServer6())
}

func echoServer6() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(EchoAddress6), echoPort)
}

// Manner is how a program opens a connection to a name that has addresses of both families.
type Manner uint8

const (
	Eyeballs Manner = iota + 1 // both: IPv6, and IPv4 250 ms later or as soon as IPv6 has failed (RFC 8305)
	InTurn                     // IPv6, and IPv4 when that has failed, as most programs do (RFC 6724)
	Only6                      // IPv6 alone
)

func (m Manner) String() string {
	return [...]string{"unknown", "Happy Eyeballs", "one after the other", "IPv6 alone"}[m]
}

// Opened is a connection to the Internet's echo server that has brought an answer.
type Opened struct {
	From netip.Addr // ours
	Took time.Duration
}

// Open opens a connection and says how long it took until an answer was there. ctx bounds it.
func (d *Device) Open(ctx context.Context, m Manner) (Opened, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	type result struct {
		from netip.Addr
		err  error
	}
	results, failed := make(chan result, 2), make(chan struct{})
	try := func(network string, server netip.AddrPort) result {
		from, err := d.exchange(ctx, network, server)
		return result{from, err}
	}
	tries := 1
	go func() {
		r := try("tcp6", echoServer6())
		if r.err != nil {
			close(failed)
		}
		results <- r
	}()
	if m != Only6 {
		tries++
		go func() {
			select {
			case <-failed:
			case <-headStart(m):
			case <-ctx.Done():
			}
			results <- try("tcp4", echoServer())
		}()
	}
	var err error
	for range tries {
		r := <-results
		if r.err == nil {
			return Opened{r.from, time.Since(start)}, nil
		}
		err = r.err
	}
	return Opened{Took: time.Since(start)}, err
}

// headStart ends when IPv4 is tried beside IPv6; never for those who try one after the other.
func headStart(m Manner) <-chan time.Time {
	if m != Eyeballs {
		return nil
	}
	return time.After(250 * time.Millisecond) // RFC 8305 §8
}

// exchange opens one connection and has a word echoed.
func (d *Device) exchange(ctx context.Context, network string, server netip.AddrPort) (netip.Addr, error) {
	conn, err := d.Dial(ctx, network, server.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	word := []byte("hello")
	if _, err := conn.Write(word); err != nil {
		return netip.Addr{}, err
	}
	if _, err := conn.Read(word); err != nil {
		return netip.Addr{}, err
	}
	return conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap(), nil
}
