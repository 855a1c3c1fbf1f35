package lan

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Lease is an address that a device of the house has.
type Lease struct {
	Until   time.Time  // zero: for ever
	MAC     string     // as dnsmasq writes it: "02:00:00:00:00:10", and before it "06-" where the hardware is no Ethernet
	Address netip.Addr // IPv4
	Name    string     // empty: the device has said none
	Client  string     // its client identifier in hexadecimal with colons; empty: none (RFC 2132 §9.14)
}

// left is how long it is good; an hour for one that has no end.
func (l Lease) left(now time.Time) time.Duration {
	if l.Until.IsZero() {
		return time.Hour
	}
	return l.Until.Sub(now)
}

// client is the client identifier.
func (l Lease) client() []byte {
	id, err := hex.DecodeString(strings.ReplaceAll(l.Client, ":", ""))
	if err != nil {
		return nil
	}
	return id
}

// device reports whether two leases are of the same device (RFC 2131 §4.2).
func (l Lease) device(o Lease) bool {
	if l.Client != "" && o.Client != "" {
		return l.Client == o.Client
	}
	return l.MAC == o.MAC
}

// line is the lease in dnsmasq's file: when it ends in seconds since 1970, hardware, address, name, client.
func (l Lease) line() string {
	end := int64(0)
	if !l.Until.IsZero() {
		end = max(1, l.Until.Unix())
	}
	return fmt.Sprintf("%d %s %s %s %s\n", end, l.MAC, l.Address, cmp.Or(l.Name, "*"), cmp.Or(l.Client, "*"))
}

// parseLease reads a line of dnsmasq's file.
func parseLease(line string) (Lease, error) {
	f := strings.Split(line, " ")
	if len(f) != 5 {
		return Lease{}, fmt.Errorf("a lease has five words, and not %d", len(f))
	}
	end, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || end < 0 {
		return Lease{}, fmt.Errorf("%q is no time", f[0])
	}
	l := Lease{MAC: f[1], Name: strings.TrimPrefix(f[3], "*"), Client: strings.TrimPrefix(f[4], "*")}
	if end > 0 {
		l.Until = time.Unix(end, 0)
	}
	if l.Address, err = netip.ParseAddr(f[2]); err != nil {
		return Lease{}, err
	}
	return l, l.sound()
}

// sound says why a lease could not stand in dnsmasq's file.
func (l Lease) sound() error {
	const longest = 255 // of a name (RFC 1035 §2.3.4), and of a client identifier (RFC 2132 §2)
	hexadecimal := func(s, more string) bool { return strings.Trim(s, "0123456789abcdefABCDEF:"+more) == "" }
	printed := func(r rune) bool { return r > ' ' && r < 0x7f }
	switch {
	case !l.Address.Is4():
		return errors.New("it has no IPv4 address")
	case l.MAC == "" || len(l.MAC) > 64 || !hexadecimal(l.MAC, "-"):
		return errors.New("it has no hardware address")
	case len(l.Name) > longest || strings.ContainsFunc(l.Name, func(r rune) bool { return !printed(r) }):
		return errors.New("its name is none")
	case len(l.Client) > 3*longest || !hexadecimal(l.Client, ""):
		return errors.New("its client identifier is none")
	}
	return nil
}

// parseLeases reads dnsmasq's file: those that are still good by their addresses, and how many lines are of no use. One that is cut short is none.
func parseLeases(text []byte, now time.Time) (all []Lease, bad int) {
	for line := range bytes.Lines(text) {
		whole, complete := bytes.CutSuffix(line, []byte("\n"))
		l, err := parseLease(string(whole))
		switch {
		case !complete || err != nil:
			bad++
		case l.Until.IsZero() || l.Until.After(now):
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b Lease) int { return a.Address.Compare(b.Address) })
	return all, bad
}

// readFile reads a file that need not be there.
func readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// readLeases reads the file of a dnsmasq that may be writing it: it is taken for whole when it has not changed for a moment.
func readLeases(file string, now time.Time) ([]Lease, error) {
	const moment, tries = 10 * time.Millisecond, 20
	before, err := readFile(file)
	for range tries {
		if err != nil {
			return nil, fmt.Errorf("read leases: %w", err)
		}
		if len(before) == 0 {
			return nil, nil
		}
		time.Sleep(moment)
		var after []byte
		if after, err = readFile(file); err == nil && bytes.Equal(before, after) {
			all, _ := parseLeases(after, now)
			return all, nil
		}
		before = after
	}
	return nil, errors.New("read leases: they change all the time")
}

// merge is what a router that serves takes over from what another one knows: leases that are newer than its own of the address and of
// the device, and the addresses that those devices do not have any more.
func merge(mine, theirs []Lease) (add []Lease, drop []netip.Addr) {
	const slack = 5 * time.Second // what a message and whole seconds cost
	newer := func(a, b Lease) bool {
		return !b.Until.IsZero() && (a.Until.IsZero() || a.Until.After(b.Until.Add(slack)))
	}
	for _, t := range theirs {
		if slices.ContainsFunc(mine, func(m Lease) bool { return (m.Address == t.Address || m.device(t)) && !newer(t, m) }) {
			continue
		}
		for _, m := range mine {
			if m.device(t) && m.Address != t.Address {
				drop = append(drop, m.Address)
			}
		}
		add = append(add, t)
	}
	return add, drop
}

// joined are the leases of both, of each address and device the newer ones.
func joined(mine, theirs []Lease) []Lease {
	add, drop := merge(mine, theirs)
	all := slices.DeleteFunc(slices.Clone(mine), func(m Lease) bool {
		return slices.Contains(drop, m.Address) || slices.ContainsFunc(add, func(a Lease) bool { return a.Address == m.Address })
	})
	return append(all, add...)
}
