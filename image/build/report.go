package main

import (
	"fmt"
	"os"
	"strings"
)

// groups tell what fills an image, the first prefix that fits decides.
var groups = [][2]string{
	{"boot/vmlinuz", "kernel"}, {"boot/initrd.img", "initrd"}, {"usr/lib/modules/", "kernel modules"}, {"usr/lib/firmware/", "firmware"},
	{"usr/bin/twinpath", "twinpath"}, {"usr/lib/systemd/", "systemd"}, {"usr/lib/udev/", "systemd"}, {"usr/lib/x86_64-linux-gnu/systemd/", "systemd"},
	{"usr/lib/aarch64-linux-gnu/systemd/", "systemd"}, {"usr/lib/", "libraries"}, {"usr/bin/", "programs"}, {"usr/sbin/", "programs"}, {"usr/share/", "shared files"}, {"", "the rest"},
}

// report prints what fills the root and how large the results are.
func (m *maker) report() error {
	all, err := sizes(m.root, groups)
	if err != nil {
		return err
	}
	shown := map[string]bool{}
	for _, g := range groups {
		if !shown[g[1]] {
			fmt.Fprintf(m.say, "%s %-15s %6.1f MB\n", m.arch, g[1], float64(all[g[1]])/1e6)
			shown[g[1]] = true
		}
	}
	for _, name := range []string{m.plain("slot", ".squashfs"), m.name(".img"), m.name(".img.xz"), m.name(".update")} {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(m.say, "%6.1f MB  %s\n", float64(info.Size())/1e6, strings.TrimPrefix(name, m.out+"/"))
		}
	}
	return nil
}
