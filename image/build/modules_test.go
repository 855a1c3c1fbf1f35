package main

import (
	"reflect"
	"strings"
	"testing"
)

const dep = `kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/jbd2/jbd2.ko.xz
kernel/fs/jbd2/jbd2.ko.xz:
kernel/lib/crc16.ko.xz:
kernel/crypto/crc32c_generic.ko.xz:
kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/scsi/scsi_mod.ko.xz:
kernel/drivers/scsi/aic7xxx.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz
`

func parsed(t *testing.T, lines ...string) rules {
	t.Helper()
	r, err := parseRules(lines)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLastRuleDecides(t *testing.T) {
	r := parsed(t, "+ drivers/", "- drivers/scsi/", "+ drivers/scsi/sd_mod")
	for module, want := range map[string]bool{"drivers/net/tun.ko.xz": true, "drivers/scsi/aic7xxx.ko.xz": false, "drivers/scsi/sd_mod.ko.xz": true, "sound/snd.ko.xz": false} {
		if got := r.takes(module); got != want {
			t.Errorf("%s: %v", module, got)
		}
	}
}

func TestClosure(t *testing.T) {
	n := parseDep(dep)
	got := n.closure(parsed(t, "+ drivers/scsi/sd_mod", "+ fs/ext4/"))
	want := []string{"kernel/drivers/scsi/scsi_mod.ko.xz", "kernel/drivers/scsi/sd_mod.ko.xz", "kernel/fs/ext4/ext4.ko.xz", "kernel/fs/jbd2/jbd2.ko.xz", "kernel/lib/crc16.ko.xz"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Without crc32c no ext4 is mounted, and modules.dep does not say so.
func TestSoftDependencies(t *testing.T) {
	n := parseDep(dep)
	n.soften("# comment\nsoftdep ext4 pre: crc32c-generic nowhere\nsoftdep absent pre: ext4\n")
	if got := strings.Join(n.closure(parsed(t, "+ fs/ext4/")), " "); !strings.Contains(got, "crc32c_generic") {
		t.Errorf("closure: %s", got)
	}
}

func TestIndexForInitrd(t *testing.T) {
	modules := []string{"kernel/drivers/scsi/scsi_mod.ko.xz", "kernel/drivers/scsi/sd_mod.ko.xz"}
	if got, want := indexFor("modules.dep", dep, modules), "kernel/drivers/scsi/sd_mod.ko: kernel/drivers/scsi/scsi_mod.ko\nkernel/drivers/scsi/scsi_mod.ko:\n"; got != want {
		t.Errorf("modules.dep:\n%s", got)
	}
	if got, want := indexFor("modules.alias", "alias scsi:t-0x00* sd_mod\nalias pci:v1 aic7xxx\n", modules), "alias scsi:t-0x00* sd_mod\n"; got != want {
		t.Errorf("modules.alias:\n%s", got)
	}
}

func TestBadRule(t *testing.T) {
	if _, err := parseRules([]string{"drivers/scsi"}); err == nil || !strings.Contains(err.Error(), `"drivers/scsi": want + or -`) {
		t.Errorf("error: %v", err)
	}
}
