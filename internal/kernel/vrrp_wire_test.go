package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
)

func TestWireHearsAdvertsAndNothingElse(t *testing.T) {
	e := newEnds(t)
	options := frame4(groups[0], protocolVRRP, "with options")
	options = append(options[:34:34], append(make([]byte, 4), options[34:]...)...)
	options[14] = 0x46
	tagged := func(vlan byte) []byte {
		f := frame4(groups[0], protocolVRRP, fmt.Sprintf("vlan number%d", vlan))
		return append(f[:12:12], append([]byte{0x81, 0, 0xe0, vlan}, f[12:]...)...)
	}
	got := e.heard(
		frame4(groups[0], protocolVRRP, "an advert..."), frame4(groups[0], protocolAH, "with a key.."), options,
		frame4(groups[0], 17, "udp ........"), frame6(protocolVRRP, "IPv6 advert."), frame6(58, "ICMPv6 ....."), frame6(protocolAH, "AH on IPv6.."),
		frame4([6]byte{2, 9, 9, 9, 9, 9}, protocolVRRP, "to someone.."), tagged(5), tagged(0),
		[]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06short"),
	)
	want := []string{"an advert...", "with a key..", "with options", "IPv6 advert.", "vlan number0"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// TestWireWorksBelowIP has everything against it that a real router may have.
func TestWireWorksBelowIP(t *testing.T) {
	e := newEnds(t)
	if got := e.must("ip -o addr show lan0"); got != "" {
		t.Fatalf("lan0 has %s", got)
	}
	for _, rule := range []string{
		"add table inet closed", "add chain inet closed in { type filter hook input priority 0 ; policy drop ; }",
		"add chain inet closed out { type filter hook output priority 0 ; policy drop ; }",
	} {
		if _, err := e.Feed("nft -f -", rule); err != nil {
			t.Fatal(err)
		}
	}
	e.hold(e.withMAC(51, "192.168.1.1/24")) // an interface with the sender's MAC address
	if got := e.heard(frame4(groups[0], protocolVRRP, "an advert...")); len(got) != 1 {
		t.Errorf("heard %q, want one advert", got)
	}
	// Nor do we hear ourselves.
	e.send(e.here, frame4(groups[0], protocolVRRP, "from myself."))
	if got := e.heard(); got != nil {
		t.Errorf("heard %q", got)
	}
}

func TestWirePassesTheQueue(t *testing.T) {
	e := newEnds(t)
	// One kilobit a second, and the queue is full before the adverts come.
	e.farMust("tc qdisc add dev lan0 root tbf rate 1kbit burst 2000 limit 4000")
	e.farMust("ip addr add 192.168.1.3/24 dev lan0")
	e.farMust("ip neigh add 192.168.1.2 lladdr 02:00:00:00:00:02 dev lan0")
	err := e.far.Do(func() error {
		c, err := net.Dial("udp", "192.168.1.2:9")
		if err != nil {
			return err
		}
		defer c.Close()
		for range 10 {
			_, _ = c.Write(make([]byte, 1000))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.heard(frame4(groups[0], protocolVRRP, "an advert...")); len(got) != 1 {
		t.Errorf("heard %q, want one advert", got)
	}
}

func TestPollDoesNotWait(t *testing.T) {
	e := newEnds(t)
	buffer := make([]byte, 2048)
	if n, err := e.here.Poll(buffer); n != 0 || err != nil {
		t.Errorf("nothing there: %d, %v", n, err)
	}
	e.send(e.over, frame4(groups[0], protocolVRRP, "an advert..."))
	e.until("advert", func() bool {
		n, err := e.here.Poll(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	})
	_ = e.here.Close()
	if _, err := e.here.Poll(buffer); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := e.here.Transmit(frame6(protocolVRRP, "too late")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestCloseEndsReceive(t *testing.T) {
	e := newEnds(t)
	ended := make(chan error, 1)
	go func() {
		_, err := e.here.Receive(make([]byte, 2048))
		ended <- err
	}()
	time.AfterFunc(20*time.Millisecond, func() { _ = e.here.Close() })
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("Receive ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Receive does not end")
	}
	if err := e.here.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// TestWireOfAnInterfaceThatComesAndGoes is deaf while the interface is down, and ends with it.
func TestWireOfAnInterfaceThatComesAndGoes(t *testing.T) {
	e := newEnds(t)
	e.must("ip link set lan0 down")
	if err := e.here.Transmit(frame4(groups[0], protocolVRRP, "on no cable.")); err == nil {
		t.Error("sent on an interface that is down")
	}
	e.must("ip link set lan0 up")
	e.carrier("lan0")
	if got := e.heard(frame4(groups[0], protocolVRRP, "an advert...")); len(got) != 1 {
		t.Errorf("heard %q, want one advert", got)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := e.here.Receive(make([]byte, 2048))
		ended <- err
	}()
	e.must("ip link del lan0")
	e.plug("lan0")
	e.must("ip link set lan0 up")
	select {
	case err := <-ended:
		if !errors.Is(err, unix.ENODEV) {
			t.Errorf("Receive ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Receive does not end")
	}
	if _, err := e.here.Poll(make([]byte, 2048)); err == nil {
		t.Error("polled an interface that is gone")
	}
	e.carrier("lan0")
	e.here, e.over = e.open(e.Namespace), e.open(e.far)
	if got := e.heard(frame4(groups[0], protocolVRRP, "an advert...")); len(got) != 1 {
		t.Errorf("heard %q, want one advert", got)
	}
}

func TestOpenNamesTheInterface(t *testing.T) {
	_, err := NewVirtual(slog.New(slog.DiscardHandler)).Open("nosuch0")
	if !errors.Is(err, unix.ENODEV) || !strings.HasPrefix(err.Error(), "open interface nosuch0 for vrrp: ") {
		t.Errorf("got %v", err)
	}
}

func TestOpenBeforeTheInterfaceIsUp(t *testing.T) {
	e := newEnds(t)
	e.must("ip link set lan0 down")
	e.here = e.open(e.Namespace)
	e.must("ip link set lan0 up")
	e.carrier("lan0")
	if got := e.heard(frame4(groups[0], protocolVRRP, "an advert...")); len(got) != 1 {
		t.Errorf("heard %q, want one advert", got)
	}
	select {
	case <-e.here.Alive():
	case <-time.After(5 * time.Second):
		t.Error("the wire is not alive")
	}
}

func TestAliveMeansForwarded(t *testing.T) {
	// A far end that says nothing by itself.
	e := &ends{holder: newHolder(t)}
	e.far = &sandbox.Namespace{Name: "far" + e.Name[1:]}
	e.farMust("sysctl -qw net.ipv6.conf.lan0.disable_ipv6=1")
	var over *os.File
	err := e.far.Do(func() error {
		index, err := indexOf("lan0")
		if err == nil {
			over, err = sender(index)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer over.Close()
	say := func(to [6]byte, from [6]byte) {
		frame := append(append(to[:], from[:]...), make([]byte, 48)...)
		if _, err := over.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	e.here = e.open(e.Namespace)
	station, everybody := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	e.send(e.here, frame4(groups[0], protocolVRRP, "from myself."))
	say([6]byte{0x01, 0x80, 0xc2, 0, 0, 0x00}, station)
	say([6]byte{0x01, 0x80, 0xc2, 0, 0, 0x0e}, station)
	say(everybody, e.mac("lan0"))
	select {
	case <-e.here.Alive():
		t.Error("a bridge protocol, or an echo, counts as life")
	case <-time.After(50 * time.Millisecond):
	}
	// Each byte that the filter looks at makes a difference.
	for _, c := range [][2][6]byte{
		{everybody, station}, {{0x01, 0x80, 0xc2, 0, 0, 0x10}, station}, {{0x01, 0x80, 0xc3, 0, 0, 0}, station},
		{everybody, with(e.mac("lan0"), 0)}, {everybody, with(e.mac("lan0"), 5)},
	} {
		w := e.open(e.Namespace)
		say(c[0], c[1])
		select {
		case <-w.Alive():
		case <-time.After(5 * time.Second):
			t.Errorf("a frame to %x from %x does not count as life", c[0], c[1])
		}
	}
}

// TestUnicast also shows that the receiver's kernel does not refuse the protocol.
func TestUnicast(t *testing.T) {
	e := newEnds(t)
	e.must("ip addr add 192.168.1.2/24 dev lan0")
	e.must("ip addr add 2001:db8::2/64 dev lan0 nodad")
	e.must("ip addr add fe80::2/64 dev lan0 nodad")
	e.farMust("ip addr add 192.168.1.3/24 dev lan0")
	e.farMust("ip addr add 2001:db8::3/64 dev lan0 nodad")
	e.farMust("ip addr add fe80::3/64 dev lan0 nodad")
	address := netip.MustParseAddr
	for _, c := range []struct {
		from, to string
		protocol byte
	}{
		{"192.168.1.3", "192.168.1.2", protocolVRRP}, {"192.168.1.3", "192.168.1.2", protocolAH},
		{"2001:db8::3", "2001:db8::2", protocolVRRP}, {"fe80::3", "fe80::2", protocolVRRP},
	} {
		packet := packet6(address(c.from), address(c.to), c.protocol, "an advert...")
		if address(c.to).Is4() {
			packet = packet4(address(c.from), address(c.to), c.protocol, "an advert...")
			packet[4], packet[10], packet[11] = 0x12, 0, 0 // the packet's number, which AH signs
			binary.BigEndian.PutUint16(packet[10:], onesComplement(packet[:20]))
		}
		e.until("unicast to "+c.to, func() bool { return e.over.Unicast(packet, address(c.to)) == nil })
		buffer := make([]byte, 2048)
		for {
			n, err := e.here.Receive(buffer)
			if err != nil {
				t.Fatal(err)
			}
			if got := buffer[14:n]; bytes.HasPrefix(got, packet) {
				break
			} else if !address(c.to).Is6() || len(got) == len(packet) {
				t.Errorf("received %x, want %x", got, packet)
				break
			}
		}
	}
	out := e.must("cat /proc/net/snmp /proc/net/snmp6")
	for _, line := range strings.Split(out, "\n") {
		if w := strings.Fields(line); len(w) == 2 && w[0] == "Icmp6OutParmProblems" && w[1] != "0" {
			t.Errorf("the kernel refused a protocol: %s", line)
		}
	}
	if n := e.unreachables(out); n != "0" {
		t.Errorf("the kernel has answered %s times with destination unreachable", n)
	}
}

func TestWireJoinsTheGroups(t *testing.T) {
	e := newEnds(t)
	got := e.must("ip maddr show dev lan0")
	for _, want := range []string{"inet  224.0.0.18", "inet6 ff02::12", "01:00:5e:00:00:12", "33:33:00:00:00:12"} {
		if !strings.Contains(got, want) {
			t.Errorf("lan0 is not in %s:\n%s", want, got)
		}
	}
	_ = e.here.Close()
	if got := e.must("ip maddr show dev lan0"); strings.Contains(got, "224.0.0.18") {
		t.Errorf("closed, and still a member:\n%s", got)
	}
}

// TestFloodIsBounded fills the buffer of a wire that nobody reads.
func TestFloodIsBounded(t *testing.T) {
	e := newEnds(t)
	advert := frame4(groups[0], protocolVRRP, "one of many.")
	for range 5000 {
		_ = e.over.Transmit(advert)
	}
	count, buffer := 0, make([]byte, 2048)
	allocations := testing.AllocsPerRun(500, func() {
		n, err := e.here.Poll(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			count++
		}
	})
	for {
		n, err := e.here.Poll(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		count++
	}
	t.Logf("%d of 5000 kept", count)
	if count < 500 || count > 4000 {
		t.Errorf("%d of 5000 were kept, want about a thousand", count)
	}
	if allocations > 0 {
		t.Errorf("%v allocations for each frame polled, want none", allocations)
	}
	for range 500 {
		_ = e.over.Transmit(advert)
	}
	time.Sleep(20 * time.Millisecond)
	allocations = testing.AllocsPerRun(300, func() {
		if _, err := e.here.Receive(buffer); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations for each frame received, want none", allocations)
	}
}
