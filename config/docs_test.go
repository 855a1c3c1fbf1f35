package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twinpath/twinpath/health"
)

// schema is every section of the file with its keys, as docs/configuration.md heads them.
func schema() map[string][]string {
	return map[string][]string{
		"[router]":             routerKeys().names(),
		"[lan]":                lanKeys().names(),
		"[lan.dhcp]":           dhcpKeys().names(),
		"[lan.dns]":            dnsKeys().names(),
		"[[lan.host]]":         hostKeys().names(),
		"[[wan]]":              wanKeys().names(),
		"[wan.static]":         staticKeys().names(),
		"[wan.pppoe]":          pppoeKeys().names(),
		"[wan.peer]":           peerKeys().names(),
		"[wan.budget]":         budgetKeys().names(),
		"[wan.health]":         healthKeys().names(),
		"[[wan.check]]":        checkKeys().names(),
		"[[policy]]":           policyKeys().names(),
		"[[vrrp]]":             vrrpKeys().names(),
		"[vrrp.auth]":          authKeys().names(),
		"[[vrrp.check]]":       vrrpCheckKeys().names(),
		"[firewall]":           firewallKeys().names(),
		"[[firewall.forward]]": forwardKeys().names(),
		"[web]":                webKeys().names(),
		"[pair]":               pairKeys().names(),
		"[alert]":              alertKeys().names(),
		"[[alert.to]]":         alertToKeys().names(),
		"[drill]":              drillKeys().names(),
		"[wan.shape]":          shapeKeys().names(),
		"[[ddns]]":             ddnsKeys().names(),
	}
}

// documented is every section of the reference with the keys in its table.
func documented(t *testing.T) map[string][]string {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("^\\| `([a-z0-9_]+)` \\|")
	keys, section := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(heading)
		} else if key := row.FindStringSubmatch(line); key != nil {
			keys[section] = append(keys[section], key[1])
		}
	}
	return keys
}

func TestTheReferenceHasEveryKeyAndNoOther(t *testing.T) {
	docs := documented(t)
	for section, known := range schema() {
		for _, key := range known {
			if !slices.Contains(docs[section], key) {
				t.Errorf("docs/configuration.md lacks %s in %s", key, section)
			}
		}
	}
	for section, keys := range docs {
		for _, key := range keys {
			if !slices.Contains(schema()[section], key) {
				t.Errorf("docs/configuration.md has %s in %s, which the schema does not know", key, section)
			}
		}
	}
}

// TestTheSchemaIsWhole finds a section that nobody told schema about: every key that wants a table has one there.
func TestTheSchemaIsWhole(t *testing.T) {
	for section, known := range schema() {
		base := strings.Trim(section, "[]")
		for _, key := range known {
			path := base + "." + key
			_, one := schema()["["+path+"]"]
			_, several := schema()["[["+path+"]]"]
			if table := wantsTable(section, key); table != (one || several) {
				t.Errorf("%s wants a table: %t, has a section: %t", path, table, one || several)
			}
		}
	}
	for _, key := range rootKeys().names() {
		if schema()["["+key+"]"] == nil && schema()["[["+key+"]]"] == nil {
			t.Errorf("no section for %s", key)
		}
	}
}

// wantsTable asks the parser whether the key of the section takes a table.
func wantsTable(section, key string) bool {
	header := section
	for _, several := range []string{"wan", "vrrp"} {
		if strings.HasPrefix(strings.TrimLeft(section, "["), several+".") {
			header = "[[" + several + "]]\n" + section
		}
	}
	_, problems := Parse("f", []byte(header+"\n"+key+" = 1979-05-27\n"))
	return slices.ContainsFunc(problems, func(p Problem) bool {
		return strings.HasSuffix(p.Key, "."+key) && strings.Contains(p.What, "table")
	})
}

// TestTheShippedFileShowsTheCommonKeys keeps the comments of the reference configuration true: with every commented
// key taken in, each is a known one.
func TestTheShippedFileShowsTheCommonKeys(t *testing.T) {
	text, err := os.ReadFile("../packaging/twinpath.toml")
	if err != nil {
		t.Fatal(err)
	}
	commented := regexp.MustCompile(`(?m)^(\s*)# (\[\[[a-z.]+\]\]|\[[a-z.]+\]|[a-z_]+ = .*)$`)
	whole := commented.ReplaceAllString(string(text), "$1$2")
	if whole == string(text) {
		t.Fatal("no commented key found")
	}
	_, problems := Parse("packaging/twinpath.toml", []byte(whole))
	for _, p := range problems {
		oneLineShowsEachKind := strings.Contains(p.What, "does not go with kind")
		noKeyToCopy := (p.Key == "vrrp[0].auth.key" || p.Key == "pair.secret") && strings.HasPrefix(p.What, "is 3 bytes long") ||
			p.Key == "web.password" && p.What == "is not a bcrypt hash"
		if !oneLineShowsEachKind && !noKeyToCopy {
			t.Error(p)
		}
	}
}

// TestDocumentedLimitsAreTrue compares the limits in the reference with those of the parser.
func TestDocumentedLimitsAreTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	limits := regexp.MustCompile("(?m)^\\| `(interval|timeout|confirm|fall|rise|cost|weight|mtu|status|lease|id|priority|version|preempt_delay|active|wait)` \\|[^|]*\\|[^|]*\\| (\\w+ to \\w+)")
	found := limits.FindAllStringSubmatch(string(text), -1)
	if len(found) != 23 {
		t.Fatalf("%d rows with limits, want 23: %q", len(found), found)
	}
	for _, row := range found {
		if !told(row[1], row[2]) {
			t.Errorf("%s: the parser does not say %q", row[1], row[2])
		}
	}
}

// TestDocumentedHealthIsTrue compares the defaults in the reference with those of the health package.
func TestDocumentedHealthIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	h := health.Config{}.WithDefaults()
	wanted := []string{
		fmt.Sprintf("| `interval` | duration | `\"%s\"` |", h.Interval),
		fmt.Sprintf("| `timeout` | duration | `\"%s\"` |", h.Timeout),
		fmt.Sprintf("| `confirm` | duration | `\"%s\"` |", h.Confirm),
		fmt.Sprintf("| `fall` | number | %d |", h.Fall),
		fmt.Sprintf("| `rise` | number | %d |", h.Rise),
	}
	for _, check := range h.Checks {
		wanted = append(wanted, check.Target)
	}
	for _, want := range wanted {
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/configuration.md lacks %s", want)
		}
	}
}

// told reports whether some problem with the key names the limits.
func told(key, limits string) bool {
	for _, header := range []string{"[[wan]]\n", "[[wan]]\n[wan.health]\n", "[[wan]]\n[[wan.check]]\n", "[lan.dhcp]\n",
		"[[vrrp]]\n", "[[vrrp]]\n[vrrp.auth]\n", "[[vrrp]]\n[[vrrp.check]]\n", "[alert]\n"} {
		for _, far := range []string{"-1", "\"-1s\""} {
			_, problems := Parse("f", []byte(header+key+" = "+far+"\n"))
			for _, p := range problems {
				if strings.HasSuffix(p.Key, "."+key) && strings.Contains(p.What, "must be "+limits+",") {
					return true
				}
			}
		}
	}
	return false
}
