package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

// coreSector is where GRUB's core for BIOS PCs begins: behind the partition table's 33 sectors.
const coreSector = 34

// grubModules is what grub.cfg and the way to it need on a BIOS PC; the signed loaders for UEFI have them built in.
var grubModules = []string{"biosdisk", "part_gpt", "part_msdos", "fat", "squash4", "xzio", "gzio", "normal", "configfile", "linux", "loadenv",
	"search", "test", "echo", "regexp", "probe", "reboot", "sleep", "serial", "terminal", "minicmd", "true"}

// makeCore builds GRUB's core for BIOS with the release's own grub-mkimage, run by the release's own C library: the machine's may
// be of another release, and other bytes would come out.
func makeCore(ctx context.Context, root, tools, to string) error {
	const libraries = "usr/lib/x86_64-linux-gnu"
	args := []string{"--library-path", filepath.Join(tools, libraries) + ":" + filepath.Join(root, libraries),
		filepath.Join(tools, "usr/bin/grub-mkimage"), "-O", "i386-pc", "-d", filepath.Join(tools, "usr/lib/grub/i386-pc"),
		"-o", to, "-p", "(,gpt1)/EFI/debian"}
	if err := run(ctx, filepath.Join(root, "usr/lib64/ld-linux-x86-64.so.2"), append(args, grubModules...)...); err != nil {
		return fmt.Errorf("build the BIOS boot loader: %w", err)
	}
	return nil
}

// patchBoot makes the first sector's program load the core from core's sector: what grub-install writes, and only the 440 bytes
// before the disk's signature.
func patchBoot(boot []byte, core int64) ([]byte, error) {
	if len(boot) != sector {
		return nil, fmt.Errorf("boot.img has %d bytes, want %d", len(boot), sector)
	}
	boot = append([]byte(nil), boot[:440]...)
	binary.LittleEndian.PutUint64(boot[0x5c:], uint64(core))
	boot[0x64] = 0xff                   // the disk the BIOS started from
	boot[0x66], boot[0x67] = 0x90, 0x90 // a jump over a work-around for floppies
	return boot, nil
}

// patchCore tells the core's first sector where its rest is: one run of sectors right behind it.
func patchCore(core []byte, at int64) ([]byte, error) {
	sectors := (len(core) + sector - 1) / sector
	if room := mib/sector - int(at); sectors < 2 || sectors > room {
		return nil, fmt.Errorf("core.img has %d sectors, want 2 to %d", sectors, room)
	}
	core = append(append([]byte(nil), core...), make([]byte, sectors*sector-len(core))...)
	binary.LittleEndian.PutUint64(core[0x1f4:], uint64(at+1))
	binary.LittleEndian.PutUint16(core[0x1fc:], uint16(sectors-1))
	binary.LittleEndian.PutUint16(core[0x1fe:], 0x820) // the segment it is loaded to
	return core, nil
}

// installBIOS writes both parts into the disk image.
func installBIOS(disk, tools, coreFile string) error {
	boot, err := os.ReadFile(filepath.Join(tools, "usr/lib/grub/i386-pc/boot.img"))
	if err != nil {
		return err
	}
	if boot, err = patchBoot(boot, coreSector); err != nil {
		return err
	}
	core, err := os.ReadFile(coreFile)
	if err != nil {
		return err
	}
	if core, err = patchCore(core, coreSector); err != nil {
		return err
	}
	f, err := os.OpenFile(disk, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(boot, 0); err != nil {
		return err
	}
	if _, err := f.WriteAt(core, coreSector*sector); err != nil {
		return err
	}
	return f.Close()
}

// environment is a fresh grubenv: exactly 1024 bytes, since GRUB writes it in place and never grows it.
func environment() []byte {
	env := []byte("# GRUB Environment Block\nslot=a\ntry=\nleft=3\n")
	for len(env) < 1024 {
		env = append(env, '#')
	}
	return env
}
