// Package wallclock lets tests see what a program sees when someone sets the machine's clock: the wall clock jumps, the
// monotonic one goes on. Nothing but tests uses it.
package wallclock

import (
	"time"
	"unsafe"
)

// reading is time.Time as package time has it: the top bit of wall says that ext is monotonic, and wall's seconds
// since 1885 stand above its 30 bits of nanoseconds.
type reading struct {
	wall uint64
	ext  int64
	loc  *time.Location
}

// Jump returns t as it would have been read had the wall clock been set by whole seconds of d before. Its monotonic reading
// stays. It panics for a time without one: only time.Now and what is added to it has it.
func Jump(t time.Time, d time.Duration) time.Time {
	r := (*reading)(unsafe.Pointer(&t))
	if r.wall>>63 == 0 {
		panic("wallclock: a time without a monotonic reading cannot jump")
	}
	r.wall += uint64(d/time.Second) << 30 // wraps for a negative d, as it must
	return t
}
