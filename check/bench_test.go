package check

import (
	"testing"
	"time"
)

// BenchmarkScan is what looking for a process that does not run costs; BenchmarkFound, for one that does.
func BenchmarkScan(b *testing.B) {
	t := newTable("/proc")
	now := time.Unix(0, 0)
	for b.Loop() {
		now = now.Add(time.Second)
		t.has("nobody has this name", now, time.Second)
	}
}

func BenchmarkFound(b *testing.B) {
	t := newTable("/proc")
	now := time.Unix(0, 0)
	for b.Loop() {
		now = now.Add(time.Second)
		if !t.has("check.test", now, time.Second) {
			b.Fatal("the test itself does not run")
		}
	}
}
