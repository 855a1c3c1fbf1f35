package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// suite is the Debian release the image is made of.
const suite = "trixie"

// debianKeys is where Debian's package debian-archive-keyring puts the keys of every release.
const debianKeys = "/usr/share/keyrings/debian-archive-keyring.gpg"

// source is one entry of the machine's own apt sources.
type source struct {
	uris, suites, components []string
	signedBy                 string
}

// mirrors is where Debian's packages come from on this machine.
type mirrors struct {
	main, security, keyring string
}

// machineSources reads what apt reads below etc (/etc/apt).
func machineSources(etc string) ([]source, error) {
	lists, _ := filepath.Glob(filepath.Join(etc, "sources.list.d", "*.list"))
	stanzas, _ := filepath.Glob(filepath.Join(etc, "sources.list.d", "*.sources"))
	var all []source
	for _, path := range append([]string{filepath.Join(etc, "sources.list")}, append(lists, stanzas...)...) {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read apt sources: %w", err)
		}
		if strings.HasSuffix(path, ".sources") {
			all = append(all, parseStanzas(string(text))...)
		} else {
			all = append(all, parseLines(string(text))...)
		}
	}
	return all, nil
}

// parseLines reads the one-line format of sources.list(5).
func parseLines(text string) []source {
	var all []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, isDeb := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !isDeb {
			continue
		}
		var s source
		if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "[") {
			var set string
			set, rest, _ = strings.Cut(rest[1:], "]")
			for option := range strings.FieldsSeq(set) {
				if by, ok := strings.CutPrefix(strings.ToLower(option), "signed-by="); ok {
					s.signedBy = option[len(option)-len(by):]
				}
			}
		}
		if words := strings.Fields(rest); len(words) >= 3 {
			s.uris, s.suites, s.components = words[:1], words[1:2], words[2:]
			all = append(all, s)
		}
	}
	return all
}

// parseStanzas reads the deb822 format of sources.list(5).
func parseStanzas(text string) []source {
	var all []source
	fields := map[string]string{}
	flush := func() {
		deb := slices.Contains(strings.Fields(fields["types"]), "deb")
		if deb && !strings.EqualFold(strings.TrimSpace(fields["enabled"]), "no") {
			all = append(all, source{strings.Fields(fields["uris"]), strings.Fields(fields["suites"]),
				strings.Fields(fields["components"]), strings.TrimSpace(fields["signed-by"])})
		}
		fields = map[string]string{}
	}
	last := ""
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		switch key, value, found := strings.Cut(line, ":"); {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += "\n" + line
		case found:
			last = strings.ToLower(key)
			fields[last] = value
		}
	}
	flush()
	return all
}

// releases are the names under which a machine may follow Debian, oldest first.
var releases = []string{"bullseye", "bookworm", "trixie", "forky", "sid", "oldoldstable", "oldstable", "stable", "testing", "unstable"}

// chooseMirrors finds Debian's own mirrors among all sources: those that carry "main" of a release, or of its security suite.
func chooseMirrors(all []source) (mirrors, error) {
	m := mirrors{keyring: debianKeys}
	for _, s := range all {
		if len(s.uris) == 0 || !slices.Contains(s.components, "main") {
			continue
		}
		for _, name := range s.suites {
			base, security := strings.CutSuffix(strings.Replace(name, "/updates", "-security", 1), "-security")
			switch {
			case !slices.Contains(releases, base):
				continue
			case security && m.security == "":
				m.security = s.uris[0]
			case !security && m.main == "":
				m.main = s.uris[0]
				if strings.HasPrefix(s.signedBy, "/") { // else the key itself, which may be of an older release
					m.keyring = s.signedBy
				}
			}
		}
	}
	if m.security == "" {
		m.security = sibling(m.main)
	}
	if m.main == "" || m.security == "" {
		return m, fmt.Errorf("this machine's apt sources name no Debian mirror with main and its security suite\n"+
			"hint: the image is made of Debian %s packages from the mirrors in /etc/apt/sources.list*", suite)
	}
	return m, nil
}

// sibling is where the security suite of a mirror is that machines name without it, as a bare debootstrap leaves them: mirrors of
// both have them beside each other.
func sibling(main string) string {
	base, found := strings.CutSuffix(strings.TrimRight(main, "/"), "/debian")
	if !found {
		return ""
	}
	return base + "/debian-security"
}

// list is the sources.list of the image's packages. The Pi's firmware and network cards' are in non-free-firmware.
func (m mirrors) list(arch string) string {
	var b strings.Builder
	for _, s := range [][2]string{{m.main, suite}, {m.main, suite + "-updates"}, {m.security, suite + "-security"}} {
		fmt.Fprintf(&b, "deb [arch=%s signed-by=%s] %s %s main non-free-firmware\n", arch, m.keyring, s[0], s[1])
	}
	return b.String()
}
