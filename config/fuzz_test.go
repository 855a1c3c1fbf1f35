package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"golang.org/x/crypto/bcrypt"

	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/vrrp"
)

// FuzzParse: no text makes Parse panic, every key of a readable file has its line, and what is accepted keeps the
// promises that the router builds on.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.toml", "testdata/good/*.toml", "../packaging/twinpath.toml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, problems := Parse("f", text)
		root := map[string]any{}
		if what, _ := unreadable(text); what == "" && toml.Unmarshal(text, &root) == nil {
			located(t, lineIndex(strings.TrimPrefix(string(text), "\ufeff")), "", root)
		}
		if len(problems) == 0 {
			kept(t, cfg)
			return
		}
		_ = problems.Error()
	})
}

// located fails when a key of the decoded value has no line.
func located(t *testing.T, lines index, path string, raw any) {
	if path != "" && lines[path] == 0 {
		t.Errorf("%s has no line in %v", path, lines)
	}
	if table, ok := raw.(map[string]any); ok {
		for name, child := range table {
			located(t, lines, join(path, name), child)
		}
	}
	if list, ok := elements(raw); ok {
		for i, child := range list {
			located(t, lines, element(path, i), child)
		}
	}
}

// kept fails when an accepted configuration breaks a promise.
func kept(t *testing.T, cfg router.Config) {
	names := map[string]bool{}
	for _, w := range cfg.WANs {
		if w.Name == "" || names[w.Name] {
			t.Errorf("WAN name %q is empty or given twice", w.Name)
		}
		names[w.Name] = true
		keptWAN(t, w)
	}
	for _, p := range cfg.Policies {
		if len(p.WANs) == 0 && p.Metered == router.Unclassed {
			t.Errorf("policy %+v says nothing", p)
		}
		for _, name := range p.WANs {
			if !names[name] {
				t.Errorf("policy names unknown WAN %q", name)
			}
		}
	}
	for _, v := range cfg.VRRP {
		keptVRRP(t, v, names)
	}
	for _, fw := range cfg.Forwards {
		if fw.Ports.First == 0 || fw.Ports.Last < fw.Ports.First || fw.To.Addr().Is4() && !cfg.LAN.Address.Contains(fw.To.Addr()) || fw.Proto == "" {
			t.Errorf("forward %+v", fw)
		}
	}
	keptPage(t, cfg)
	lan := cfg.LAN
	if lan.Address.IsValid() != (lan.Interface != "" || len(lan.Ports) > 0) || lan.Interface != "" && len(lan.Ports) > 0 {
		t.Errorf("LAN %+v", lan)
	}
	if d := lan.DHCP; d.First.IsValid() && (d.Last.Less(d.First) || !lan.Address.Contains(d.First) || !lan.Address.Contains(d.Last) || d.Lease <= 0) {
		t.Errorf("DHCP %+v", d)
	}
}

func keptPage(t *testing.T, cfg router.Config) {
	w, p := cfg.Web, cfg.Pair
	for _, l := range slices.Concat(w.Listen, w.TLS) {
		if !w.On || l.Port() == 0 || l.Addr().IsUnspecified() && !cfg.LAN.Address.IsValid() {
			t.Errorf("page at %s", l)
		}
	}
	if _, err := bcrypt.Cost([]byte(w.Password)); w.Password != "" && err != nil {
		t.Errorf("password %q: %v", w.Password, err)
	}
	if w.On && len(w.Listen)+len(w.TLS) == 0 && !cfg.LAN.Address.IsValid() {
		t.Error("a page that is nowhere")
	}
	if p.Peer.IsValid() != (p.Secret != "") || p.Peer.IsValid() && (!cfg.LAN.Address.Contains(p.Peer) || p.Peer == cfg.LAN.Address.Addr()) {
		t.Errorf("pair %+v", p)
	}
	for _, to := range cfg.Alert.To {
		if to.URL == "" || cfg.Alert.Wait < 0 {
			t.Errorf("alert %+v", cfg.Alert)
		}
	}
}

func keptWAN(t *testing.T, w router.WANConfig) {
	switch w.Kind {
	case router.NoKind:
		t.Errorf("WAN %s has no kind", w.Name)
	case router.Static:
		if !w.Static.Address.Addr().Is4() || !w.Static.Gateway.Is4() {
			t.Errorf("static WAN %+v", w)
		}
	case router.PPPoE:
		if w.PPPoE.User == "" || w.PPPoE.Password == "" {
			t.Errorf("PPPoE WAN %+v", w)
		}
	case router.Peer:
		if !w.Peer.Is4() {
			t.Errorf("peer WAN %+v", w)
		}
	}
	if w.Kind != router.Peer && w.Interface == "" || w.Weight < 1 || w.Weight > 255 || w.Cost < 0 || w.Cost > 253 {
		t.Errorf("WAN %+v", w)
	}
	for _, c := range w.Health.Checks {
		if c.Kind == 0 || c.Target == "" || c.Weight < 1 {
			t.Errorf("check %+v", c)
		}
	}
}

func keptVRRP(t *testing.T, v router.VirtualRouter, wans map[string]bool) {
	if v.Name == "" || v.ID == 0 || v.Version < 2 || v.Version > 3 || v.Base < 1 || v.Base > 255 || v.Interval < 10*time.Millisecond || len(v.Addresses) == 0 {
		t.Errorf("virtual router %+v", v)
	}
	for _, p := range v.Addresses {
		if !p.IsValid() || v.Version == 2 && !p.Addr().Is4() {
			t.Errorf("virtual router %s has address %s", v.Name, p)
		}
	}
	for _, name := range v.Track {
		if !wans[name] {
			t.Errorf("virtual router %s tracks unknown WAN %q", v.Name, name)
		}
	}
	for id, key := range v.Auth.Keys {
		hmac := v.Auth.Kind == vrrp.HMAC
		if len(key) == 0 || hmac && (len(key) < 32 || len(key) > 64 || id == 0) || !hmac && (len(key) > 8 || v.Version != 2) {
			t.Errorf("virtual router %s has key %d of %d bytes", v.Name, id, len(key))
		}
	}
	if v.Auth.Kind != vrrp.NoAuth && v.Auth.Keys[v.Auth.Active] == nil {
		t.Errorf("virtual router %s signs with key %d, which it does not have", v.Name, v.Auth.Active)
	}
	for _, c := range v.Checks {
		if c.Kind == check.NoKind || c.Target == "" || c.Interval <= 0 || c.Timeout <= 0 || c.Fall < 1 || c.Rise < 1 {
			t.Errorf("virtual router %s has check %+v", v.Name, c)
		}
	}
}
