package migration_test

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/twinpath/twinpath/config"
)

// TestRecipes reads every configuration in docs/vrrp.md as the daemon would. Programs and keys that only owners have are replaced.
func TestRecipes(t *testing.T) {
	text, err := os.ReadFile("../docs/vrrp.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) < 6 {
		t.Fatalf("%d recipes", len(blocks))
	}
	own := regexp.MustCompile(`/usr/local/sbin/[a-z-]+`)
	for _, block := range blocks {
		recipe := own.ReplaceAll(block[1], []byte("/usr/bin/true"))
		recipe = bytes.ReplaceAll(recipe, []byte("openssl rand -hex 32"), bytes.Repeat([]byte("5a"), 32))
		if cfg, problems := config.Parse("docs/vrrp.md", recipe); len(problems) > 0 {
			t.Errorf("%v\n%s", problems, recipe)
		} else if len(cfg.VRRP) == 0 {
			t.Errorf("no virtual router:\n%s", recipe)
		}
	}
}
