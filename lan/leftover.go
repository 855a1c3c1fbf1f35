package lan

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// EndLeftover ends the dnsmasq that a daemon with this state directory left behind when it was killed.
func EndLeftover(state string, log *slog.Logger) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		log.Warn("processes not listed", "err", err)
		return
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		switch found, err := endLeftover(pid, Leases(state)); {
		case err != nil:
			log.Warn("an earlier dnsmasq goes on", "pid", pid, "err", err)
		case found:
			log.Info("ended an earlier dnsmasq", "pid", pid)
		}
	}
}

// endLeftover ends a process if it is a dnsmasq with these leases.
func endLeftover(pid int, leases string) (found bool, err error) {
	if !isDnsmasq(commandLine(pid), leases) {
		return false, nil
	}
	process, err := unix.PidfdOpen(pid, 0) // from here on the number cannot become another process's
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("open process: %w", err)
	}
	defer unix.Close(process)
	words := commandLine(pid)
	if !isDnsmasq(words, leases) {
		return false, nil
	}
	for _, signal := range [...]unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if err := unix.PidfdSendSignal(process, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return true, fmt.Errorf("end it: %w", err)
		}
		if gone(process) {
			removeDirectory(words)
			return true, nil
		}
	}
	return true, errors.New("end it: it does not go")
}

func isDnsmasq(words []string, leases string) bool {
	return len(words) > 0 && filepath.Base(words[0]) == "dnsmasq" && slices.ContainsFunc(words, func(word string) bool {
		file, is := strings.CutPrefix(word, leaseArgument(""))
		return is && (file == leases || strings.HasPrefix(filepath.Base(filepath.Dir(file)), sparePrefix(leases)))
	})
}

func commandLine(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\x00")
}

// gone waits until the process has ended, and reports whether it has.
func gone(process int) bool {
	end := time.Now().Add(patience)
	for {
		left := time.Until(end)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, int(max(left, 0).Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n > 0
		}
	}
}

// removeDirectory removes the directory of a dnsmasq that is gone.
func removeDirectory(words []string) {
	for _, word := range words {
		file, ours := strings.CutPrefix(word, pidArgument)
		dir, name := filepath.Split(filepath.Dir(file))
		if ours && filepath.Clean(dir) == os.TempDir() && strings.HasPrefix(name, dirPrefix) {
			_ = os.RemoveAll(filepath.Dir(file))
		}
	}
}
