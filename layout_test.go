// Package twinpath_test holds the house rules that the compiler does not check.
package twinpath_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/twinpath/twinpath/"

// ranks is the order of design §6: imports lead only downward.
var ranks = map[string]int{
	"image/vmtest": 5, // tests only
	"cmd/twinpath": 4, "lab": 4, "image/build": 4, "image/vm": 4, "packaging": 4, "packaging/man": 4,
	"config": 3, "migration": 3, "web/site": 3, "web/front": 3, "internal/road": 3, "internal/ladder": 3, "lab/chromium": 3,
	"web": 2, "alert": 2, "incident": 2, "budget": 2, "drill": 2, "ddns": 2, "report": 2, "store": 2, "pair": 2, "lan": 2, "lan/advert": 2, "internal/kernel": 2, "image/firstboot": 2, "image/setup": 2, "image/console": 2,
	"router": 1, "pair/link": 1, "pair/pulse": 1, "pair/handover": 1, "vrrp/sentinel": 1, "wan/inet6": 1, "wizard": 1, "alert/channel/shout": 1,
	"pair/flow": 0, "health": 0, "vrrp": 0, "wan": 0, "wan/rescue": 0, "firewall": 0, "pathmtu": 0, "check": 0, "script": 0, "image/bundle": 0, "image/slot": 0, "web/door": 0, "alert/channel": 0,
	"vrrp/packet":    -1, // the alphabet of vrrp
	"config/outline": -1, // where everything in a TOML text stands
	"durable":        -1, // how files survive a power cut
	"internal/cage":  0,  // what the web process is kept in
	"program":        -1, // how check and script run what the owner names
}

// exceptions are the imports outside the ranks, each with its reason.
var exceptions = map[[2]string]string{
	{"cmd/twinpath", "lab"}:              "the lab is a command of the program",
	{"lab", "internal/sandbox"}:          "homes are built inside the sandbox",
	{"cmd/twinpath", "internal/sandbox"}: "the lab command enters the sandbox before anything else runs",
}

// reserved says which packages may import a library, because everybody else goes through them.
var reserved = map[string][]string{
	"github.com/vishvananda/netlink": {"internal/kernel", "lab"},
	"github.com/google/nftables":     {"internal/kernel", "lab"},
	"github.com/ti-mo/conntrack":     {"internal/kernel", "lab"},
	"github.com/mdlayher/packet":     {"internal/kernel", "lab"},
	"github.com/mdlayher/netlink":    {"internal/kernel", "lab"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// testOnly are leaves that programs have no business with: tests of every package use them.
func testOnly(name string) bool { return name == "internal/sandbox" || name == "internal/wallclock" }

func TestImportsLeadDownward(t *testing.T) {
	for _, p := range packages(t) {
		from, _ := strings.CutPrefix(p.ImportPath, module)
		if p.ImportPath+"/" == module || testOnly(from) {
			continue
		}
		rank, known := ranks[from]
		if !known {
			t.Errorf("%s has no rank: give it one here and in docs/architecture.md", from)
		}
		for _, path := range p.Imports {
			to, ours := strings.CutPrefix(path, module)
			if ours && exceptions[[2]string{from, to}] == "" && ranks[to] >= rank {
				t.Errorf("%s (rank %d) imports %s (rank %d)", from, rank, to, ranks[to])
			}
			if ours && testOnly(to) && exceptions[[2]string{from, to}] == "" {
				t.Errorf("%s imports %s outside its tests", from, to)
			}
		}
	}
}

func TestKernelLibrariesStayInTheirPlace(t *testing.T) {
	for _, p := range packages(t) {
		from, _ := strings.CutPrefix(p.ImportPath, module)
		for _, path := range p.Imports {
			for library, homes := range reserved {
				if (path == library || strings.HasPrefix(path, library+"/")) && !slices.Contains(homes, from) {
					t.Errorf("%s imports %s, which belongs to %s", from, path, strings.Join(homes, " and "))
				}
			}
		}
	}
}
