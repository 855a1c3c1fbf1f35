package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// KeepalivedGlobals is the head of a keepalived.conf that runs check scripts as root.
const KeepalivedGlobals = `global_defs {
 script_user root
 enable_script_security
}
`

// StartKeepalived runs keepalived as the box's daemon with a config, and waits until it is ready. Stop, Kill, Pause, Reload and
// Restart work on its first process: SIGTERM and SIGHUP reach the others through it, KillAll and Freeze find all.
func (b *Box) StartKeepalived(ctx context.Context, config string) error {
	if b.Running() {
		return fmt.Errorf("start %s: it runs already", b.Name)
	}
	if err := b.ConfigureKeepalived(config); err != nil {
		return err
	}
	b.again = b.runKeepalived
	return b.runKeepalived(ctx)
}

// ConfigureKeepalived writes the config that the next start or Reload reads.
func (b *Box) ConfigureKeepalived(config string) error {
	return os.WriteFile(filepath.Join(b.dir, "keepalived.conf"), []byte(KeepalivedGlobals+config), 0o600)
}

func (b *Box) runKeepalived(ctx context.Context) (err error) {
	at := filepath.Join(b.dir, "keepalived")
	for _, pid := range []string{".pid", ".vrrp.pid"} {
		_ = os.Remove(at + pid) // of a killed one: should its number live again, keepalived would not start
	}
	b.daemon, err = start(b.space, at+".log", "keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
		"--use-file="+at+".conf", "--pid="+at+".pid", "--vrrp_pid="+at+".vrrp.pid")
	if err != nil {
		return err
	}
	return b.daemon.awaitLog(ctx, "Entering BACKUP STATE")
}
