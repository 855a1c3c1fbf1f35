package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
	"golang.org/x/sys/unix"
)

// sysctl writes the plan's kernel settings where they differ. A file that cannot be written is logged once and is no
// failure: in a container the host has decided, and it may have decided what we want.
func (p *pass) sysctl() {
	for _, s := range p.plan.Sysctls {
		path := "/proc/sys/" + s.Path
		now, err := os.ReadFile(path)
		if err == nil && slices.Equal(strings.Fields(string(now)), strings.Fields(s.Value)) {
			continue
		}
		if err == nil {
			err = os.WriteFile(path, []byte(s.Value), 0)
		}
		p.wrote(s, err)
	}
}

func (p *pass) wrote(s router.Sysctl, err error) {
	if s.Optional && errors.Is(err, fs.ErrNotExist) {
		return
	}
	name := deviceOf(s.Path)
	if errors.Is(err, fs.ErrNotExist) && name != "" {
		if _, there := p.device(name); !there {
			return // p.device has named it
		}
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		if !p.k.complained[s.Path] {
			p.k.complained[s.Path] = true
			p.k.log.Warn("kernel setting left as it is", "path", s.Path, "value", s.Value, "reason", err)
		}
		return
	}
	p.change(fmt.Sprintf("set %s to %s", s.Path, s.Value), err)
}

// deviceOf returns the interface of a path like net/ipv4/conf/wan0/rp_filter.
func deviceOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) != 5 || parts[2] != "conf" && parts[2] != "neigh" || parts[3] == "all" || parts[3] == "default" {
		return ""
	}
	return parts[3]
}
