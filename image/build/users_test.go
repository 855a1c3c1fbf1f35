package main

import (
	"slices"
	"strings"
	"testing"
)

func TestAccounts(t *testing.T) {
	a, err := parseAccounts([]string{"# basic\nu root 0 - /root /bin/bash\ng shadow 42 -\ng nogroup 65534 -\nu nobody 65534:65534 - /nonexistent /usr/sbin/nologin\n",
		"u! systemd-timesync - \"Time Synchronization\"\ng render -\nu messagebus - \"Bus\" /nonexistent\nm messagebus render\nu zed - -\n"})
	if err != nil {
		t.Fatal(err)
	}
	passwd, groups, shadow := a.files()
	for _, want := range []string{"root:x:0:0::/root:/bin/bash\n", "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
		"messagebus:x:999:999:Bus:/nonexistent:/usr/sbin/nologin\n", "systemd-timesync:x:997:997:Time Synchronization:/:/usr/sbin/nologin\n"} {
		if !strings.Contains(passwd, want) {
			t.Errorf("passwd lacks %q:\n%s", want, passwd)
		}
	}
	if !strings.Contains(groups, "render:x:998:messagebus\n") || !strings.Contains(groups, "shadow:x:42:\n") {
		t.Errorf("group:\n%s", groups)
	}
	if strings.Count(shadow, ":!*:") != 5 {
		t.Errorf("somebody has a password:\n%s", shadow)
	}
}

func TestUnknownAccountLine(t *testing.T) {
	if _, err := parseAccounts([]string{"x what\n"}); err == nil || err.Error() != `sysusers.d: "x what": unknown type` {
		t.Errorf("error: %v", err)
	}
}

func TestFields(t *testing.T) {
	if got := fields(`u a - "two words" /x`); !slices.Equal(got, []string{"u", "a", "-", "two words", "/x"}) {
		t.Errorf("%q", got)
	}
}
