package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/image/console"
	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/web/front"
)

// runConsole is "twinpath console": only the image's unit starts it.
func runConsole(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("console")
	root := flags.String("root", "/", "") // of tests
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	source := &console.Source{
		Version: version, Root: *root, Status: web.NewClient(*socket).Status,
		House: func() console.House { return houseOf(bootFile, setupFile) },
	}
	c := &console.Console{
		Look: source.Look,
		Show: func(text string) error { return console.Show(*root, text) },
		Log:  slog.New(slog.NewTextHandler(std.err, nil)),
	}
	return c.Run(ctx)
}

// houseOf reads the configuration in use: the boot file, else the fallback.
func houseOf(boot, fallback string) console.House {
	cfg, err := config.Load(boot)
	setup := errors.Is(err, fs.ErrNotExist)
	if setup {
		cfg, err = config.Load(fallback)
	}
	if err != nil {
		return console.House{Setup: setup}
	}
	h := console.House{Setup: setup, Address: cfg.LAN.Address, Ports: cfg.LAN.Ports}
	if !setup { // setup mode says itself where to go
		h.Pages = front.URLs(cfg)
	}
	return h
}
