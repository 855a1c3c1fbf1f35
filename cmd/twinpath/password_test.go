package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/router"
	"golang.org/x/crypto/bcrypt"
)

// typing runs a command with a text on its standard input.
func typing(t *testing.T, text string, args ...string) (status int, out, said string) {
	t.Helper()
	var o, e strings.Builder
	return execute(t.Context(), args, stdio{strings.NewReader(text), &o, &e}), o.String(), e.String()
}

func TestPassword(t *testing.T) {
	status, out, said := typing(t, "correct horse\ncorrect horse\n", "password")
	line := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(out), `password = "`), `"`)
	if status != done || bcrypt.CompareHashAndPassword([]byte(line), []byte("correct horse")) != nil {
		t.Errorf("exit %d: %q, %s", status, out, said)
	}
	if cfg := parsed(t, lanOnly+"[web]\n"+out); cfg.Web.Password != line {
		t.Errorf("the line is not a configuration's: %s", out)
	}
	for typed, want := range map[string]string{
		"correct horse\nbattery staple\n": "the two are not the same",
		"short\nshort\n":                  "too short",
		"":                                "read the password: EOF",
	} {
		if status, out, said := typing(t, typed, "password"); status != no || out != "" || !strings.Contains(said, want) {
			t.Errorf("%q: exit %d: %s%s", typed, status, out, said)
		}
	}
}

// The program is built as it is shipped: its cage insists on it.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the process becomes somebody who owns nothing
		t.Fatal(err)
	}
	program := filepath.Join(dir, "twinpath")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	v := verifier{program}
	hash, err := v.hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct house": false, "": false} {
		if right, err := v.verify(t.Context(), hash, password); err != nil || right != want {
			t.Errorf("%q: %t, %v", password, right, err)
		}
	}
	if _, err := v.verify(t.Context(), "no hash", "correct horse"); err == nil {
		t.Error("a hash that is none is somebody's")
	}
}

const lanOnly = "[lan]\ninterface = \"lan0\"\naddress = \"192.168.1.2/24\"\n"

func parsed(t *testing.T, text string) router.Config {
	t.Helper()
	cfg, problems := config.Parse("twinpath.toml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return cfg
}
