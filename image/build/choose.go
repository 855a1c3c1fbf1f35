package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ownPackage finds Twinpath's package, or makes the one that everybody else installs, too.
func (m *maker) ownPackage(ctx context.Context) error {
	if m.own = strings.ReplaceAll(m.debs, "%", m.arch.name); m.own != "" {
		if _, err := os.Stat(m.own); err != nil {
			return fmt.Errorf("twinpath's own package: %w", err)
		}
		return nil
	}
	c := command{name: "sh", args: []string{"packaging/build", m.arch.name, m.version}, env: []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", m.epoch.Unix())}}
	out, err := c.output(ctx)
	if err != nil {
		return fmt.Errorf("make twinpath's own package: %w", err)
	}
	m.own = lastLines(out, 1)
	return nil
}

// choose decides on the version of every package, fetches them and writes the list down.
func (m *maker) choose(ctx context.Context) error {
	done, err := m.apt.lock()
	if err != nil {
		return err
	}
	defer done()
	all, err := m.pinned(ctx)
	if err != nil {
		return err
	}
	if m.files, err = m.apt.fetch(ctx, all, func() error { return m.openApt(ctx) }); err != nil {
		if m.packages != "" {
			err = fmt.Errorf("%w\nhint: mirrors keep only the newest version of a package: build without -packages, or put the missing .deb into %s", err, m.apt.debs())
		}
		return err
	}
	for _, p := range all {
		if !slices.Contains(m.recipe.loader, p.name) && !slices.Contains(m.recipe.tools, p.name) {
			m.system = append(m.system, p.name)
		}
	}
	m.lock = renderLock("the "+m.arch.String()+" image", all)
	return os.WriteFile(m.name(".packages"), []byte(m.lock), 0o644)
}

// pinned is every package of the image: as the lock says, or the newest.
func (m *maker) pinned(ctx context.Context) ([]pinned, error) {
	side := append(append([]string{}, m.recipe.loader...), m.recipe.tools...)
	if m.packages != "" {
		return readLock(strings.ReplaceAll(m.packages, "%", m.arch.name), append(side, m.recipe.packages...))
	}
	if err := m.openApt(ctx); err != nil {
		return nil, err
	}
	names, err := m.apt.closure(ctx, m.recipe.packages, m.recipe.without)
	if err != nil {
		return nil, err
	}
	for _, name := range side {
		if slices.Contains(names, name) {
			return nil, fmt.Errorf("recipe's packages: %s is part of the system already", name)
		}
	}
	return m.apt.pin(ctx, append(names, side...))
}

func readLock(name string, names []string) ([]pinned, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	all, err := parseLock(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var missing []string
	for _, n := range missingFrom(all, names) {
		if !strings.HasPrefix(n, "linux-image-") { // its own package has only a dependency, and the list the kernel itself
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s lacks %s, which the recipe asks for", name, strings.Join(missing, ", "))
	}
	return all, nil
}

func (m *maker) openApt(ctx context.Context) error {
	sources, err := machineSources("/etc/apt")
	if err != nil {
		return err
	}
	mirror, err := chooseMirrors(sources)
	if err != nil {
		return err
	}
	if _, err := os.Stat(mirror.keyring); err != nil {
		return errors.Join(fmt.Errorf("keys of Debian's archive: %w", err), errors.New("hint: apt-get install debian-archive-keyring"))
	}
	// apt writes this path down, and a link to a shared cache may be gone next time.
	if m.apt.dir, err = filepath.EvalSymlinks(m.apt.dir); err != nil {
		return err
	}
	return m.apt.open(ctx, mirror)
}
