package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Advert is one packet that concerns a virtual address, as the house's switch saw it. It is decoded here
// anew: the lab is no witness if it uses the engine's own codec.
type Advert struct {
	Time     time.Time // when the switch's port received it, by the kernel
	From     string    // name of the router or client at the port
	Source   netip.Addr
	Version  int
	ID       int
	Priority int
	Frame    []byte
	// Announces is the address of a gratuitous ARP; the fields about adverts are zero then.
	Announces netip.Addr
}

func (a Advert) String() string {
	what := fmt.Sprintf("v%d VRID %d priority %d", a.Version, a.ID, a.Priority)
	if a.Announces.IsValid() {
		what = "announces " + a.Announces.String()
	}
	return fmt.Sprintf("%s %s (%s) %s", a.Time.Format("05.000"), a.From, a.Source, what)
}

// Recorder records all adverts and gratuitous ARPs of the house's LAN.
type Recorder struct {
	fd    int
	lan   *sandbox.Namespace
	ports map[int]string // the switches' ports by interface index; those that are none of a box or client are empty
	tasks sync.WaitGroup

	mu  sync.Mutex
	all []Advert
}

// Record starts a Recorder, which ends with the house.
func (h *House) Record() (*Recorder, error) {
	r := &Recorder{lan: h.lan, ports: map[int]string{}}
	err := h.lan.Do(func() (err error) {
		r.fd, err = listenAll()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("record adverts: %w", err)
	}
	r.tasks.Go(r.receive)
	h.onClose(r.close)
	return r, nil
}

// port names the router or client at one of the switches' interfaces: a new one after each PowerOn.
func (r *Recorder) port(index int) string {
	if name, known := r.ports[index]; known {
		return name
	}
	name := ""
	_ = r.lan.Do(func() error {
		l, err := net.InterfaceByIndex(index)
		if err == nil && !slices.Contains([]string{"lo", "lan", "upstairs", "trunk", "trunk-up"}, l.Name) {
			name = l.Name
		}
		return err
	})
	r.ports[index] = name
	return name
}

// listenAll opens a socket that hears every frame of the calling thread's namespace, with the time it came.
func listenAll() (int, error) {
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	if err != nil {
		return -1, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	tick := unix.NsecToTimeval(int64(look)) // a blocked read does not notice that its socket is closed
	return fd, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tick)
}

func (r *Recorder) close() {
	r.mu.Lock()
	fd := r.fd
	r.fd = -1
	r.mu.Unlock()
	r.tasks.Wait()
	_ = unix.Close(fd)
}

func (r *Recorder) socket() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fd
}

func (r *Recorder) receive() {
	frame, control := make([]byte, 2048), make([]byte, 128)
	for {
		fd := r.socket()
		if fd < 0 {
			return
		}
		n, size, _, from, err := unix.Recvmsg(fd, frame, control, 0)
		if err != nil {
			continue // nothing within a tick
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok || link.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		a, ok := dissect(frame[:n])
		if !ok || r.port(link.Ifindex) == "" {
			continue
		}
		a.From, a.Time, a.Frame = r.port(link.Ifindex), stamped(control[:size]), slices.Clone(frame[:n])
		r.mu.Lock()
		r.all = append(r.all, a)
		r.mu.Unlock()
	}
}

// stamped is the kernel's time of a message, or now.
func stamped(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}

// dissect reads an Ethernet frame as far as the lab wants to know.
func dissect(frame []byte) (a Advert, ok bool) {
	if len(frame) < 14+28 {
		return a, false
	}
	body := frame[14:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_ARP:
		sender, target := [4]byte(body[14:18]), [4]byte(body[24:28])
		a.Source, a.Announces = netip.AddrFrom4(sender), netip.AddrFrom4(target)
		return a, sender == target
	case unix.ETH_P_IP:
		a.Source = netip.AddrFrom4([4]byte(body[12:16]))
		payload := body[int(body[0]&15)*4:]
		protocol := body[9]
		if protocol == unix.IPPROTO_AH && len(payload) > 24 {
			protocol, payload = payload[0], payload[24:]
		}
		return a.read(protocol, payload)
	case unix.ETH_P_IPV6:
		if len(body) < 40+8 {
			return a, false
		}
		a.Source = netip.AddrFrom16([16]byte(body[8:24]))
		return a.read(body[6], body[40:])
	}
	return a, false
}

func (a Advert) read(protocol byte, payload []byte) (Advert, bool) {
	const vrrp = 112
	if protocol != vrrp || len(payload) < 8 {
		return a, false
	}
	a.Version, a.ID, a.Priority = int(payload[0]>>4), int(payload[1]), int(payload[2])
	return a, true
}

// Since is what was recorded from a moment on, in order.
func (r *Recorder) Since(from time.Time) []Advert {
	r.mu.Lock()
	defer r.mu.Unlock()
	var recent []Advert
	for _, a := range r.all {
		if !a.Time.Before(from) {
			recent = append(recent, a)
		}
	}
	return recent
}

// Adverts is Since without announcements, from one router; an empty name means all.
func (r *Recorder) Adverts(from time.Time, router string) []Advert {
	return slices.DeleteFunc(r.Since(from), func(a Advert) bool {
		return a.Announces.IsValid() || router != "" && a.From != router
	})
}

// Announcements is Since for the gratuitous ARPs of one router.
func (r *Recorder) Announcements(from time.Time, router string) []Advert {
	return slices.DeleteFunc(r.Since(from), func(a Advert) bool { return !a.Announces.IsValid() || a.From != router })
}

// Story is Since as text, for the log of a failed test.
func (r *Recorder) Story(from time.Time) string {
	var s strings.Builder
	for _, a := range r.Since(from) {
		s.WriteString(a.String() + "\n")
	}
	return s.String()
}
