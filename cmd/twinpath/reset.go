package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/twinpath/twinpath/image/firstboot"
	"github.com/twinpath/twinpath/image/slot"
)

// reset is "twinpath reset": back to factory settings, by way of a restart.
func reset(ctx context.Context, args []string, std stdio) error {
	flags := flag.NewFlagSet("reset", flag.ContinueOnError)
	yes := flags.Bool("yes", false, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if err := resettable("/"); err != nil {
		return err
	}
	if !*yes {
		if err := ask(std); err != nil {
			return err
		}
	}
	if err := firstboot.AskReset(dataDir); err != nil {
		return err
	}
	fmt.Fprintln(std.out, "Restarting. The router comes back in setup mode, or with the twinpath.toml that lies on its card.")
	return reboot(ctx)
}

// resettable says why the system below root cannot be reset.
func resettable(root string) error {
	switch _, err := slot.Running(root); {
	case errors.Is(err, slot.ErrNotImage):
		return errors.New("this system does not run from a Twinpath image\nhint: where Twinpath is a package, \"apt purge twinpath\" removes it with its settings")
	case err != nil:
		return err
	}
	if _, err := os.Stat(filepath.Join(root, imageRun, "data-lost")); err == nil {
		return errors.New("the disk that holds the settings cannot be read, so that they cannot be removed\nhint: flash the image anew")
	}
	return nil
}

// ask lets the owner think once more.
func ask(std stdio) error {
	if in, ok := std.in.(*os.File); !ok || !term.IsTerminal(int(in.Fd())) {
		return usageError("nobody is there to be asked: say --yes")
	}
	return agree(std)
}

func agree(std stdio) error {
	fmt.Fprint(std.out, "All settings, the history and the SSH keys of this router will be gone, and it restarts now.\nType \"yes\" to go on: ")
	line, err := bufio.NewReader(std.in).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "yes" {
		fmt.Fprintln(std.out, "\nNothing was changed.")
		return saidError(no)
	}
	return nil
}

// reboot restarts the machine in good order: the sentinel says good-bye, the disks are written.
func reboot(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "systemctl", "reboot").CombinedOutput()
	if err != nil {
		return fmt.Errorf("restart: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
