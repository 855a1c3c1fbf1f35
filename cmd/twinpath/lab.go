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
	if status != done {
		return saidError(status) // the lab has said why
	}
	return nil
}
