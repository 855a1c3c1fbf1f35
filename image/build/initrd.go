package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// writeInitrd makes the small first root: busybox, the recipe's init and the kernel modules that lead to the disk.
func writeInitrd(ctx context.Context, root, kernel string, r recipe, n needs, to string) error {
	var archive bytes.Buffer
	c := &cpioWriter{w: &archive}
	for _, dir := range []string{"bin", "dev", "etc", "lib", "lib/modules", "proc", "run", "sys"} {
		c.entry(dir, cpioDir|0o755, nil, 0, 0)
	}
	// Before devtmpfs is mounted, init's own words go here.
	c.entry("dev/console", cpioDevice|0o600, nil, 5, 1)
	for _, f := range [][2]string{{"bin/busybox", filepath.Join(root, "usr/bin/busybox")}, {"init", filepath.Join(r.dir, "init")}} {
		body, err := os.ReadFile(f[1])
		if err != nil {
			return err
		}
		c.entry(f[0], cpioFile|0o755, body, 0, 0)
	}
	c.entry("bin/sh", cpioLink|0o777, []byte("busybox"), 0, 0)
	if err := addModules(ctx, c, filepath.Join(root, "usr/lib/modules", kernel), kernel, n.closure(r.initrd)); err != nil {
		return err
	}
	if err := c.close(); err != nil {
		return err
	}
	// Multiples of 4 bytes: a second archive appended to this one is ignored elsewhere.
	archive.Write(make([]byte, -archive.Len()&3))
	if err := (command{name: "zstd", args: []string{"-q", "-f", "-19", "-T1", "-o", to}, stdin: &archive}).run(ctx); err != nil {
		return fmt.Errorf("compress initrd: %w", err)
	}
	return padFile(to, 4)
}

// addModules adds modules unpacked (the whole archive is compressed better than each of them) and the indexes modprobe reads.
func addModules(ctx context.Context, c *cpioWriter, from, kernel string, modules []string) error {
	made := map[string]bool{"lib/modules": true}
	var mkdir func(dir string)
	mkdir = func(dir string) {
		if !made[dir] {
			mkdir(path.Dir(dir))
			made[dir] = true
			c.entry(dir, cpioDir|0o755, nil, 0, 0)
		}
	}
	base := path.Join("lib/modules", kernel)
	mkdir(base)
	for _, module := range modules {
		body, err := command{name: "xz", args: []string{"-dc", filepath.Join(from, module)}}.output(ctx)
		if err != nil {
			return err
		}
		name := path.Join(base, strings.TrimSuffix(module, ".xz"))
		mkdir(path.Dir(name))
		c.entry(name, cpioFile|0o644, []byte(body), 0, 0)
	}
	for _, index := range []string{"modules.dep", "modules.alias", "modules.softdep", "modules.builtin"} {
		text, err := os.ReadFile(filepath.Join(from, index))
		if err != nil {
			return err
		}
		c.entry(path.Join(base, index), cpioFile|0o644, []byte(indexFor(index, string(text), modules)), 0, 0)
	}
	return nil
}

// indexFor cuts an index of depmod down to the modules at hand: busybox reads it as text for every device.
func indexFor(index, text string, modules []string) string {
	names := map[string]bool{}
	for _, module := range modules {
		names[moduleName(module)] = true
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		keep := len(words) > 0
		switch {
		case index == "modules.dep" && keep:
			keep = slices.Contains(modules, strings.TrimSuffix(words[0], ":"))
			line = strings.ReplaceAll(line, ".ko.xz", ".ko")
		case index == "modules.alias" && keep:
			keep = names[words[len(words)-1]]
		case index == "modules.softdep" && keep:
			keep = len(words) > 1 && names[words[1]]
		}
		if keep {
			b.WriteString(line)
		}
	}
	return b.String()
}

// padFile makes a file's length a multiple of n with zeros.
func padFile(name string, n int64) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return os.Truncate(name, (info.Size()+n-1)/n*n)
}
