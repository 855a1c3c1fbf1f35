package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// outcome is what a user sees of one command.
type outcome struct {
	status   int
	out, err string
}

func play(ctx context.Context, args ...string) outcome {
	var out, err bytes.Buffer
	status := execute(ctx, args, stdio{strings.NewReader(""), &out, &err})
	return outcome{status, out.String(), err.String()}
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "twinpath.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s (-update writes it):\n%s", path, got)
	}
}

const good = `[lan]
interface = "lan0"
address = "192.168.1.1/24"

[[wan]]
name = "fibre"
interface = "wan0"
kind = "dhcp"
`

func TestCommandLine(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "no", "such.toml")
	nobody := filepath.Join(t.TempDir(), "no.sock")
	bad := write(t, strings.Replace(good, `"dhcp"`, `"dchp"`, 1)+"cots = 5\n")
	silent := "no daemon answers at " + nobody + `: is it running? (start it with "twinpath run", or name its socket with --socket)`
	for _, c := range []struct {
		args     []string
		status   int
		out, err []string // phrases; none: silent
	}{
		{args: nil, out: []string{"twinpath run [--config F]", "print the version"}},
		{args: []string{"help"}, out: []string{"twinpath apply F [--confirm 90s]"}},
		{args: []string{"--help"}, out: []string{"twinpath drain [WAN]"}},
		{args: []string{"status", "--help"}, out: []string{"usage: twinpath status [--json] [--watch]"}},
		{args: []string{"fly"}, status: 2, err: []string{`there is no command "fly"`, `hint: "twinpath help" lists them`}},
		{args: []string{"version"}, out: []string{version}},
		{args: []string{"version", "2"}, status: 2, err: []string{`"2" is too much`, "usage: twinpath version"}},
		{args: []string{"check", write(t, good)}},
		{args: []string{"check", bad}, status: 1, err: []string{bad + ":8: wan[0].kind: ", bad + ":9: wan[0].cots: is not a known key", "hint: did you mean"}},
		{args: []string{"check", nowhere}, status: 1, err: []string{nowhere, "no such file or directory"}},
		{args: []string{"check", "a", "b"}, status: 2, err: []string{`"b" is too much`}},
		{args: []string{"plan", bad}, status: 1, err: []string{bad + ":8: wan[0].kind: "}},
		{args: []string{"plan", write(t, good)}, out: []string{"# fibre (dhcp on wan0): its address and default route come with its lease", "ip link set wan0 up"}},
		{args: []string{"run", "--nonsense"}, status: 2, err: []string{"flag provided but not defined", "usage: twinpath run"}},
		{args: []string{"status", "--socket", nobody}, status: 1, err: []string{silent}},
		{args: []string{"status", "--watch", "--socket", nobody}, status: 1, err: []string{silent}},
		{args: []string{"events", "--socket", nobody}, status: 1, err: []string{silent}},
		{args: []string{"events", "--since", "yesterday"}, status: 2, err: []string{`--since: "yesterday" is neither a duration (2h) nor a time`}},
		{args: []string{"drain", "fibre", "--socket", nobody}, status: 1, err: []string{silent}},
		{args: []string{"apply"}, status: 2, err: []string{"something is missing"}},
		{args: []string{"apply", nowhere}, status: 1, err: []string{nowhere, "no such file or directory"}},
		{args: []string{"apply", write(t, good), "--confirm", "soon"}, status: 2, err: []string{"usage: twinpath apply F [--confirm 90s]"}},
		{args: []string{"confirm", "--socket", nobody}, status: 1, err: []string{silent}},
	} {
		got := play(t.Context(), c.args...)
		if got.status != c.status {
			t.Errorf("%v: exit %d, want %d", c.args, got.status, c.status)
		}
		phrases(t, c.args, "stdout", got.out, c.out)
		phrases(t, c.args, "stderr", got.err, c.err)
	}
}

func phrases(t *testing.T, args []string, where, got string, want []string) {
	t.Helper()
	if len(want) == 0 && got != "" {
		t.Errorf("%v: %s is not silent: %s", args, where, got)
	}
	for _, phrase := range want {
		if !strings.Contains(got, phrase) {
			t.Errorf("%v: %s does not say %q: %s", args, where, phrase, got)
		}
	}
}

func TestPlanOfTheExample(t *testing.T) {
	got := play(t.Context(), "plan", filepath.Join("..", "..", "packaging", "twinpath.toml"))
	if got.status != 0 || got.err != "" {
		t.Fatalf("exit %d: %s", got.status, got.err)
	}
	golden(t, "plan.txt", got.out)
}

func TestHelp(t *testing.T) { golden(t, "help.txt", play(t.Context(), "help").out) }
