package kernel

import (
	"encoding/binary"
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// batchSize keeps a batch of addresses at 50 KB, well inside a socket's usual buffer of 208 KB.
const batchSize = 500

// batch is many rtnetlink requests that go to the kernel in one system call, of which only the last is acknowledged:
// asking for each alone and waiting takes five times as long.
type batch struct {
	bytes  []byte
	starts []int
}

// request begins a message with its fixed part.
func (b *batch) request(kind, flags int, fixed []byte) {
	b.finish()
	b.starts = append(b.starts, len(b.bytes))
	b.bytes = binary.NativeEndian.AppendUint32(b.bytes, 0) // its length, by finish
	b.bytes = binary.NativeEndian.AppendUint16(b.bytes, uint16(kind))
	b.bytes = binary.NativeEndian.AppendUint16(b.bytes, uint16(flags|unix.NLM_F_REQUEST))
	b.bytes = binary.NativeEndian.AppendUint32(b.bytes, uint32(len(b.starts))) // sequence number
	b.bytes = binary.NativeEndian.AppendUint32(b.bytes, 0)
	b.bytes = append(b.bytes, fixed...)
}

// attribute adds an attribute to the message.
func (b *batch) attribute(kind int, value []byte) {
	b.bytes = binary.NativeEndian.AppendUint16(b.bytes, uint16(unix.SizeofRtAttr+len(value)))
	b.bytes = binary.NativeEndian.AppendUint16(b.bytes, uint16(kind))
	b.bytes = append(b.bytes, value...)
	for len(b.bytes)%4 != 0 {
		b.bytes = append(b.bytes, 0)
	}
}

func (b *batch) finish() {
	if n := len(b.starts); n > 0 {
		start := b.starts[n-1]
		binary.NativeEndian.PutUint32(b.bytes[start:], uint32(len(b.bytes)-start))
	}
}

// send returns what became of each request: nil, or the kernel's reason.
func (b *batch) send() ([]error, error) {
	if len(b.starts) == 0 {
		return nil, nil
	}
	b.finish()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	defer unix.Close(fd)
	// The kernel answers at once; the limit only bounds one that does not.
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	verdicts := make([]error, len(b.starts))
	for from := 0; from < len(b.starts); from += batchSize {
		to := min(from+batchSize, len(b.starts))
		if err := b.exchange(fd, from, to, verdicts); err != nil {
			return nil, fmt.Errorf("talk to rtnetlink: %w", err)
		}
	}
	return verdicts, nil
}

// exchange sends some of the messages and reads the errors up to the acknowledgement of the last.
func (b *batch) exchange(fd, from, to int, verdicts []error) error {
	end := len(b.bytes)
	if to < len(b.starts) {
		end = b.starts[to]
	}
	flags := b.bytes[b.starts[to-1]+6:]
	binary.NativeEndian.PutUint16(flags, binary.NativeEndian.Uint16(flags)|unix.NLM_F_ACK)
	if err := unix.Sendto(fd, b.bytes[b.starts[from]:end], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, answer)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if read(answer[:n], verdicts) == to {
			return nil
		}
	}
}

// read notes the verdicts in an answer and returns the last one's sequence number.
func read(answer []byte, verdicts []error) (last int) {
	for len(answer) >= unix.NLMSG_HDRLEN+4 {
		size := binary.NativeEndian.Uint32(answer)
		if size < unix.NLMSG_HDRLEN+4 || int64(size) > int64(len(answer)) {
			break
		}
		sequence := binary.NativeEndian.Uint32(answer[8:])
		if binary.NativeEndian.Uint16(answer[4:]) == unix.NLMSG_ERROR && sequence-1 < uint32(len(verdicts)) {
			verdicts[sequence-1] = verdict(answer[:size])
			last = int(sequence)
		}
		answer = answer[min(int(size+3)&^3, len(answer)):]
	}
	return last
}

// extendedAck and capped are flags of an answer: it carries the kernel's reason (NLM_F_ACK_TLVS), and no copy of the request.
const (
	capped      = 0x100
	extendedAck = 0x200
	reason      = 1 // NLMSGERR_ATTR_MSG
)

func verdict(m []byte) error {
	code := int32(binary.NativeEndian.Uint32(m[unix.NLMSG_HDRLEN:]))
	if code >= 0 || code == math.MinInt32 {
		return nil
	}
	err := unix.Errno(-code)
	flags := binary.NativeEndian.Uint16(m[6:])
	if flags&extendedAck == 0 || flags&capped == 0 {
		return err
	}
	for kind, v := range attributes(m, unix.NLMSG_HDRLEN+4+unix.NLMSG_HDRLEN) {
		if kind == reason {
			return fmt.Errorf("%w (%s)", err, text(v))
		}
	}
	return err
}
