package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

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

// Throughput sends UDP datagrams of a payload size from a device to the Internet as fast as one thread can, for a time.
// They end in the kernel of the far side, where a counter is read. A virtual cable forwards in the thread that sends, so
// PerPacket holds the whole way through the router and nothing of other programs: it is the steadier figure on a shared machine.
func (h *House) Throughput(ctx context.Context, d *Device, payload int, span time.Duration) (Rate, error) {
	socket, err := d.flooder()
	if err != nil {
		return Rate{}, err
	}
	defer unix.Close(socket)
	return h.throughput(ctx, socket, payload, span)
}

// throughput is Throughput of a flow that there is already.
func (h *House) throughput(ctx context.Context, socket, payload int, span time.Duration) (Rate, error) {
	before, err := h.discarded()
	if err != nil {
		return Rate{}, err
	}
	busy := startBusy()
	f := flood(ctx, socket, payload, span)
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

// flooder opens a socket that the Go runtime does not watch: it would be woken on another core for packets that
// leave the queue, which made the figures unsteady.
func (d *Device) flooder() (socket int, err error) {
	err = d.space.Do(func() error {
		if socket, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		to := &unix.SockaddrInet4{Port: discardPort, Addr: netip.MustParseAddr(EchoAddress).As4()}
		if err := unix.Connect(socket, to); err != nil {
			unix.Close(socket)
			return err
		}
		return nil
	})
	return socket, err
}

func flood(ctx context.Context, socket, payload int, span time.Duration) (f flooded) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	datagram := make([]byte, payload)
	start, cpu := time.Now(), threadTime()
	for time.Since(start) < span && ctx.Err() == nil {
		const burst = 64 // looking at the clock each time would cost as much as a rule or two
		for range burst {
			if _, err := unix.Write(socket, datagram); err != nil {
				f.err = err
			} else {
				f.sent++
			}
		}
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
	return bulk(ctx, conn, span)
}

// bulk is Bulk by a connection that there is already.
func bulk(ctx context.Context, conn net.Conn, span time.Duration) (Rate, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	busy, start := startBusy(), time.Now()
	buffer, sent := make([]byte, 128<<10), unacknowledged(conn)
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
