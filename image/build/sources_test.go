package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestOneLineSources(t *testing.T) {
	got := parseLines(`# deb http://old.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib # ours
  deb [arch=amd64 signed-by=/usr/share/keyrings/Debian.gpg] http://mirror.example/security bookworm-security main
deb-src http://mirror.example/debian bookworm main
deb http://short.example
`)
	want := []source{
		{[]string{"http://mirror.example/debian"}, []string{"bookworm"}, []string{"main", "contrib"}, ""},
		{[]string{"http://mirror.example/security"}, []string{"bookworm-security"}, []string{"main"}, "/usr/share/keyrings/Debian.gpg"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestStanzas(t *testing.T) {
	got := parseStanzas(`# A comment
Types: deb deb-src
URIs: http://mirror.example/debian
# inside
Suites: trixie
 trixie-updates
Components: main
Signed-By: /usr/share/keyrings/d.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: trixie
Components: main


types: deb-src
URIs: http://source.example/debian
Suites: trixie
Components: main
`)
	want := []source{{[]string{"http://mirror.example/debian"}, []string{"trixie", "trixie-updates"}, []string{"main"}, "/usr/share/keyrings/d.gpg"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestMirrorsAmongOthers(t *testing.T) {
	got, err := chooseMirrors([]source{
		{[]string{"http://other.example/linux"}, []string{"bookworm"}, []string{"stable"}, "/other.gpg"},
		{[]string{"http://sql.example"}, []string{"bookworm-sql"}, []string{"main"}, "/sql.gpg"},
		{[]string{"http://a.example/debian"}, []string{"bookworm", "bookworm-updates"}, []string{"main"}, "/keys/debian.gpg"},
		{[]string{"http://a.example/debian-security"}, []string{"bookworm-security"}, []string{"main"}, ""},
	})
	want := mirrors{"http://a.example/debian", "http://a.example/debian-security", "/keys/debian.gpg"}
	if err != nil || got != want {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
	list := got.list("arm64")
	if !strings.Contains(list, "deb [arch=arm64 signed-by=/keys/debian.gpg] http://a.example/debian-security trixie-security main non-free-firmware\n") {
		t.Errorf("list:\n%s", list)
	}
}

func TestOlderSecuritySuite(t *testing.T) {
	got, err := chooseMirrors([]source{
		{[]string{"http://a.example/debian"}, []string{"bullseye"}, []string{"main"}, "-----BEGIN PGP PUBLIC KEY BLOCK-----"},
		{[]string{"http://s.example"}, []string{"bullseye/updates"}, []string{"main"}, ""},
	})
	if want := (mirrors{"http://a.example/debian", "http://s.example", debianKeys}); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestSecurityBesideTheMirror(t *testing.T) {
	for uri, want := range map[string]string{
		"http://a.example/debian":         "http://a.example/debian-security",
		"http://a.example/mirror/debian/": "http://a.example/mirror/debian-security",
		"http://a.example/archive":        "",
	} {
		got, err := chooseMirrors([]source{{[]string{uri}, []string{"bookworm"}, []string{"main"}, ""}})
		if got.security != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", uri, got.security, err, want)
		}
	}
}

func TestNoMirror(t *testing.T) {
	_, err := chooseMirrors([]source{{[]string{"http://a.example/ubuntu"}, []string{"noble"}, []string{"main"}, ""}})
	if err == nil || !strings.Contains(err.Error(), "hint: the image is made of Debian trixie packages") {
		t.Errorf("error: %v", err)
	}
}

func TestAptTakesOnlyTheWayToTheMirror(t *testing.T) {
	a := aptRoot{"/x", "arm64"}
	got := a.conf("APT::Architecture \"amd64\";\nAcquire::http::Proxy \"http://proxy.example:3128\";\nDPkg::Post-Invoke:: \"rm\";\nAcquire::Languages:: \"de\";\n")
	if !strings.HasPrefix(got, "Acquire::http::Proxy \"http://proxy.example:3128\";\nDir \"/x\";\n") || strings.Contains(got, "amd64") || strings.Contains(got, "Post-Invoke") {
		t.Errorf("configuration:\n%s", got)
	}
}
