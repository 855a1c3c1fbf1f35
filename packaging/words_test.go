package packaging_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// commands are those that "twinpath help" lists, each with its flags. The listing is held to the program by its own test.
func commands(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for line := range strings.Lines(string(read(t, "../cmd/twinpath/testdata/help.txt"))) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "twinpath" && strings.HasPrefix(line, "  ") {
			all[words[1]] = regexp.MustCompile(`--[a-z-]+`).FindAllString(line, -1)
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d commands: %v", len(all), all)
	}
	return all
}

func TestManualHasEveryCommand(t *testing.T) {
	page := string(read(t, "twinpath.8.md"))
	known := commands(t)
	for name, flags := range known {
		row := regexp.MustCompile("(?m)^\\| `twinpath " + name + "`(.*?[^\\\\])\\|").FindStringSubmatch(page)
		if row == nil {
			t.Errorf("twinpath(8) has no line for %q", name)
			continue
		}
		for _, flag := range flags {
			if !strings.Contains(row[1], "`"+flag+"`") {
				t.Errorf("twinpath(8) does not say that %q has %s", name, flag)
			}
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `twinpath ([a-z]+)`").FindAllStringSubmatch(page, -1) {
		if known[row[1]] == nil && row[1] != "help" && !slices.Contains(plain(known), row[1]) {
			t.Errorf("twinpath(8) has %q, which the program has not", row[1])
		}
	}
}

// plain are the commands without flags, whose list of them is nil.
func plain(all map[string][]string) (names []string) {
	for name, flags := range all {
		if len(flags) == 0 {
			names = append(names, name)
		}
	}
	return names
}

// TestCompletion asks bash as the owner's tab key does.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	help, err := filepath.Abs("../cmd/twinpath/testdata/help.txt")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "twinpath"), []byte("#!/bin/sh\ncat "+help+"\n"), 0o755))
	known := commands(t)
	ask := func(words ...string) []string {
		line := "source completion/twinpath.bash; COMP_WORDS=(twinpath " + strings.Join(words, " ") + "); COMP_CWORD=" + string(rune('0'+len(words))) +
			`; _twinpath; printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command("bash", "-c", line)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Fields(string(out))
	}
	all := ask("''")
	for name, flags := range known {
		if !slices.Contains(all, name) {
			t.Errorf("%q is not offered", name)
		}
		got := ask(name, "--")
		slices.Sort(got)
		want := slices.Sorted(slices.Values(flags))
		if !slices.Equal(got, want) {
			t.Errorf("for %q %v is offered, want %v", name, got, want)
		}
	}
	if got := ask("ev"); !slices.Equal(got, []string{"events"}) {
		t.Errorf("for ev %v is offered", got)
	}
	if got := ask("check", "twinpath.t"); !slices.Equal(got, []string{"twinpath.toml"}) {
		t.Errorf("for a file %v is offered", got)
	}
}

// TestDashboard uses only metrics that there are.
func TestDashboard(t *testing.T) {
	text := read(t, "examples/grafana.json")
	if !json.Valid(text) {
		t.Fatal("grafana.json is no JSON")
	}
	metrics := string(read(t, "../web/testdata/metrics.txt"))
	used := regexp.MustCompile(`twinpath_[a-z_]+`).FindAllString(string(text), -1)
	if len(used) < 10 {
		t.Errorf("only %d metrics are used", len(used))
	}
	for _, name := range used {
		family, bucket := strings.CutSuffix(name, "_bucket") // of a histogram
		if kind := regexp.MustCompile("(?m)^# TYPE " + family + " (.+)$").FindStringSubmatch(metrics); kind == nil || bucket != (kind[1] == "histogram") {
			t.Errorf("the dashboard uses %s, which is not in /metrics", name)
		}
	}
}
