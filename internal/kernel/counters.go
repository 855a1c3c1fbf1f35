package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/router"
)

// Counters returns what the kernel has counted in this network namespace: two small files. One that cannot be read leaves its
// counters out.
func (k *Kernel) Counters() router.Counters {
	return router.Counters{Flows: count(), Traffic: k.Traffic()}
}

// Traffic returns what each interface of this network namespace has carried, as proc(5) has it in /proc/net/dev. It is asked each
// second.
func (k *Kernel) Traffic() map[string]router.Traffic {
	text, err := readProc("/proc/thread-self/net/dev") // /proc/net is of the process's first thread, which may be in another namespace
	var all map[string]router.Traffic
	if err == nil {
		all, err = readTraffic(text)
	}
	if err != nil {
		k.log.Debug("read the interfaces' counters", "err", err)
	}
	return all
}

// readProc is os.ReadFile without asking for the size, which is 0, and for news, of which there are none.
func readProc(name string) (string, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	var text strings.Builder
	for part := make([]byte, 4096); ; {
		n, err := unix.Read(fd, part)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return "", &os.PathError{Op: "read", Path: name, Err: err}
		case n == 0:
			return text.String(), nil
		default:
			text.Write(part[:n])
		}
	}
}

// readTraffic reads /proc/net/dev: two lines of headings, then a line for each interface, with bytes received in the first column
// and bytes sent in the ninth.
func readTraffic(text string) (map[string]router.Traffic, error) {
	all := map[string]router.Traffic{}
	n := 0
	for line := range strings.Lines(text) {
		if n++; n <= 2 {
			continue
		}
		name, rest, _ := strings.Cut(line, ":")
		moved, err := columns(rest)
		if err != nil {
			return all, fmt.Errorf("line %d: %w", n, err)
		}
		all[strings.TrimSpace(name)] = moved
	}
	return all, nil
}

// columns reads the first number of a line and the ninth.
func columns(line string) (moved router.Traffic, err error) {
	const sent = 9
	column := 0
	for word := range strings.FieldsSeq(line) {
		switch column++; column {
		case 1:
			moved.Rx, err = strconv.ParseUint(word, 10, 64)
		case sent:
			moved.Tx, err = strconv.ParseUint(word, 10, 64)
			return moved, err
		}
		if err != nil {
			return moved, err
		}
	}
	return moved, fmt.Errorf("it has %d columns", column)
}
