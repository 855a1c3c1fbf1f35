package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// pcFiles are what a UEFI PC starts from: Microsoft's signature is on shim, shim knows Debian's on GRUB and the kernel.
var pcFiles = [][2]string{
	{"EFI/BOOT/BOOTX64.EFI", "usr/lib/shim/shimx64.efi.signed"},
	{"EFI/BOOT/grubx64.efi", "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"},
}

// piFiles are what a Raspberry Pi starts from: its firmware (Pi 4 the files with a 4), U-Boot as "kernel", which starts GRUB.
var piFiles = [][2]string{
	{"bootcode.bin", "usr/lib/raspi-firmware/bootcode.bin"},
	{"start.elf", "usr/lib/raspi-firmware/start.elf"},
	{"fixup.dat", "usr/lib/raspi-firmware/fixup.dat"},
	{"start4.elf", "usr/lib/raspi-firmware/start4.elf"},
	{"fixup4.dat", "usr/lib/raspi-firmware/fixup4.dat"},
	{"u-boot.bin", "usr/lib/u-boot/rpi_arm64/u-boot.bin"},
	{"EFI/BOOT/BOOTAA64.EFI", "usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed"},
}

// boards are the Pi models whose device tree is copied; the Pi 5 is not among them, since this kernel drives neither its Ethernet nor USB.
var boards = []string{"bcm2837-rpi-", "bcm2711-rpi-"}

// keepDeviceTrees puts the device trees that the firmware needs aside and takes all of them out of the root: no other program reads them.
func (m *maker) keepDeviceTrees() error {
	all, _ := filepath.Glob(filepath.Join(m.root, "usr/lib/linux-image-*"))
	if m.arch != pi {
		return nil
	}
	if len(all) != 1 {
		return fmt.Errorf("%d sets of device trees in the root: want one", len(all))
	}
	trees, _ := filepath.Glob(filepath.Join(all[0], "broadcom", "*.dtb"))
	for _, tree := range trees {
		name := filepath.Base(tree)
		for _, board := range boards {
			if strings.HasPrefix(name, board) {
				if err := copyFile(tree, filepath.Join(m.work, "dtb", name)); err != nil {
					return err
				}
			}
		}
	}
	// The firmware asks for a Compute Module 4 by a name of its own.
	if err := copyFile(filepath.Join(m.work, "dtb/bcm2711-rpi-cm4-io.dtb"), filepath.Join(m.work, "dtb/bcm2711-rpi-cm4.dtb")); err != nil {
		return err
	}
	return os.RemoveAll(all[0])
}

// disk lays the disk image out.
func (m *maker) disk(ctx context.Context) error {
	files := map[string]string{"a": m.plain("slot", ".squashfs"), "data": filepath.Join(m.work, "data.img"), "loader": filepath.Join(m.work, "loader.img")}
	label := "TWINPATH"
	if m.arch == pc {
		label, files["card"] = "TWINPATHEFI", filepath.Join(m.work, "card.img")
	}
	if err := m.loaderTree(); err != nil {
		return err
	}
	if err := writeFAT(ctx, files["loader"], label, "32", filepath.Join(m.work, "loader"), loaderSize, m.epoch); err != nil {
		return err
	}
	if m.arch == pc {
		card := filepath.Join(m.work, "card")
		if err := copyTree(filepath.Join(m.recipe.dir, "card"), card); err != nil {
			return err
		}
		if err := writeFAT(ctx, files["card"], "TWINPATH", "16", card, cardSize, m.epoch); err != nil {
			return err
		}
	}
	if err := writeData(ctx, files["data"], m.epoch); err != nil {
		return err
	}
	if err := writeDisk(ctx, m.name(".img"), layoutOf(m.arch, files), m.arch.board); err != nil || m.arch != pc {
		return err
	}
	core := filepath.Join(m.work, "core.img")
	if err := makeCore(ctx, m.root, m.side, core); err != nil {
		return err
	}
	return installBIOS(m.name(".img"), m.side, core)
}

// loaderTree gathers the boot partition's files.
func (m *maker) loaderTree() error {
	to := filepath.Join(m.work, "loader")
	files := pcFiles
	if m.arch == pi {
		files = piFiles
		for _, from := range []string{filepath.Join(m.work, "dtb"), filepath.Join(m.recipe.dir, "pi"), filepath.Join(m.recipe.dir, "card")} {
			if err := copyTree(from, to); err != nil {
				return err
			}
		}
	}
	for _, f := range files {
		if err := copyFile(filepath.Join(m.side, f[1]), filepath.Join(to, f[0])); err != nil {
			return err
		}
	}
	if err := copyFile(filepath.Join(m.recipe.dir, "grub.cfg"), filepath.Join(to, "EFI/debian/grub.cfg")); err != nil {
		return err
	}
	return writeFile(filepath.Join(to, "twinpath/grubenv"), environment(), 0o644)
}
