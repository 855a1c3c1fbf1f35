package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// freshFor is how long apt's lists are believed: a day of work on the image asks the mirror once.
const freshFor = 12 * time.Hour

// aptRoot is an apt of its own that knows only the image's release: nothing of the machine's is read or written
// but where the mirrors are and how to reach them.
type aptRoot struct {
	dir, arch string
}

func (a aptRoot) debs() string { return filepath.Join(a.dir, "debs") }

// lock keeps other builds away that share the cache, until done is called.
func (a aptRoot) lock() (done func() error, err error) {
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(a.dir, "lock"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another build: %w", err), f.Close())
	}
	return f.Close, nil
}

func (a aptRoot) command(name string, args ...string) command {
	return command{name: name, args: args, dir: a.debs(), env: []string{"APT_CONFIG=" + filepath.Join(a.dir, "apt.conf")}}
}

// open makes the directories and fetches the lists, unless those at hand are fresh.
func (a aptRoot) open(ctx context.Context, m mirrors) error {
	for _, dir := range []string{"debs", "etc/apt.conf.d", "etc/preferences.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	settings, err := command{name: "apt-config", args: []string{"dump"}}.output(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(a.dir, "apt.conf"), []byte(a.conf(settings)), 0o644); err != nil {
		return err
	}
	list := filepath.Join(a.dir, "etc/sources.list")
	was, _ := os.ReadFile(list)
	stamp, err := os.Stat(filepath.Join(a.dir, "fresh"))
	if err == nil && time.Since(stamp.ModTime()) < freshFor && string(was) == m.list(a.arch) {
		return nil
	}
	if err := os.WriteFile(list, []byte(m.list(a.arch)), 0o644); err != nil {
		return err
	}
	if err := a.command("apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update").run(ctx); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.dir, "fresh"), nil, 0o644)
}

// conf is the configuration of this apt: with the machine's ways to reach a mirror (proxies, time-outs), else nothing of it.
func (a aptRoot) conf(settings string) string {
	var b strings.Builder
	for line := range strings.Lines(settings) {
		for _, key := range []string{"http::", "https::", "Retries", "Check-Valid-Until", "Check-Date", "ForceIPv"} {
			if strings.HasPrefix(line, "Acquire::"+key) {
				b.WriteString(line)
			}
		}
	}
	fmt.Fprintf(&b, "Dir %q;\nDir::Etc \"etc\";\nDir::Etc::main \"-\";\nDir::State \"state\";\nDir::State::status \"/dev/null\";\nDir::Cache \"cache\";\n", a.dir)
	fmt.Fprintf(&b, "APT::Architecture %q;\nAPT::Architectures { %q; };\n", a.arch, a.arch)
	// The user _apt may not reach a checkout in somebody's home.
	b.WriteString("APT::Sandbox::User \"root\";\nAPT::Install-Recommends \"false\";\nAcquire::Languages \"none\";\n")
	return b.String()
}

// closure is names and all they depend on, less those named without, sorted.
func (a aptRoot) closure(ctx context.Context, names, without []string) ([]string, error) {
	out, err := a.command("apt-get", append([]string{"-s", "install"}, names...)...).output(ctx)
	if err != nil {
		return nil, fmt.Errorf("choose packages: %w", err)
	}
	return parseSimulation(out, without), nil
}

// parseSimulation reads the lines "Inst name (version origin [arch])" of apt-get -s.
func parseSimulation(out string, without []string) []string {
	var all []string
	for line := range strings.Lines(out) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "Inst" && !slices.Contains(without, words[1]) {
			all = append(all, words[1])
		}
	}
	slices.Sort(all)
	return all
}

// pin looks up the newest version of each name.
func (a aptRoot) pin(ctx context.Context, names []string) ([]pinned, error) {
	out, err := a.command("apt-cache", append([]string{"show", "--no-all-versions"}, names...)...).output(ctx)
	if err != nil {
		return nil, fmt.Errorf("look packages up: %w", err)
	}
	all := parseShow(out)
	if missing := missingFrom(all, names); len(missing) > 0 {
		return nil, fmt.Errorf("look packages up: the mirror has no %s", strings.Join(missing, ", "))
	}
	return all, nil
}

// parseShow reads what apt-cache show prints, sorted by name.
func parseShow(out string) []pinned {
	var all []pinned
	for stanza := range strings.SplitSeq(out, "\n\n") {
		var p pinned
		for line := range strings.Lines(stanza) {
			switch key, value, _ := strings.Cut(line, ": "); key {
			case "Package":
				p.name = strings.TrimSpace(value)
			case "Version":
				p.version = strings.TrimSpace(value)
			case "SHA256":
				p.sum = strings.TrimSpace(value)
			}
		}
		if p.name != "" && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(x, y pinned) int { return strings.Compare(x.name, y.name) })
	return all
}

// fetch gives the file of each package, from the cache or the mirror. ready runs before the first download only.
func (a aptRoot) fetch(ctx context.Context, all []pinned, ready func() error) (map[string]string, error) {
	files, wanted := map[string]string{}, []string{}
	for _, p := range all {
		if path, found := p.cached(a.debs(), a.arch); found {
			files[p.name] = path
		} else {
			wanted = append(wanted, p.name+"="+p.version)
		}
	}
	if len(wanted) == 0 {
		return files, nil
	}
	if err := ready(); err != nil {
		return nil, err
	}
	if err := a.command("apt-get", append([]string{"-q", "download"}, wanted...)...).run(ctx); err != nil {
		return nil, fmt.Errorf("fetch packages: %w", err)
	}
	var wrong []error
	for _, p := range all {
		path, found := p.cached(a.debs(), a.arch)
		if files[p.name] = path; !found {
			wrong = append(wrong, fmt.Errorf("fetch packages: %s %s has other bytes than the list says", p.name, p.version))
		}
	}
	return files, errors.Join(wrong...)
}
