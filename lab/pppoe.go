package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// Login is how a provider lets customers in that dial it by PPPoE. The zero value: nobody has to.
type Login struct {
	User, Password string
	CHAP           bool // instead of PAP
	Wide           bool // packets of 1508 bytes are offered (RFC 4638)
}

// wideMTU is that of an Ethernet whose sessions have 1500 bytes (RFC 4638 §2).
const wideMTU = 1508

// pool is the first address that a concentrator gives; it is no customer's by DHCP.
const pool = 100

// settlePPP gives the sandbox an /etc/ppp of its own: what pppd reads there without being asked is against everything that a daemon
// of ours wants, Debian's own "auth" among it, so that a test sees what of it has a say.
func settlePPP(l Login) error {
	const dir = "/etc/ppp"
	var at unix.Statfs_t
	if err := unix.Statfs(dir, &at); err != nil || at.Type != unix.TMPFS_MAGIC {
		if err := errors.Join(os.MkdirAll(dir, 0o755), unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755")); err != nil {
			return fmt.Errorf("make an /etc/ppp: %w", err)
		}
	}
	secret := fmt.Sprintf("%q * %q *\n", l.User, l.Password)
	return errors.Join(
		os.WriteFile(dir+"/options", []byte(hostile), 0o644),
		os.WriteFile(dir+"/ip-up", []byte("#!/bin/sh\ntouch /run/ip-up-ran\n"), 0o755),
		os.WriteFile(dir+"/pap-secrets", []byte(secret), 0o600),
		os.WriteFile(dir+"/chap-secrets", []byte(secret), 0o600),
	)
}

const hostile = "auth\ncrtscts\nlock\nmodem\ndefaultroute\nlcp-echo-interval 30\nlcp-echo-failure 4\n"

// inKernel is what pppoe-server is told is pppd: it would have every packet pass through a process of its own, which drops those of
// 1508 bytes. Debian builds it without -k, which does just this.
const inKernel = `#!/bin/sh
set -eu
for word; do
	shift
	case $word in
	pty) set -- "$@" plugin pppoe.so nic-access ;;
	*"/pppoe "*)
		session=${word##*-e }
		set -- "$@" pppoe-sess "${session%% *}"
		;;
	*) set -- "$@" "$word" ;;
	esac
done
exec pppd "$@"
`

// startConcentrator runs pppoe-server, with sessions in the kernel.
func (l *Line) startConcentrator(ctx context.Context) error {
	if err := settlePPP(l.login); err != nil {
		return err
	}
	file := l.dir + "/" + l.Name + ".ppp"
	require := "require-pap\n"
	if l.login.CHAP {
		require = "require-chap\n"
	}
	options := require + "nodefaultroute\nnobsdcomp\nnodeflate\nnoccp\nlcp-echo-interval 5\nlcp-echo-failure 3\n" +
		fmt.Sprintf("ms-dns %s\n", l.gateway()) + "ip-up-script /nonexistent\nip-down-script /nonexistent\ndebug\n" +
		fmt.Sprintf("logfile %s.log\n", file)
	if l.dual {
		options += "+ipv6\n"
	}
	if !l.login.Wide {
		options += "mtu 1492\nmru 1492\n"
	}
	wrapper := l.dir + "/pppd-in-kernel"
	if err := errors.Join(os.WriteFile(file, []byte(options), 0o600), os.WriteFile(wrapper, []byte(inKernel), 0o700)); err != nil {
		return err
	}
	if l.login.Wide {
		if err := ip(l.space, fmt.Sprintf("link set access mtu %d", wideMTU)); err != nil {
			return err
		}
	}
	var err error
	l.dhcp, err = start(l.space, l.dir+"/"+l.Name+".server.log", "pppoe-server", "-F", "-q", wrapper, "-I", "access", "-C", l.Name+"-ac",
		"-L", l.gateway().String(), "-R", hosts(l.network, pool).String(), "-N", "20", "-O", file)
	return err
}

// HangUpAll has a provider end every session in an orderly way (PADT).
func (h *House) HangUpAll(isp string) error { return h.signalPPP(isp, syscall.SIGTERM, "pppd") }

// KillPPPoE takes the power of a provider's concentrator: nobody is told, and nobody answers.
func (h *House) KillPPPoE(isp string) error {
	return h.signalPPP(isp, syscall.SIGKILL, "pppoe-server", "pppd")
}

// StartPPPoE gives it back.
func (h *House) StartPPPoE(ctx context.Context, isp string) error {
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.startConcentrator(ctx)
}

// Sessions is how many a provider's concentrator has.
func (h *House) Sessions(isp string) (int, error) {
	l, err := h.Line(isp)
	if err != nil {
		return 0, err
	}
	all, err := l.programs("pppd")
	return len(all), err
}

func (h *House) signalPPP(isp string, s syscall.Signal, names ...string) error {
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	all, err := l.programs(names...)
	for _, pid := range all {
		err = errors.Join(err, syscall.Kill(pid, s))
	}
	return err
}

// programs are the ids of a provider's programs with these names.
func (l *Line) programs(names ...string) ([]int, error) {
	all, err := processesIn(l.space)
	if err != nil {
		return nil, err
	}
	var found []int
	for _, pid := range all {
		if program := programOf(pid); program != "" && strings.Contains(" "+strings.Join(names, " ")+" ", " "+program+" ") {
			found = append(found, pid)
		}
	}
	return found, nil
}

// programOf is the name of a process's program.
func programOf(pid int) string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	name, _, _ := strings.Cut(string(line), "\x00")
	if err != nil {
		return ""
	}
	return filepath.Base(name)
}

// Swallow makes the equipment between a provider and its customers drop larger packets than that, without a word; 0: none.
func (h *House) Swallow(isp string, bytes int) error {
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	rule := ""
	if bytes > 0 {
		rule = fmt.Sprintf("meta length > %d drop", bytes)
	}
	return swallow(l.space, rule)
}

// Mute makes that equipment drop everything, while the cables keep their carrier.
func (h *House) Mute(isp string, muted bool) error {
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	rule := ""
	if muted {
		rule = "drop"
	}
	return swallow(l.space, rule)
}

func swallow(n *sandbox.Namespace, rule string) error {
	_, err := n.Feed("nft -f -", fmt.Sprintf(`
add table bridge equipment
delete table bridge equipment
table bridge equipment {
	chain input { type filter hook input priority 0; %[1]s
	}
	chain output { type filter hook output priority 0; %[1]s
	}
}`, rule))
	return err
}
