package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// owners names the Debian package of each program the build runs.
var owners = map[string]string{
	"apt-get": "apt", "apt-cache": "apt", "apt-config": "apt",
	"dpkg-deb": "dpkg", "tar": "tar", "xz": "xz-utils", "zstd": "zstd",
	"depmod": "kmod", "systemd-sysusers": "systemd", "systemctl": "systemd", "ldconfig": "libc-bin",
	"mksquashfs": "squashfs-tools", "mkfs.vfat": "dosfstools", "mcopy": "mtools", "mmd": "mtools",
	"mke2fs": "e2fsprogs", "sfdisk": "fdisk",
}

// command is one run of a host program.
type command struct {
	name   string
	args   []string
	env    []string // beside the caller's
	dir    string
	stdin  io.Reader
	stdout io.Writer
}

// run runs a host program; what it complained about is in the error.
func run(ctx context.Context, name string, args ...string) error {
	return command{name: name, args: args}.run(ctx)
}

func (c command) run(ctx context.Context) error {
	path, err := find(c.name)
	if err != nil {
		return err
	}
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, path, c.args...)
	cmd.Env = append(append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC"), c.env...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.dir, c.stdin, c.stdout, &complaint
	if c.stdout == nil {
		cmd.Stdout = &complaint // some say on stdout what went wrong
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", c.name, strings.Join(c.args, " "), err, lastLines(complaint.String(), 20))
	}
	return nil
}

// output is what the program prints.
func (c command) output(ctx context.Context) (string, error) {
	var out bytes.Buffer
	c.stdout = &out
	err := c.run(ctx)
	return out.String(), err
}

// find looks where an ordinary user's PATH does not lead, too: mkfs and depmod are in sbin.
func find(name string) (string, error) {
	for _, path := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	if owner := owners[name]; owner != "" {
		return "", fmt.Errorf("%s is not installed\nhint: apt-get install %s", name, owner)
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
