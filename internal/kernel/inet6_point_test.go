package kernel_test

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/wan/inet6"
)

// tunnel gives a customer a device without an Ethernet address that has one other end, as PPP has: that end is a file.
func tunnel(t *testing.T, customer *sandbox.Namespace) *os.File {
	t.Helper()
	request := struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: unix.IFF_TUN | unix.IFF_NO_PI}
	copy(request.name[:], "wan0")
	var fd int
	err := customer.Do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return err
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		t.Skipf("no tunnels here: %v", err)
	}
	file := os.NewFile(uintptr(fd), "tun")
	t.Cleanup(func() { _ = file.Close() })
	must(t, customer, "ip link set wan0 addrgenmode none up")
	must(t, customer, "ip address add fe80::10/64 dev wan0 nodad")
	return file
}

// datagram6 is an IPv6 packet, with its checksum at that place of the payload.
func datagram6(from, to string, next, hops byte, payload []byte, checksum int) []byte {
	source, destination := netip.MustParseAddr(from).As16(), netip.MustParseAddr(to).As16()
	binary.BigEndian.PutUint16(payload[checksum:], 0)
	pseudo := append(append(append([]byte{}, source[:]...), destination[:]...), 0, 0, byte(len(payload)>>8), byte(len(payload)), 0, 0, 0, next)
	var sum uint32
	for b := append(append(pseudo, payload...), 0); len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(payload[checksum:], ^uint16(sum))
	head := []byte{0x60, 0, 0, 0, byte(len(payload) >> 8), byte(len(payload)), next, hops}
	return append(append(append(head, source[:]...), destination[:]...), payload...)
}

// arrives is the payload of the next packet for an address at the other end.
func arrives(t *testing.T, end *os.File, to string) (payload []byte, hops byte) {
	t.Helper()
	_ = end.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		buffer := make([]byte, 2000)
		n, err := end.Read(buffer)
		if err != nil {
			t.Fatalf("nothing for %s: %v", to, err)
		}
		if n > 40 && netip.AddrFrom16([16]byte(buffer[24:40])) == netip.MustParseAddr(to) {
			return buffer[40:n], buffer[7]
		}
	}
}

// A line like PPP: no Ethernet address, and nothing but the other end.
func TestIPv6OfALineWithOneOtherEnd(t *testing.T) {
	customer := newCustomer(t)
	end := tunnel(t, customer)
	open := func(kind inet6.Kind) (line inet6.Line) {
		err := customer.Do(func() (err error) {
			line, err = kernel.Inet6Sockets{Mark: 0x100}.Open("wan0", kind)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = line.Close() })
		return line
	}
	routers, servers := open(inet6.Routers), open(inet6.Servers)
	if !routers.PointToPoint() || len(routers.HardwareAddr()) != 0 || !servers.PointToPoint() {
		t.Errorf("point-to-point %t, address %s", routers.PointToPoint(), routers.HardwareAddr())
	}
	if err := routers.Send([]byte{133, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if solicitation, hops := arrives(t, end, "ff02::2"); solicitation[0] != 133 || hops != 255 {
		t.Errorf("asked by %x with hop limit %d", solicitation, hops)
	}
	if _, err := end.Write(datagram6("fe80::1", "ff02::1", unix.IPPROTO_ICMPV6, 255, []byte{134, 0, 0, 0, 64, 0, 0, 9, 15: 0}, 2)); err != nil {
		t.Fatal(err)
	}
	if raw, from := within(t, routers); raw[0] != 134 || raw[7] != 9 || from != netip.MustParseAddr("fe80::1") {
		t.Errorf("heard %x from %s", raw, from)
	}
	if err := servers.Send([]byte("solicit")); err != nil {
		t.Fatal(err)
	}
	if question, _ := arrives(t, end, "ff02::1:2"); string(question[8:]) != "solicit" || binary.BigEndian.Uint16(question) != 546 {
		t.Errorf("sent %x", question)
	}
	answer := append([]byte{547 >> 8, 547 & 255, 546 >> 8, 546 & 255, 0, 8 + 9, 0, 0}, "advertise"...)
	if _, err := end.Write(datagram6("fe80::1", "fe80::10", unix.IPPROTO_UDP, 64, answer, 6)); err != nil {
		t.Fatal(err)
	}
	if raw, from := within(t, servers); string(raw) != "advertise" || from.WithZone("") != netip.MustParseAddr("fe80::1") {
		t.Errorf("got %q from %s", raw, from)
	}
}
