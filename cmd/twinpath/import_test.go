package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const oldConfig = `include conf.d/*.conf
vrrp_instance lan {
    interface lan0
@here    virtual_router_id 51
@there   virtual_router_id 52
    garp_master_delay 2
    virtual_ipaddress {
        192.168.1.1/24
    }
}
`

// TestImport: what it prints is a configuration, and what it says has file and line.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "keepalived.conf")
	more := filepath.Join(dir, "conf.d", "more.conf")
	if err := os.Mkdir(filepath.Dir(more), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{name: oldConfig, more: "global_defs {\nrouter_id old\nsmtp_alert on\n}\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := play(t.Context(), "import", name, "--host", "there")
	phrases(t, nil, "stdout", got.out, []string{"id        = 52", `name      = "old"`, `addresses = ["192.168.1.1/24"]`})
	phrases(t, nil, "stderr", got.err, []string{
		more + ":3: smtp_alert on: ", name + ":6: garp_master_delay 2: ", name + ":4: lines for @here are left out",
	})
	if got.status != done || strings.Count(got.err, "\n") != 3 {
		t.Errorf("exit %d, %q", got.status, got.err)
	}
	if checked := play(t.Context(), "check", write(t, got.out)); checked.status != done {
		t.Errorf("check refuses it: %s", checked.err)
	}
}

func TestImportOfNothing(t *testing.T) {
	broken := write(t, "vrrp_instance a {\n")
	for _, c := range []struct {
		args   []string
		status int
		err    string
	}{
		{[]string{"import"}, misused, "something is missing"},
		{[]string{"import", "a", "b"}, misused, `"b" is too much`},
		{[]string{"import", broken + ".gone"}, no, "no such file or directory"},
		{[]string{"import", t.TempDir()}, no, "is not a file"},
		{[]string{"import", broken}, no, broken + ":1: vrrp_instance a: its block is never closed"},
	} {
		if got := play(t.Context(), c.args...); got.status != c.status || !strings.Contains(got.err, c.err) || got.out != "" {
			t.Errorf("%v: exit %d, %q %q", c.args, got.status, got.err, got.out)
		}
	}
}
