package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// fast is the interval where the protocol knows fractions of a second.
const fast = 100 * time.Millisecond

// protocols are those of the matrix.
func protocols() []cell {
	v4 := []netip.Prefix{virtual}
	v6 := []netip.Prefix{netip.MustParsePrefix("fe80::1:51/64"), netip.MustParsePrefix("fd00:1::1/64")}
	one, other := netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("192.168.1.3")
	return []cell{
		{protocol: "v2", virtual: Virtual{Version: 2, Interval: time.Second, Addresses: v4}},
		{protocol: "v2 password", virtual: Virtual{Version: 2, Interval: time.Second, Addresses: v4, Auth: "password", Key: "s3cret"}},
		{protocol: "v2 AH", virtual: Virtual{Version: 2, Interval: time.Second, Addresses: v4, Auth: "ah", Key: "s3cret"}},
		{protocol: "v2 AH unicast", virtual: Virtual{Version: 2, Interval: time.Second, Addresses: v4, Auth: "ah", Key: "s3cret", Self: one, Peer: other}},
		{protocol: "v3 IPv4", virtual: Virtual{Version: 3, Interval: fast, Addresses: v4}},
		{protocol: "v3 IPv4 unicast", virtual: Virtual{Version: 3, Interval: fast, Addresses: v4, Self: one, Peer: other}},
		{protocol: "v3 IPv6", virtual: Virtual{Version: 3, Interval: fast, Addresses: v6}},
	}
}

// frr reports whether FRR speaks a protocol.
func (c cell) frr() bool { return c.virtual.Auth == "" && !c.virtual.Peer.IsValid() }

// matrix is every cell: each protocol with each peer, which is once to be Active and once Backup.
func matrix() (all []cell) {
	for _, c := range protocols() {
		peers := []speaker{keepalived}
		if c.frr() && frrCan() {
			peers = append(peers, frr)
		}
		for _, peer := range peers {
			c.leader, c.follower = ours(), peer
			all = append(all, c)
			c.leader, c.follower = peer, ours()
			all = append(all, c)
		}
	}
	return all
}

func TestInterop(t *testing.T) {
	t.Parallel()
	cells := matrix()
	rows := make([][]result, len(cells))
	for i, c := range cells {
		t.Run(fmt.Sprintf("%s, %s Active, %s Backup", c.protocol, c.leader.name, c.follower.name), func(t *testing.T) {
			t.Parallel()
			rows[i] = c.play(t)
		})
	}
	t.Cleanup(func() { // after the parallel ones
		table := interopTable(cells, rows)
		t.Logf("\n%s", table)
		if *update && !t.Failed() {
			must(t, replaceSection("../docs/interop.md", "matrix", table))
		}
	})
}

// interopTable is the matrix as Markdown.
func interopTable(cells []cell, rows [][]result) string {
	var s strings.Builder
	s.WriteString("| protocol | Active, 100 | Backup, 50 |")
	for _, c := range scenarios {
		fmt.Fprintf(&s, " %s |", c.name)
	}
	s.WriteString("\n" + strings.Repeat("|---", len(scenarios)+3) + "|\n")
	for i, c := range cells {
		fmt.Fprintf(&s, "| %s | %s | %s |", c.protocol, c.leader.name, c.follower.name)
		for _, r := range rows[i] {
			fmt.Fprintf(&s, " %s |", r)
		}
		s.WriteString("\n")
	}
	return s.String()
}

// replaceSection puts a text between the two comments of a name in a document.
func replaceSection(file, name, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	head, rest, found := strings.Cut(string(old), begin)
	_, foot, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no section %q", file, name)
	}
	return os.WriteFile(file, []byte(head+begin+text+end+foot), 0o644)
}
