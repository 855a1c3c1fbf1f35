package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// accounts are the users and groups of the image, made from sysusers.d(5): the packages' scripts, which would make them, are not
// run, and systemd-sysusers of the machine may be too old to read them.
type accounts struct {
	users  []user
	groups []group
}

type user struct {
	name                string
	uid, gid            int
	gecos, home, shell  string
	wantID, wantPrimary string
}

type group struct {
	name    string
	gid     int
	members []string
	wantID  string
}

// parseAccounts reads sysusers.d lines of all files, in order.
func parseAccounts(texts []string) (accounts, error) {
	var all accounts
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if err := all.add(fields(line)); err != nil {
				return all, fmt.Errorf("sysusers.d: %q: %w", strings.TrimSpace(line), err)
			}
		}
	}
	return all, all.number()
}

func (a *accounts) add(words []string) error {
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	for len(words) < 6 {
		words = append(words, "-")
	}
	id, primary, _ := strings.Cut(words[2], ":")
	switch strings.TrimSuffix(words[0], "!") {
	case "u":
		if !slices.ContainsFunc(a.users, func(u user) bool { return u.name == words[1] }) {
			a.users = append(a.users, user{name: words[1], wantID: id, wantPrimary: primary,
				gecos: or(words[3], ""), home: or(words[4], "/"), shell: or(words[5], "/usr/sbin/nologin")})
		}
		if primary == "" {
			a.addGroup(words[1], id)
		}
	case "g":
		a.addGroup(words[1], id)
	case "m":
		a.addGroup(words[2], "-")
		i := slices.IndexFunc(a.groups, func(g group) bool { return g.name == words[2] })
		a.groups[i].members = append(a.groups[i].members, words[1])
	case "r":
	default:
		return fmt.Errorf("unknown type")
	}
	return nil
}

func (a *accounts) addGroup(name, id string) {
	for i, g := range a.groups {
		if g.name == name {
			if g.wantID == "-" {
				a.groups[i].wantID = id
			}
			return
		}
	}
	a.groups = append(a.groups, group{name: name, wantID: id})
}

func or(word, otherwise string) string {
	if word == "-" {
		return otherwise
	}
	return word
}

// number gives the fixed numbers, then free ones from 999 down as systemd does, by name: the same input gives the same numbers.
func (a *accounts) number() error {
	taken := map[int]bool{}
	fix := func(want string) (int, error) {
		if want == "-" {
			return -1, nil
		}
		n, err := strconv.Atoi(want)
		taken[n] = true
		return n, err
	}
	var err error
	for i, g := range a.groups {
		if a.groups[i].gid, err = fix(g.wantID); err != nil {
			return fmt.Errorf("group %s: number %q", g.name, g.wantID)
		}
	}
	for i, u := range a.users {
		if a.users[i].uid, err = fix(u.wantID); err != nil {
			return fmt.Errorf("user %s: number %q", u.name, u.wantID)
		}
	}
	slices.SortFunc(a.groups, func(x, y group) int { return strings.Compare(x.name, y.name) })
	slices.SortFunc(a.users, func(x, y user) int { return strings.Compare(x.name, y.name) })
	next := 999
	for i := range a.groups {
		if g := &a.groups[i]; g.gid < 0 {
			for taken[next] {
				next--
			}
			g.gid, taken[next] = next, true
		}
	}
	return a.settleUsers()
}

// settleUsers gives each user the number of its own group, and the number of its primary one.
func (a *accounts) settleUsers() error {
	for i := range a.users {
		u := &a.users[i]
		if gid, err := strconv.Atoi(u.wantPrimary); err == nil {
			u.gid = gid
			continue
		}
		primary := u.wantPrimary
		if primary == "" {
			primary = u.name
		}
		g := slices.IndexFunc(a.groups, func(g group) bool { return g.name == primary })
		if g < 0 || u.uid < 0 && u.wantPrimary != "" {
			return fmt.Errorf("user %s: no number and no group %s", u.name, primary)
		}
		if u.gid = a.groups[g].gid; u.uid < 0 {
			u.uid = u.gid
		}
	}
	return nil
}

// files renders passwd, group and shadow, in which nobody has a password.
func (a *accounts) files() (passwd, groups, shadow string) {
	slices.SortFunc(a.users, func(x, y user) int { return x.uid - y.uid })
	slices.SortFunc(a.groups, func(x, y group) int { return x.gid - y.gid })
	for _, u := range a.users {
		passwd += fmt.Sprintf("%s:x:%d:%d:%s:%s:%s\n", u.name, u.uid, u.gid, u.gecos, u.home, u.shell)
		shadow += u.name + ":!*:1::::::\n"
	}
	for _, g := range a.groups {
		groups += fmt.Sprintf("%s:x:%d:%s\n", g.name, g.gid, strings.Join(g.members, ","))
	}
	return passwd, groups, shadow
}

// writeAccounts makes the account files of a root from its sysusers.d.
func writeAccounts(root string) error {
	paths, _ := filepath.Glob(filepath.Join(root, "usr/lib/sysusers.d/*.conf"))
	var texts []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		texts = append(texts, string(text))
	}
	all, err := parseAccounts(texts)
	if err != nil {
		return err
	}
	passwd, groups, shadow := all.files()
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{{"passwd", passwd, 0o644}, {"group", groups, 0o644}, {"shadow", shadow, 0o600}} {
		if err := writeFile(filepath.Join(root, "etc", f.name), []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return nil
}

// fields splits at blanks but not inside double quotes.
func fields(line string) []string {
	var all []string
	for i, part := range strings.Split(strings.TrimSpace(line), `"`) {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}
