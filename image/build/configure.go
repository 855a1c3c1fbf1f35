package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// identity is /usr/share/twinpath/image.json: what this system is, for updates and the status page.
type identity struct {
	Version string    `json:"version"`
	Arch    string    `json:"arch"`
	Board   string    `json:"board"`
	Created time.Time `json:"created"`
}

// configure makes a system of the unpacked packages: what their scripts would have done, then what is ours.
func configure(root string, r recipe, id identity, lock string, public []byte) error {
	steps := []struct {
		does string
		do   func() error
	}{
		{"write accounts", func() error { return writeAccounts(root) }},
		{"write certificates", func() error { return writeCertificates(root) }},
		{"place the kernel", func() error { return placeKernel(root) }},
		{"make links", func() error { return makeLinks(root, r.links) }},
		{"name the system", func() error { return nameSystem(root, id) }},
		{"enable units", func() error { return enableAll(root, r) }},
		{"write the list of packages", func() error {
			return writeFile(filepath.Join(root, "usr/share/twinpath/packages"), []byte(lock), 0o644)
		}},
		{"write the update key", func() error { return writeFile(filepath.Join(root, "usr/share/twinpath/update.pub"), public, 0o644) }},
		{"make mount points", func() error {
			return makeDirs(root, "boot/loader", "boot/card", "data", "etc/twinpath", "var/lib/twinpath", "var/lib/systemd/timesync", "var/lib/lockdown")
		}},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.does, err)
		}
	}
	return nil
}

func makeDirs(root string, names ...string) error {
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// writeCertificates joins the authorities that ca-certificates brings: all of them, as its script does when nobody chooses.
func writeCertificates(root string) error {
	paths, _ := filepath.Glob(filepath.Join(root, "usr/share/ca-certificates/mozilla/*.crt"))
	if len(paths) == 0 {
		return fmt.Errorf("ca-certificates brought none")
	}
	var all bytes.Buffer
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		all.Write(text)
	}
	return writeFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), all.Bytes(), 0o644)
}

// placeKernel gives the kernel the name that the boot loader knows; its map and build options are of no use at run time.
func placeKernel(root string) error {
	kernel, err := kernelRelease(root)
	if err != nil {
		return err
	}
	boot := filepath.Join(root, "boot")
	for _, name := range []string{"System.map-", "config-"} {
		if err := os.Remove(filepath.Join(boot, name+kernel)); err != nil {
			return err
		}
	}
	return os.Rename(filepath.Join(boot, "vmlinuz-"+kernel), filepath.Join(boot, "vmlinuz"))
}

// kernelRelease is the name of the one kernel in a root.
func kernelRelease(root string) (string, error) {
	entries, err := os.ReadDir(filepath.Join(root, "usr/lib/modules"))
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("%d kernels in the root: want one", len(entries))
	}
	return entries[0].Name(), nil
}

func makeLinks(root string, links [][2]string) error {
	for _, l := range links {
		if err := link(l[1], filepath.Join(root, l[0])); err != nil {
			return err
		}
	}
	return nil
}

// nameSystem writes what the system is called and when it was made.
func nameSystem(root string, id identity) error {
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	release, err := os.ReadFile(filepath.Join(root, "usr/lib/os-release"))
	if err != nil {
		return err
	}
	// The last of two equal names counts (os-release(5)); ID stays debian, for what asks which packages fit.
	release = fmt.Appendf(release, "PRETTY_NAME=\"Twinpath %s (Debian %s)\"\nVARIANT=Twinpath\nVARIANT_ID=twinpath\nIMAGE_ID=twinpath-%s-%s\nIMAGE_VERSION=%q\n",
		id.Version, suite, id.Board, id.Arch, id.Version)
	// PID 1 moves a clock that is behind this file's time, and timesyncd believes nothing earlier.
	clock := filepath.Join(root, "usr/lib/clock-epoch")
	for path, text := range map[string][]byte{"usr/lib/os-release": release, "usr/share/twinpath/image.json": append(text, '\n'), "usr/lib/clock-epoch": nil} {
		if err := writeFile(filepath.Join(root, path), text, 0o644); err != nil {
			return err
		}
	}
	return os.Chtimes(clock, id.Created, id.Created)
}

// pruneModules leaves the kernel modules the recipe takes, with all they need, and says which modules need which.
func pruneModules(ctx context.Context, root, kernel string, r recipe) (needs, error) {
	dir := filepath.Join(root, "usr/lib/modules", kernel)
	all, err := index(ctx, root, kernel)
	if err != nil {
		return nil, err
	}
	kept := all.closure(r.modules)
	for module := range all {
		if _, keep := slices.BinarySearch(kept, module); !keep {
			if err := os.Remove(filepath.Join(dir, module)); err != nil {
				return nil, err
			}
		}
	}
	return index(ctx, root, kernel)
}

// index runs depmod, which reads modules of any processor.
func index(ctx context.Context, root, kernel string) (needs, error) {
	if err := run(ctx, "depmod", "-b", root, kernel); err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "usr/lib/modules", kernel)
	dep, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, err
	}
	soft, err := os.ReadFile(filepath.Join(dir, "modules.softdep"))
	if err != nil {
		return nil, err
	}
	all := parseDep(string(dep))
	all.soften(string(soft))
	return all, nil
}
