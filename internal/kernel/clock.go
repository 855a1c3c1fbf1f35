package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ClockSet reports whether the machine's clock can be trusted: somebody has set it since the machine was switched on
// (adjtimex(2)), or it agrees with a clock that goes on without power.
func ClockSet(now time.Time) (bool, error) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, fmt.Errorf("ask whether the clock is set: %w", err)
	}
	return clockSet(t, now, batteryClock("/sys/class/rtc"), runtime.GOARCH), nil
}

const (
	// firstYear is before which no clock is right. It is older than this program.
	firstYear = 2025
	// neverSet is the estimated error, in microseconds, of a clock that nobody has set (kernel, time/ntp.c, NTP_PHASE_LIMIT). A
	// time server that does not answer any more, as in an outage of a day, leaves the one that it had.
	neverSet = 16_000_000
	// zones is as far as two right clocks are apart when one of them keeps local time.
	zones = 15 * time.Hour
)

// clockSet judges: battery is the clock with a battery, zero when there is none. A PC without one is virtual, and was given the
// time by what it runs on; a Raspberry Pi without one begins with the time at which it was last used.
func clockSet(t unix.Timex, now, battery time.Time, arch string) bool {
	switch {
	case now.Year() < firstYear:
		return false
	case t.Status&unix.STA_UNSYNC == 0, t.Esterror < neverSet:
		return true
	case battery.IsZero():
		return arch == "amd64" || arch == "386"
	}
	return battery.Sub(now).Abs() < zones
}

// batteryClock reads the machine's first real-time clock (kernel, ABI/testing/rtc-cdev, since_epoch).
func batteryClock(dir string) time.Time {
	text, err := os.ReadFile(filepath.Join(dir, "rtc0", "since_epoch"))
	if err != nil {
		return time.Time{}
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
