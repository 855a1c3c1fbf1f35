package migration_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/migration"
)

var update = flag.Bool("update", false, "write the golden files")

// origin is a machine with few programs, which exist on the one that runs the test too.
func origin(host string) migration.Origin {
	return migration.Origin{
		Host: host,
		Include: func(pattern string) ([]migration.File, error) {
			names, err := filepath.Glob(pattern)
			var files []migration.File
			for _, name := range names {
				text, err := os.ReadFile(name)
				if err != nil {
					return nil, err
				}
				files = append(files, migration.File{Name: name, Text: text})
			}
			return files, err
		},
		Usable: func(path string) error {
			switch path {
			case "/usr/bin/true", "/usr/bin/test", "/usr/bin/grep":
				return nil
			}
			return fmt.Errorf("there is no file %s", path)
		},
	}
}

// TestRealConfigurations translates a file of each kind that people have, and reads the result as the daemon would.
func TestRealConfigurations(t *testing.T) {
	names, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(names) < 8 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := migration.Import(name, text, origin("srv-a"))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(name, ".conf")+".toml", got.TOML)
			golden(t, strings.TrimSuffix(name, ".conf")+".notes", lines(got.Notes))
			if _, problems := config.Parse("f", []byte(got.TOML)); len(problems) > 0 {
				t.Errorf("the daemon refuses it:\n%v", problems)
			}
			for _, note := range got.Notes {
				if !strings.Contains(got.TOML, note.Text) {
					t.Errorf("no comment says %q", note.Text)
				}
				if strings.Contains(note.Text, "s3cret") || strings.Contains(note.Text, "horse") {
					t.Errorf("%q tells a password", note.Text)
				}
			}
		})
	}
}

func lines(notes []migration.Note) string {
	var out strings.Builder
	for _, n := range notes {
		fmt.Fprintln(&out, n)
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s (-update writes it):\n%s", name, got)
	}
}

func instance(body string) string {
	return "vrrp_instance a {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1/24\n}\n" + body + "\n}\n"
}

// TestKeepalivedSemantics has one line for each thing that keepalived means and does not say.
func TestKeepalivedSemantics(t *testing.T) {
	script := "vrrp_script s {\nscript /usr/bin/true\n%s\n}\n"
	for _, c := range []struct {
		name, text string
		has, lacks []string
	}{
		{"defaults", instance(""),
			[]string{"version   = 2\n", "priority  = 100\n", `interval  = "1s"`}, []string{"preempt", "auth"}},
		{"IPv6 is version 3", strings.Replace(instance(""), "10.0.0.1/24", "fe80::1/64", 1), []string{"version   = 3\n"}, nil},
		{"the global version", "global_defs {\nvrrp_version 3\n}\n" + instance(""), []string{"version   = 3\n"}, nil},
		{"its own version wins", "global_defs {\nvrrp_version 3\n}\n" + instance("version 2"), []string{"version   = 2\n"}, nil},
		{"version 2 counts seconds", instance("advert_int 0.4"), []string{`interval  = "1s"`, "version 2 has no such interval"}, nil},
		{"version 3 counts hundredths", instance("version 3\nadvert_int 0.125"), []string{`interval  = "130ms"`}, nil},
		{"a MASTER is the owner", instance("state MASTER"), []string{"priority  = 255\n", "without priority"}, nil},
		{"a MASTER with a priority is not", instance("state MASTER\npriority 99"), []string{"priority  = 99\n"}, nil},
		{"nothing adds to an owner", fmt.Sprintf(script, "weight 20") + instance("priority 255\ntrack_script {\ns\n}"),
			[]string{"priority  = 255\n"}, nil},
		{"AH is no MASTER", instance("state MASTER\npriority 7\nnopreempt\nauthentication {\nauth_type AH\nauth_pass x\n}"),
			[]string{"preempt   = false"}, nil},
		{"one keyword in a line", instance("authentication { auth_type PASS auth_pass abc }"), []string{"left out"}, []string{"auth      ="}},
		{"nopreempt", instance("state BACKUP\nnopreempt"), []string{"preempt   = false\n"}, nil},
		{"nopreempt with state MASTER", instance("state MASTER\npriority 9\nnopreempt"), []string{"ignores it with state MASTER"}, []string{"preempt   = false"}},
		{"preempt_delay", instance("preempt_delay 90"), []string{`preempt_delay = "1m30s"`}, nil},
		{"delay of nothing", instance("nopreempt\npreempt_delay 90"), []string{"preempt   = false"}, []string{"preempt_delay ="}},
		{"eight characters", instance("authentication {\nauth_type PASS\nauth_pass 123456789\n}"),
			[]string{`auth      = { kind = "password", key = "12345678" }`, "first 8"}, nil},
		{"AH", instance("authentication {\nauth_type AH\nauth_pass x\n}"), []string{`{ kind = "ah", key = "x" }`}, nil},
		{"no password in version 3", instance("version 3\nauthentication {\nauth_type PASS\nauth_pass x\n}"),
			[]string{"version 3 has none"}, []string{"auth      ="}},
		{"negative weight", fmt.Sprintf(script, "weight -20") + instance("track_script {\ns\n}"),
			[]string{"weight    = 20\n", "priority  = 100\n"}, nil},
		{"positive weight", fmt.Sprintf(script, "weight 20") + instance("track_script {\ns\n}"),
			[]string{"weight    = 20\n", "priority  = 120\n", "what success adds"}, nil},
		{"no weight is fault", fmt.Sprintf(script, "") + instance("track_script {\ns\n}"), []string{"weight    = 0\n"}, nil},
		{"the line's weight wins", fmt.Sprintf(script, "weight -20") + instance("track_script {\ns weight -5\n}"), []string{"weight    = 5\n"}, nil},
		{"no more than 254", fmt.Sprintf(script, "weight 200") + instance("track_script {\ns\n}"), []string{"priority  = 254\n"}, nil},
		{"a process adds one", "vrrp_track_process p {\nprocess nginx\n}\n" + instance("track_process {\np\n}"),
			[]string{`process   = "nginx"`, "weight    = 1\n", "priority  = 101\n"}, nil},
		{"an address alone", strings.Replace(instance(""), "/24", "", 1), []string{`addresses = ["10.0.0.1/32"]`}, nil},
		{"no_accept", instance("no_accept"), []string{"accept    = false"}, nil},
		{"comments in quotes stay", instance(`notify "/usr/bin/true !now #1"  # gone`), []string{`on_change = "/usr/bin/true !now #1"`}, []string{"gone"}},
		{"a brace on the next line", strings.Replace(instance(""), "a {", "a\n{", 1), []string{`name      = "a"`}, nil},
		{"undefined stays", instance("notify /usr/bin/true ${NOBODY}"), []string{"/usr/bin/true"}, nil},
		{"lines for another host", instance("@other priority 7\n@me priority 9\n@^me nopreempt"),
			[]string{"priority  = 9\n", "lines for @other are left out", "--host names another"}, []string{"preempt   ="}},
	} {
		got, err := migration.Import("f", []byte(c.text), origin("me"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, phrase := range c.has {
			if !strings.Contains(got.TOML, phrase) {
				t.Errorf("%s: lacks %q:\n%s", c.name, phrase, got.TOML)
			}
		}
		for _, phrase := range c.lacks {
			if strings.Contains(got.TOML, phrase) {
				t.Errorf("%s: has %q:\n%s", c.name, phrase, got.TOML)
			}
		}
		if _, problems := config.Parse("f", []byte(got.TOML)); len(problems) > 0 {
			t.Errorf("%s: the daemon refuses it:\n%v\n%s", c.name, problems, got.TOML)
		}
	}
}

// TestWhatMakesNoSense gives each error its place.
func TestWhatMakesNoSense(t *testing.T) {
	loop := origin("me")
	loop.Include = func(string) ([]migration.File, error) {
		return []migration.File{{Name: "again.conf", Text: []byte("include again.conf")}}, nil
	}
	broken := origin("me")
	broken.Include = func(string) ([]migration.File, error) { return nil, errors.New("permission denied") }
	for _, c := range []struct {
		text, want string
		from       migration.Origin
	}{
		{"vrrp_instance a {\n", "f:1: vrrp_instance a: its block is never closed", origin("")},
		{"vrrp_instance a {\n}\n}\n", "f:3: a } that closes nothing", origin("")},
		{"a\n\x00", "f:2: is not text", origin("")},
		{"hello world\n", "f:1: is neither a keepalived.conf nor a freevrrpd.conf", origin("")},
		{strings.Repeat("#", migration.MaxSize+1), "f:1: is larger than 1024 KiB", origin("")},
		{"$A=$A b\n$A\n", "f:2: its definitions have no end", origin("")},
		{"\ninclude again.conf\n", "again.conf:1: its definitions and included files have no end", loop},
		{strings.Repeat("a {\n", 100), "f:16: nests its blocks too deep", origin("")},
		{"[VRID]\nserverid\n", "f:2: serverid: is neither [VRID] nor a key with its value", origin("")},
		{strings.Repeat("[VRID]\n", 1025), "f:1025: has more than 1024 routers", origin("")},
		{strings.Repeat("vrrp_instance a {\n}\n", 1025), "f:1: has 1025 routers or groups: at most 1024", origin("")},
	} {
		got, err := migration.Import("f", []byte(c.text), c.from)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %s\n%.200s", c.text, err, c.want, got.TOML)
		}
	}
	got, err := migration.Import("f", []byte("include x\n"+instance("")), broken)
	if err != nil || len(got.Notes) != 1 || got.Notes[0].String() != "f:1: include x: permission denied" {
		t.Errorf("an unreadable file: %v, %v", got.Notes, err)
	}
}

// FuzzImport: no text makes Import panic, and whatever it returns the daemon takes.
func FuzzImport(f *testing.F) {
	for _, pattern := range []string{"testdata/*.conf", "testdata/conf.d/*.conf"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		from := origin("srv-a")
		from.Include = func(pattern string) ([]migration.File, error) {
			return []migration.File{{Name: pattern, Text: text[:len(text)/2]}}, nil
		}
		got, err := migration.Import("f", text, from)
		if err != nil {
			if !strings.Contains(err.Error(), ":") {
				t.Errorf("%v has no place", err)
			}
			return
		}
		if _, problems := config.Parse("f", []byte(got.TOML)); len(problems) > 0 {
			t.Errorf("the daemon refuses it:\n%v\n%s", problems, got.TOML)
		}
	})
}
