package front

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "web.pem")
	addresses := []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fd00::1")}
	get := func(p *Papers, addresses []netip.Addr, names ...string) (certificate, key, mark string) {
		t.Helper()
		certificate, key, mark, err := p.get(addresses, names)
		if err != nil {
			t.Fatal(err)
		}
		return certificate, key, mark
	}
	first := &Papers{File: file}
	certificate, key, mark := get(first, addresses, "twinpath", "main")
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	leaf := pair.Leaf
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for _, name := range []string{"192.168.1.1", "fd00::1", "twinpath", "main"} {
		options := x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: time.Date(2035, 12, 31, 0, 0, 0, 0, time.UTC)}
		if _, err := leaf.Verify(options); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(mark) != 95 || mark != fingerprintOf(leaf.Raw) {
		t.Errorf("fingerprint %q", mark)
	}
	if stat, err := os.Stat(file); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want it for root only", stat.Mode(), err)
	}
	if _, _, again := get(&Papers{File: file}, addresses, "main", "twinpath"); again != mark {
		t.Error("a restart makes another certificate for the same names")
	}
	if _, _, other := get(&Papers{File: file}, addresses, "main", "elsewhere"); other == mark {
		t.Error("another name has the old certificate")
	}
	if err := os.WriteFile(file, []byte(certificate[:100]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, damaged := get(&Papers{File: file}, addresses, "main"); damaged == mark || damaged == "" {
		t.Error("a damaged file is used")
	}
}

func TestFingerprintForTheConsole(t *testing.T) {
	p := &Papers{Notice: filepath.Join(t.TempDir(), "mark")}
	for _, mark := range []string{"AA:BB", "CC:DD", ""} {
		p.show(mark)
		text, _ := os.ReadFile(p.Notice)
		want := mark + "\n"
		if mark == "" {
			want = ""
		}
		if string(text) != want {
			t.Errorf("says %q, want %q", text, want)
		}
	}
}
