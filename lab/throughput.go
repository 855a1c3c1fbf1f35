package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Rate is what a flow from a device to the Internet reached.
type Rate struct {
	Packets   float64       // a second, that arrived
	Sent      float64       // a second, that the sender got rid of
	Bits      float64       // a second, of payload that arrived
	PerPacket time.Duration // CPU time of the sending thread for each arrived packet
	Busy      float64       // share of all the machine's cores that was busy, with everything else on it, 0 to 1
}

func (r Rate) String() string {
	if r.Packets == 0 {
		return fmt.Sprintf("%.2f Gbit/s, machine %.0f %% busy", r.Bits/1e9, 100*r.Busy)
	}
	return fmt.Sprintf("%.0f packets/s of %.0f sent, %.2f µs CPU each, machine %.0f %% busy",
		r.Packets, r.Sent, float64(r.PerPacket)/1e3, 100*r.Busy)
}

const batch = 64 // datagrams a system call: the sender's own cost stays small beside the forwarding

// Throughput sends UDP datagrams of a payload size from a device to the Internet as fast as one thread can, for a time.
// They end in the kernel of the far side, where a counter is read. A virtual cable forwards in the thread that sends, so
// PerPacket holds the whole way through the router and nothing of other programs: it is the steadier figure on a shared machine.
func (h *House) Throughput(ctx context.Context, d *Device, payload int, span time.Duration) (Rate, error) {
	conn, err := d.Dial(ctx, "udp4", fmt.Sprintf("%s:%d", EchoAddress, discardPort))
	if err != nil {
		return Rate{}, err
	}
	defer conn.Close()
	before, err := h.discarded()
	if err != nil {
		return Rate{}, err
	}
	busy := startBusy()
	f := flood(ctx, ipv4.NewPacketConn(conn.(*net.UDPConn)), payload, span)
	share := busy.share()
	arrived, err := h.discarded()
	if err != nil || arrived == before {
		return Rate{}, errors.Join(err, f.err, errors.New("throughput: nothing arrived"))
	}
	arrived -= before
	seconds := f.took.Seconds()
	return Rate{
		Packets: float64(arrived) / seconds, Sent: float64(f.sent) / seconds, Bits: float64(arrived*payload*8) / seconds,
		PerPacket: f.cpu / time.Duration(arrived), Busy: share,
	}, nil
}

func (h *House) discarded() (int, error) { return counter(h.internet.space, "targets", "discarded") }

type flooded struct {
	sent      int
	took, cpu time.Duration
	err       error // the last one: a full queue is no reason to stop
}

func flood(ctx context.Context, conn *ipv4.PacketConn, payload int, span time.Duration) (f flooded) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	messages := make([]ipv4.Message, batch)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, payload)}
	}
	start, cpu := time.Now(), threadTime()
	for time.Since(start) < span && ctx.Err() == nil {
		n, err := conn.WriteBatch(messages, 0)
		if err != nil {
			f.err = err
		}
		f.sent += max(n, 0)
	}
	f.took, f.cpu = time.Since(start), threadTime()-cpu
	return f
}

// threadTime is the CPU time that the calling thread has used.
func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Bulk sends one TCP stream from a device to the Internet for a time and counts what the far side acknowledged.
func (h *House) Bulk(ctx context.Context, d *Device, span time.Duration) (Rate, error) {
	conn, err := d.Dial(ctx, "tcp4", fmt.Sprintf("%s:%d", EchoAddress, discardPort))
	if err != nil {
		return Rate{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	busy, start := startBusy(), time.Now()
	buffer, sent := make([]byte, 128<<10), 0
	for time.Since(start) < span {
		n, err := conn.Write(buffer)
		sent += n
		if err != nil {
			return Rate{}, fmt.Errorf("bulk: %w", err)
		}
	}
	seconds := time.Since(start).Seconds()
	return Rate{Bits: float64(max(0, sent-unacknowledged(conn))*8) / seconds, Busy: busy.share()}, nil
}

// unacknowledged is how many bytes are still on this side.
func unacknowledged(conn net.Conn) int {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0
	}
	var n int
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n
}

// busyTime counts ticks of all the machine's cores (proc_stat(5)).
type busyTime struct{ busy, all int }

func startBusy() busyTime {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return busyTime{}
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var t busyTime
	for i, word := range strings.Fields(line) {
		n, err := strconv.Atoi(word)
		if err != nil || i > 8 { // "cpu" itself; after the eighth come guests, which are in the others already
			continue
		}
		t.all += n
		if i != 4 && i != 5 { // idle, waiting for disks
			t.busy += n
		}
	}
	return t
}

// share is the busy part of the time since the start.
func (t busyTime) share() float64 {
	now := startBusy()
	if now.all == t.all {
		return 0
	}
	return float64(now.busy-t.busy) / float64(now.all-t.all)
}
