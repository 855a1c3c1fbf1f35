package migration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/migration"
)

// fill repeats text up to the largest file.
func fill(head, text, tail string) string {
	return head + strings.Repeat(text, (migration.MaxSize-len(head)-len(tail))/len(text)) + tail
}

// TestHostileTextEnds: the worst that a megabyte can ask for takes a moment, not for ever. The limit is wide, since the
// machine may be busy; each of these took minutes or all memory while a bound was missing.
func TestHostileTextEnds(t *testing.T) {
	const long = 10 * time.Second
	var tower strings.Builder
	for i := range 15 {
		fmt.Fprintf(&tower, "$A%d=$A%d $A%d $A%d $A%d $A%d $A%d $A%d $A%d\n", i, i+1, i+1, i+1, i+1, i+1, i+1, i+1, i+1)
	}
	many := strings.Repeat("vrrp_instance a {\ninterface e\ntrack_script {\ns\n}\n}\n", 1000)
	for name, text := range map[string]string{
		"definitions":          fill(tower.String(), "$A1\n", ""),
		"empty definitions":    fill("$B=\n$A="+strings.Repeat("$B ", 20_000)+"\n", "$A\n", ""),
		"words":                fill("vrrp_instance a {\n", "a ", "}"),
		"one word":             fill("vrrp_instance ", "a", " {\n}"),
		"statements":           fill("vrrp_instance a {\n", "a\n", "}"),
		"dollars":              fill("vrrp_instance a {\n", "$", "\n}"),
		"braces":               fill("vrrp_instance a {\n", "${", "\n}"),
		"quotes":               fill("vrrp_instance a {\n", `"'`, "\n}"),
		"addresses":            fill("vrrp_instance a {\nvirtual_ipaddress {\n", "1.1.1.1\n", "}\n}"),
		"checks of each":       fill(many+"vrrp_script s {\n", "fall 0\n", "}\n"),
		"groups":               fill(many, "vrrp_sync_group g {\ngroup {\na\n}\n}\n", ""),
		"members":              fill(many+"vrrp_sync_group g {\ngroup {\n", "a\n", "}\ntrack_script {\ns\n}\n}"),
		"blocks of a group":    fill(many+"vrrp_sync_group g {\ngroup {\na\n}\n", "notify /x\n", "}"),
		"sections":             fill("", "[VRID]\n", ""),
		"dependents":           fill("[VRID]\nvridsdep=", "1,", "\n"),
		"hosts":                fill("", "@a b\n", ""),
		"continued":            fill("$A=", "\\\n", "\n"),
		"unknown":              fill("global_defs {\n}\n", "x\n", ""),
		"long names of many":   "vrrp_sync_group " + strings.Repeat("x", 500_000) + " {\ngroup {\na\n}\n}\n" + many,
		"long script of many":  many + "vrrp_script s {\nscript " + strings.Repeat("x", 500_000) + "\n}\n",
		"long names of script": many + "vrrp_script s {\nuser " + strings.Repeat("x", 500_000) + "\n}\n",
	} {
		began := time.Now()
		got, err := migration.Import("f", []byte(text), origin("me"))
		if took := time.Since(began); took > long || len(got.TOML) > 64*migration.MaxSize {
			t.Errorf("%s: %v, %d bytes (%v)", name, took, len(got.TOML), err)
		} else {
			t.Logf("%s: %v, %d bytes (%.80v)", name, took, len(got.TOML), err)
		}
	}
}
