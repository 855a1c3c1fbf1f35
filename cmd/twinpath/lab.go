package main

import (
	"context"
	"os"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/lab"
)

// labCommand builds a home inside a sandbox of its own: nothing of this machine's network is touched.
func labCommand(ctx context.Context, args []string, std stdio) error {
	status, outer, err := sandbox.Enter()
	if err != nil {
		return err
	}
	if !outer {
		binary, err := os.Executable()
		if err != nil {
			return err
		}
		status = lab.Command(ctx, args, std.in, std.out, binary)
	}
	return exit(status)
}

// exit turns another program's status into ours.
func exit(status int) error {
	switch status {
	case done:
		return nil
	case misused:
		return usageError("only --play is known")
	}
	return errNo
}
