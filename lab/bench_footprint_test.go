package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// footprintWindows of footprintSpan each: both programs run side by side, so that a window is the same for both.
const (
	footprintWindows = 3
	footprintSpan    = 30 * time.Second
)

// BenchmarkFootprint compares the daemon, which checks 2 WANs with 4 pings each a second, with keepalived, which runs
// 4 ping scripts a second.
func BenchmarkFootprint(b *testing.B) {
	home4 := Default()
	home4.Routers = append(home4.Routers, Router{Name: "peer", WANs: []string{"fibre", "lte"}, LAN: "192.168.1.2/24"})
	h, main, _ := home(b, home4, DefaultConfig)
	await(b, main, "both lines are up", on("fibre"))
	peer := h.Boxes[1]
	must(b, peer.SetUp(ByHand{ISP: "fibre", Masquerade: true}))
	keepalived := startKeepalived(b, h, peer)

	own, theirs := []int{main.PID()}, lineage(b, keepalived.cmd.Process.Pid)
	var cpu, theirCPU figures
	for range footprintWindows {
		start, theirStart := spent(b, own), spent(b, theirs)
		must(b, pause(b.Context(), footprintSpan))
		cpu = append(cpu, share(spent(b, own)-start))
		theirCPU = append(theirCPU, share(spent(b, theirs)-theirStart))
	}
	rss, pss := memory(b, own)
	theirRSS, theirPSS := memory(b, theirs)
	note("%d windows of %s, load %s (min / median / max)", footprintWindows, footprintSpan, load())
	note("twinpath   2 × 4 checks: CPU %s %%, resident %.1f MB, proportional %.1f MB", cpu.text("%.3f"), rss, pss)
	note("keepalived     4 checks: CPU %s %%, resident %.1f MB, proportional %.1f MB", theirCPU.text("%.3f"), theirRSS, theirPSS)
	note("CPU of twinpath to keepalived %s", cpu.by(theirCPU).text("%.3f"))
	only(b, cpu.by(theirCPU).median(), "of-keepalived-cpu")
	b.ReportMetric(rss, "MB")
}

// share is CPU time in percent of one core over a window.
func share(d time.Duration) float64 { return 100 * d.Seconds() / footprintSpan.Seconds() }

// startKeepalived runs keepalived with four scripts, and waits until all of them have succeeded.
func startKeepalived(b *testing.B, h *House, box *Box) *process {
	b.Helper()
	var scripts, track strings.Builder
	for i, target := range []string{"1.1.1.1", "8.8.8.8", "9.9.9.9", "203.0.113.1"} {
		fmt.Fprintf(&scripts, "vrrp_script check%d {\n script \"/usr/bin/ping -n -q -c 1 -W 1 %s\"\n interval 1\n timeout 2\n}\n", i, target)
		fmt.Fprintf(&track, "  check%d\n", i)
	}
	config := filepath.Join(box.dir, "keepalived.conf")
	must(b, os.WriteFile(config, fmt.Appendf(nil, `global_defs {
 script_user root
 enable_script_security
}
%svrrp_instance lan {
 state BACKUP
 interface lan0
 virtual_router_id 51
 priority 50
 virtual_ipaddress {
  192.168.1.254/24
 }
 track_script {
%s }
}
`, scripts.String(), track.String()), 0o600))
	p, err := start(box.space, filepath.Join(box.dir, "keepalived.log"), "keepalived", "--dont-fork", "--log-console",
		"--use-file="+config, "--pid="+config+".pid", "--vrrp_pid="+config+".vrrp")
	must(b, err)
	b.Cleanup(func() { _ = p.stop() })
	must(b, p.await(b.Context(), func() bool { return strings.Count(p.output(), "succeeded") >= 4 }))
	return p
}

// lineage is a process with its children that live on: not those that come and go.
func lineage(b *testing.B, pid int) []int {
	b.Helper()
	all := []int{pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	must(b, err)
	for _, word := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(word)
		must(b, err)
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
		if err == nil && strings.HasPrefix(string(name), "keepalived") {
			all = append(all, lineage(b, child)...)
		}
	}
	return all
}

// spent is the CPU time of processes and of those of their children that have ended.
func spent(b *testing.B, pids []int) (sum time.Duration) {
	b.Helper()
	for _, pid := range pids {
		var t unix.Timespec
		// The process's CPU clock counts in nanoseconds, as /proc does not: clock_getcpuclockid(3).
		must(b, unix.ClockGettime(int32(^pid<<3|2), &t))
		sum += time.Duration(t.Nano())
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		must(b, err)
		_, rest, _ := strings.Cut(string(text), ") ")
		words := strings.Fields(rest)
		for _, word := range words[13:15] { // cutime, cstime: fields 16 and 17 of proc_pid_stat(5), in ticks of 10 ms
			ticks, err := strconv.Atoi(word)
			must(b, err)
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum
}

// memory is what processes hold, in MB: resident, and with shared pages counted in part.
func memory(b *testing.B, pids []int) (resident, proportional float64) {
	b.Helper()
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		must(b, err)
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) != 3 || words[2] != "kB" {
				continue
			}
			kB, err := strconv.ParseFloat(words[1], 64)
			must(b, err)
			switch words[0] {
			case "Rss:":
				resident += kB / 1000
			case "Pss:":
				proportional += kB / 1000
			}
		}
	}
	return resident, proportional
}
