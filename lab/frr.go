package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// StartFRR runs FRR's zebra and vrrpd as the box's daemon with one virtual router, and waits until they are ready. Its
// addresses live on macvlan interfaces that exist all the time; vrrpd holds their carrier down while it is Backup.
func (b *Box) StartFRR(ctx context.Context, v Virtual) error {
	if b.Running() {
		return fmt.Errorf("start %s: it runs already", b.Name)
	}
	if err := b.prepareFRR(v); err != nil {
		return fmt.Errorf("start FRR on %s: %w", b.Name, err)
	}
	b.again = b.runFRR
	return b.runFRR(ctx)
}

func (b *Box) frr(name string) string { return filepath.Join(b.dir, "frr", name) }

// prepareFRR lays the macvlans and a directory that FRR's own user can enter: it refuses to stay root.
func (b *Box) prepareFRR(v Virtual) error {
	if err := b.macvlan(v); err != nil {
		return err
	}
	if err := os.MkdirAll(b.frr(""), 0o755); err != nil {
		return err
	}
	for _, dir := range []string{b.house.dir, b.dir} {
		if err := os.Chmod(dir, 0o711); err != nil {
			return err
		}
	}
	uid, gid, err := frrIDs()
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.frr("conf"), []byte(v.FRR()), 0o644); err != nil {
		return err
	}
	return os.Chown(b.frr(""), uid, gid)
}

func frrIDs() (uid, gid int, err error) {
	u, err := user.Lookup("frr")
	if err != nil {
		return 0, 0, err
	}
	g, err := user.LookupGroup("frrvty")
	if err != nil {
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(g.Gid)
	return uid, gid, err
}

// macvlan lays the interface with the virtual MAC address (RFC 9568 §7.3). Its link-local address is written by hand: the kernel
// here knows no random ones, and the virtual MAC must not make one.
func (b *Box) macvlan(v Virtual) error {
	family, bits := 1, 4
	if v.v6() {
		family, bits = 2, 6
	}
	name := fmt.Sprintf("vrrp%d-%d", bits, v.ID)
	if _, err := b.space.Run("ip link show dev " + name); err == nil {
		return nil // from the last start
	}
	err := ip(b.space, fmt.Sprintf("link add name %s link lan0 address 00:00:5e:00:%02x:%02x type macvlan mode bridge\nlink set dev %[1]s addrgenmode none",
		name, family, v.ID))
	if err != nil {
		return err
	}
	for path, value := range map[string]string{"accept_dad": "0", "accept_ra": "0", "autoconf": "0"} {
		if err := sysctl(b.space, "net/ipv6/conf/"+name+"/"+path, value); err != nil {
			return err
		}
	}
	lines := ""
	for _, a := range v.Addresses {
		lines += fmt.Sprintf("addr add %s dev %s\n", a, name)
	}
	if v.v6() { // the newest link-local becomes the source of its adverts: the box's own, not the virtual one
		lines += fmt.Sprintf("addr add fe80::f%x/64 dev %s nodad\n", b.lan.Addr().As4()[3], name)
	}
	return ip(b.space, lines+"link set dev "+name+" up")
}

func (b *Box) runFRR(ctx context.Context) error {
	zebra, err := b.frrDaemon(ctx, "zebra", "zserv.api")
	if err != nil {
		return err
	}
	b.daemon, err = b.frrDaemon(ctx, "vrrpd", "vrrpd.vty")
	if err != nil {
		zebra.kill()
	}
	return err
}

// frrDaemon starts one of FRR's programs and waits for its socket.
func (b *Box) frrDaemon(ctx context.Context, name, socket string) (*process, error) {
	_ = os.Remove(b.frr(socket))
	p, err := start(b.space, b.frr(name+".log"), "/usr/lib/frr/"+name, "-f", b.frr("conf"), "-i", b.frr(name+".pid"),
		"-z", b.frr("zserv.api"), "--vty_socket", b.frr(""), "-u", "frr", "-g", "frr", "-A", "127.0.0.1", "-P", "0", "--log", "stdout")
	if err != nil {
		return nil, err
	}
	return p, p.await(ctx, func() bool {
		conn, err := net.DialTimeout("unix", b.frr(socket), time.Second)
		return err == nil && conn.Close() == nil
	})
}

// StopFRR ends FRR as its service does: vrrpd first.
func (b *Box) StopFRR() error {
	if err := b.Stop(); err != nil {
		return err
	}
	return b.KillAll() // zebra
}

// FRR runs commands in FRR's configuration, one a line: b.FRR("interface lan0", "vrrp 51 priority 40").
func (b *Box) FRR(commands ...string) error {
	out, err := b.Feed("vtysh --vty_socket "+b.frr("")+" -d vrrpd", "configure\n"+strings.Join(commands, "\n")+"\n")
	if err == nil && strings.Contains(out, "% ") {
		err = fmt.Errorf("vtysh on %s: %s", b.Name, tail(out))
	}
	return err
}
