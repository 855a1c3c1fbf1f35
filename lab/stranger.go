package lab

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Inject sends Ethernet frames from the device at a rate (a second) until ctx ends, and returns how many it sent: a stranger in
// the house. next returns the number-th frame.
func (d *Device) Inject(ctx context.Context, rate int, next func(number int) []byte) (sent int, err error) {
	const round = time.Millisecond // frames leave in bursts: a timer for each would cost more than the frame
	var fd int
	var to unix.SockaddrLinklayer
	err = d.space.Do(func() error {
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		to.Ifindex = link.Index
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	start := time.Now()
	tick := time.NewTicker(round)
	defer tick.Stop()
	for {
		for due := int(time.Since(start) * time.Duration(rate) / time.Second); sent < due; sent++ {
			if err := unix.Sendto(fd, next(sent), 0, &to); err != nil {
				return sent, err
			}
		}
		select {
		case <-ctx.Done():
			return sent, nil
		case <-tick.C:
		}
	}
}

// forged is a VRRP advert as anybody could write it.
type forged struct {
	source, to [4]byte
	ttl        byte
	message    []byte // its checksum is filled in
	pseudo     bool   // with the pseudo-header of IPv4 (RFC 5798)
}

// frame is the advert on the wire, from a MAC address of the stranger's own.
func (f forged) frame() []byte {
	m := append([]byte{}, f.message...)
	binary.BigEndian.PutUint16(m[6:], 0)
	sum := m
	if f.pseudo {
		head := append(append([]byte{}, f.source[:]...), f.to[:]...)
		sum = append(append(head, 0, 112, 0, byte(len(m))), m...)
	}
	binary.BigEndian.PutUint16(m[6:], checksum(sum))
	packet := []byte{0x45, 0xc0, 0, byte(20 + len(m)), 0, 1, 0, 0, f.ttl, 112, 0, 0}
	packet = append(append(packet, f.source[:]...), f.to[:]...)
	binary.BigEndian.PutUint16(packet[10:], checksum(packet))
	frame := []byte{1, 0, 0x5e, 0, 0, 18, 2, 0x66, 0, 0, 0, 1, 8, 0}
	return append(append(frame, packet...), m...)
}

// checksum is the Internet checksum (RFC 1071).
func checksum(data []byte) uint16 {
	var sum uint32
	for i := 0; i < len(data); i += 2 {
		word := uint32(data[i]) << 8
		if i+1 < len(data) {
			word |= uint32(data[i+1])
		}
		sum += word
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
