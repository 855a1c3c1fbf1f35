package main

import (
	"context"
	"flag"
	"log/slog"

	"github.com/twinpath/twinpath/internal/kernel"
)

func cleanup(_ context.Context, args []string, std stdio) error {
	if _, err := parse(flag.NewFlagSet("cleanup", flag.ContinueOnError), args, 0, 0); err != nil {
		return err
	}
	return kernel.New(slog.New(slog.NewTextHandler(std.err, nil))).Cleanup()
}
