package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maker makes one architecture's image. Its stages run in the order of make, each on what the ones before left in its directory.
type maker struct {
	options
	arch   arch
	recipe recipe
	apt    aptRoot
	say    io.Writer

	work   string            // this build's own directory
	root   string            // the system
	side   string            // packages of which single files are taken: loaders, tools
	files  map[string]string // package → its .deb
	system []string          // packages of the root
	own    string            // Twinpath's .deb
	lock   string
	kernel string
	needs  needs
}

// build makes what o asks for and says how long each stage took.
func build(ctx context.Context, o options, say io.Writer) error {
	out, err := filepath.Abs(o.out)
	if err != nil {
		return err
	}
	o.out = out
	for _, a := range o.arches {
		r, err := readRecipe(o.recipe, a)
		if err != nil {
			return err
		}
		cache := filepath.Join(out, "cache")
		m := &maker{options: o, arch: a, recipe: r, say: say, apt: aptRoot{filepath.Join(cache, "apt-"+a.name), a.name},
			work: filepath.Join(cache, "work-"+a.name)}
		m.root, m.side = filepath.Join(m.work, "root"), filepath.Join(m.work, "side")
		if err := m.make(ctx); err != nil {
			return fmt.Errorf("image %s: %w", a, err)
		}
	}
	return nil
}

func (m *maker) make(ctx context.Context) error {
	begin := time.Now()
	if err := os.RemoveAll(m.work); err != nil {
		return err
	}
	if err := os.MkdirAll(m.work, 0o755); err != nil {
		return err
	}
	stages := []struct {
		name string
		do   func(context.Context) error
		only string // the least that -only asks it for
	}{
		{"packages", m.choose, "slot"},
		{"twinpath", m.ownPackage, "slot"},
		{"unpack", m.unpack, "slot"},
		{"modules", m.prune, "slot"},
		{"configure", m.configure, "slot"},
		{"initrd", m.initrd, "slot"},
		{"slot", m.squash, "slot"},
		{"disk", m.disk, "image"},
		{"update", m.update, "image"},
		{"compress", m.compress, ""},
	}
	for _, s := range stages {
		if m.only != "" && m.only != s.only && s.only != "slot" {
			continue
		}
		start := time.Now()
		if err := s.do(ctx); err != nil {
			return err
		}
		fmt.Fprintf(m.say, "%s %-10s %5.1f s\n", m.arch, s.name, time.Since(start).Seconds())
	}
	fmt.Fprintf(m.say, "%s all        %5.1f s\n", m.arch, time.Since(begin).Seconds())
	if err := m.report(); err != nil {
		return err
	}
	return os.RemoveAll(m.work)
}

// name is the path of a result that carries the version.
func (m *maker) name(suffix string) string {
	return filepath.Join(m.out, "twinpath-"+m.version+"-"+m.arch.String()+suffix)
}

// plain is the path of a result that the VM harness boots directly.
func (m *maker) plain(kind, suffix string) string {
	return filepath.Join(m.out, kind+"-"+m.arch.name+suffix)
}

func (m *maker) unpack(ctx context.Context) error {
	if err := unpackAll(ctx, m.files, m.system, m.root); err != nil {
		return err
	}
	if err := unpackAll(ctx, m.files, append(append([]string{}, m.recipe.loader...), m.recipe.tools...), m.side); err != nil {
		return err
	}
	return unpack(ctx, m.own, m.root)
}

func (m *maker) prune(ctx context.Context) (err error) {
	if m.kernel, err = kernelRelease(m.root); err != nil {
		return err
	}
	if err := m.keepDeviceTrees(); err != nil {
		return err
	}
	m.needs, err = pruneModules(ctx, m.root, m.kernel, m.recipe)
	return err
}

func (m *maker) configure(context.Context) error {
	key, public, err := signingKey(m.key, m.out)
	if err != nil {
		return err
	}
	m.key = key
	if err := dropPaths(m.root, m.recipe.drop); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(m.recipe.dir, "tree"), m.root); err != nil {
		return fmt.Errorf("copy the recipe's tree: %w", err)
	}
	id := identity{Version: m.version, Arch: m.arch.name, Board: m.arch.board, Created: m.epoch}
	if err := configure(m.root, m.recipe, id, m.lock, public); err != nil {
		return err
	}
	if m.overlay == "" {
		return nil
	}
	if err := copyTree(m.overlay, m.root); err != nil {
		return fmt.Errorf("copy the overlay: %w", err)
	}
	return nil
}

func (m *maker) initrd(ctx context.Context) error {
	initrd := filepath.Join(m.root, "boot/initrd.img")
	if err := writeInitrd(ctx, m.root, m.kernel, m.recipe, m.needs, initrd); err != nil {
		return err
	}
	if err := copyFile(initrd, m.plain("initrd", "")); err != nil {
		return err
	}
	return copyFile(filepath.Join(m.root, "boot/vmlinuz"), m.plain("vmlinuz", ""))
}

// squash makes the slot. gzip, since GRUB reads neither zstd nor lz4 and xz is slow to read on a Pi.
func (m *maker) squash(ctx context.Context) error {
	slot := m.plain("slot", ".squashfs")
	c := command{name: "mksquashfs", env: []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", m.epoch.Unix())},
		args: []string{m.root, slot, "-noappend", "-comp", "gzip", "-b", "256K", "-all-root", "-no-xattrs", "-no-exports", "-quiet", "-no-progress"}}
	if err := c.run(ctx); err != nil {
		return err
	}
	info, err := os.Stat(slot)
	if err == nil && info.Size() > slotSize {
		err = fmt.Errorf("the slot has %d MiB, its partition %d", info.Size()/mib, slotSize/mib)
	}
	return err
}

func (m *maker) compress(ctx context.Context) error {
	// The threads are given: how xz cuts its blocks, and so the bytes, depends on whether there is more than one.
	// Level 1, since the slot is compressed already: 6 takes four times as long and saves 1 %.
	return run(ctx, "xz", "-kf", "-1", "-T2", m.name(".img"))
}
