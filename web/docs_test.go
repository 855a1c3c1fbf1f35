package web

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func apiPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRoutesAreInTheDocs has every route once in the table of docs/api.md with who may use it, and nothing else there.
func TestRoutesAreInTheDocs(t *testing.T) {
	_, table, _ := strings.Cut(apiPage(t), "## All paths")
	table, _, _ = strings.Cut(table, "\n## ")
	told := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:GET|POST) [^`]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(table, -1) {
		if told[row[1]] != "" {
			t.Errorf("%s is there twice", row[1])
		}
		told[row[1]] = row[2]
	}
	words := map[access]string{anybody: "anybody", owner: "owner", page: "page only", session: "owner, page only"}
	for _, r := range (&API{}).routes() {
		if !strings.HasPrefix(told[r.pattern], words[r.who]) || told[r.pattern] == "" {
			t.Errorf("docs/api.md says of %s %q, want %q", r.pattern, told[r.pattern], words[r.who])
		}
		delete(told, r.pattern)
	}
	for pattern := range told {
		t.Errorf("docs/api.md has %s, which nobody serves", pattern)
	}
}

func TestMetricsAreInTheDocs(t *testing.T) {
	served, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(apiPage(t), "## Metrics")
	told := regexp.MustCompile("`(twinpath_[a-z0-9_]+)`").FindAllStringSubmatch(table, -1)
	var names []string
	for _, one := range told {
		names = append(names, one[1])
	}
	for _, family := range regexp.MustCompile("(?m)^# TYPE ([a-z0-9_]+)").FindAllStringSubmatch(string(served), -1) {
		i := slices.Index(names, family[1])
		if i < 0 {
			t.Errorf("docs/api.md lacks %s", family[1])
			continue
		}
		names = slices.Delete(names, i, i+1)
	}
	if len(names) > 0 {
		t.Errorf("docs/api.md has %q, which nobody serves", names)
	}
}
