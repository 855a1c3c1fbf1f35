package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// disk makes an image with two FAT partitions.
func disk(t *testing.T, label string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 8<<20); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/sbin/sfdisk", "-q", file)
	cmd.Stdin = strings.NewReader("label: " + label + "\n2048 4096\n8192 4096\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, start := range []string{"1048576", "4194304"} {
		if out, err := exec.Command("mformat", "-i", file+"@@"+start, "-T", "4096", "::").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return file
}

func TestPartition(t *testing.T) {
	for _, label := range []string{"dos", "gpt"} {
		t.Run(label, func(t *testing.T) {
			file := disk(t, label)
			two := Partition{file, 2}
			for name, content := range map[string]string{"twinpath.toml": "one", "a/b/c.txt": "deep", "empty": ""} {
				if err := two.Put(name, []byte(content)); err != nil {
					t.Fatal(err)
				}
				if got, err := two.Get(name); err != nil || string(got) != content {
					t.Errorf("%s: %q, %v", name, got, err)
				}
			}
			if err := two.Put("twinpath.toml", []byte("two")); err != nil {
				t.Fatal(err)
			}
			flashed := filepath.Join(t.TempDir(), "flashed")
			if err := Flash(file, flashed); err != nil {
				t.Fatal(err)
			}
			if err := two.Remove("twinpath.toml"); err != nil {
				t.Error(err)
			}
			if got, err := (Partition{flashed, 2}).Get("twinpath.toml"); err != nil || string(got) != "two" {
				t.Errorf("the copy has %q, %v", got, err)
			}
			if names, err := two.List("/"); err != nil || !slices.Equal(names, []string{"a", "empty"}) && !slices.Equal(names, []string{"empty", "a"}) {
				t.Errorf("left: %v, %v", names, err)
			}
			if names, err := (Partition{file, 1}).List("/"); err == nil && len(names) > 0 {
				t.Errorf("the other partition has %v", names)
			}
			if _, err := (Partition{file, 3}).Get("x"); err == nil || !strings.Contains(err.Error(), "there is none") {
				t.Errorf("a partition that is not there: %v", err)
			}
		})
	}
}
