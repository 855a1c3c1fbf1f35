package front

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever the process prints, the daemon's log stays small and in lines.
func TestMurmur(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := &murmur{log: slog.New(slog.NewTextHandler(&log, nil))}
		fmt.Fprint(m, "one li")
		fmt.Fprint(m, "ne\n"+strings.Repeat("x", 5000)+"\nand \xff\x1b[2J\n")
		for range 1000 {
			fmt.Fprintln(m, "again and again")
		}
		if !strings.Contains(log.String(), `says="one line"`) || strings.Contains(log.String(), "\x1b") || strings.Contains(log.String(), strings.Repeat("x", 1001)) {
			t.Errorf("the log:\n%.3000s", log.String())
		}
		if n := strings.Count(log.String(), "\n"); n != murmurs {
			t.Errorf("%d lines in an hour, want %d", n, murmurs)
		}
		time.Sleep(time.Hour)
		fmt.Fprintln(m, "the next hour")
		if !strings.Contains(log.String(), "the next hour") {
			t.Error("silent for ever")
		}
	})
}
