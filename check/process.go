package check

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// table answers whether a process runs. All checks share it: while one that is looked for goes on living, nothing but its
// own entry is read, and the whole of /proc at most once for all who ask within half an interval.
type table struct {
	root string

	mu    sync.Mutex
	pids  map[string]string // name → the process that had it last
	names map[string]string // name → process, by the last scan
	seen  time.Time
}

func newTable(root string) *table { return &table{root: root, pids: map[string]string{}} }

// has reports whether a process has the name, as its command or as the file it was started from. A scan may be half an
// interval old.
func (t *table) has(name string, now time.Time, interval time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if pid := t.pids[name]; pid != "" {
		for _, n := range t.called(pid) {
			if n == name {
				return true
			}
		}
		delete(t.pids, name)
		t.seen = time.Time{} // what the last scan says of it is outdated
	}
	if t.seen.IsZero() || now.Sub(t.seen) >= interval/2 {
		t.scan(now)
	}
	pid, ok := t.names[name]
	if ok {
		t.pids[name] = pid
	}
	return ok
}

func (t *table) scan(now time.Time) {
	t.seen, t.names = now, map[string]string{}
	entries, err := os.ReadDir(t.root)
	if err != nil {
		return
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		for _, name := range t.called(e.Name()) {
			t.names[name] = e.Name()
		}
	}
}

// called returns the names of a process, none of one that is dead and only waits to be noticed (proc_pid_stat(5)). The
// command is cut to 15 bytes by the kernel, and may be anything: it stands between the first and the last parenthesis.
func (t *table) called(pid string) []string {
	stat, err := os.ReadFile(filepath.Join(t.root, pid, "stat"))
	from, to := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if err != nil || from < 0 || to < from || to+2 >= len(stat) {
		return nil
	}
	if state := stat[to+2]; state == 'Z' || state == 'X' {
		return nil
	}
	names := []string{string(stat[from+1 : to])}
	line, err := os.ReadFile(filepath.Join(t.root, pid, "cmdline"))
	file, _, _ := bytes.Cut(line, []byte{0})
	if err == nil && len(file) > 0 {
		names = append(names, filepath.Base(string(file)))
	}
	return names
}
