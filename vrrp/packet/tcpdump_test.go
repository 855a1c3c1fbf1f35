package packet

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tcpdump returns what tcpdump says of each frame, one string for each.
func tcpdump(t *testing.T, frames [][]byte) []string {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4) // pcap 2.4, Ethernet
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	for _, v := range []uint32{0, 0, 65535, 1} {
		b = le.AppendUint32(b, v)
	}
	for i, f := range frames {
		for _, v := range []uint32{uint32(i), 0, uint32(len(f)), uint32(len(f))} {
			b = le.AppendUint32(b, v)
		}
		b = append(b, f...)
	}
	file := filepath.Join(t.TempDir(), "frames.pcap")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tcpdump", "-nvvt", "-r", file).Output()
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	// A frame's first line has no indentation.
	text := strings.ReplaceAll(strings.TrimSpace(string(out)), "\n\t", " ")
	said := strings.Split(strings.ReplaceAll(text, "\n   ", " "), "\n")
	if len(said) != len(frames) {
		t.Fatalf("%d frames, and tcpdump says %d things:\n%s", len(frames), len(said), out)
	}
	return said
}

func demand(t *testing.T, said string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("no %q in %s", part, said)
		}
	}
	for _, bad := range []string{"[|", "trunc", "bad cksum", "wrong", "invalid"} {
		if strings.Contains(said, bad) {
			t.Errorf("%q in %s", bad, said)
		}
	}
}

// TestTcpdumpReadsAdverts has a stranger read what we write.
func TestTcpdumpReadsAdverts(t *testing.T) {
	var frames [][]byte
	var adverts []Advert
	for i, m := range modes() {
		a, _ := m.draw(rand.New(rand.NewPCG(7, uint64(i))))
		auth := m.auth()
		adverts = append(adverts, a)
		frames = append(frames, frame(a.Append(nil, auth, auth.Next())))
	}
	broken := append([]byte(nil), frames[0]...)
	broken[ethernetHeader+ipv4Header+2]++
	said := tcpdump(t, append(frames, broken))
	for i, m := range modes() {
		a, now := adverts[i], said[i]
		var addresses []string
		for _, address := range a.Addresses {
			addresses = append(addresses, address.String())
		}
		interval := fmt.Sprintf("intvl %dcs,", a.Interval/(10*time.Millisecond))
		if m.version == 2 {
			interval = fmt.Sprintf("intvl %ds,", a.Interval/time.Second)
		}
		demand(t, now, fmt.Sprintf("%s > %s: ", a.Source, a.Destination),
			fmt.Sprintf("VRRPv%d, Advertisement, vrid %d, prio %d,", m.version, a.ID, a.Priority), interval, strings.Join(addresses, ","))
		// It knows one form of version 3's checksum over IPv4 and takes a trailer for a part of the message.
		if m.form != Message && (m.ipv6 || !strings.Contains(m.name, "hmac")) && strings.Contains(now, "bad vrrp cksum") {
			t.Errorf("%s: %s", m.name, now)
		}
	}
	demand(t, said[1], "authtype simple", `auth "s3cret"`)
	demand(t, said[2], "AH(length=4(24-bytes)", "seq=0x1", "authtype ah")
	if broken := said[len(frames)]; !strings.Contains(broken, "bad vrrp cksum") {
		t.Errorf("tcpdump finds nothing wrong with a broken one: %s", broken)
	}
}

// TestTcpdumpReadsAnnouncements has the same stranger.
func TestTcpdumpReadsAnnouncements(t *testing.T) {
	mac := VirtualMAC(7, true)
	v4, v6 := addr("10.0.0.1"), addr("fe80::1")
	said := tcpdump(t, [][]byte{
		AppendARP(nil, false, mac, v4), AppendARP(nil, true, mac, v4), AppendProbe(nil, mac, v4, netip.Addr{}),
		AppendProbe(nil, mac, v6, netip.Addr{}), AppendProbe(nil, mac, v6, addr("fe80::2")), AppendNA(nil, mac, v6, true),
	})
	demand(t, said[0], "Request who-has 10.0.0.1 (ff:ff:ff:ff:ff:ff) tell 10.0.0.1")
	demand(t, said[1], "Reply 10.0.0.1 is-at 00:00:5e:00:02:07")
	demand(t, said[2], "Request who-has 10.0.0.1 tell 0.0.0.0")
	demand(t, said[3], "hlim 255", ":: > ff02::1:ff00:1: [icmp6 sum ok]", "neighbor solicitation", "who has fe80::1")
	demand(t, said[4], "fe80::2 > ff02::1:ff00:1: [icmp6 sum ok]", "source link-address option (1), length 8 (1): 00:00:5e:00:02:07")
	demand(t, said[5], "hlim 255", "fe80::1 > ff02::1: [icmp6 sum ok]", "Flags [router, override]",
		"destination link-address option (2), length 8 (1): 00:00:5e:00:02:07")
}
