package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/router"
)

// load reads the config named by the only argument, or the boot file. Its problems are printed.
func load(name string, args []string, std stdio) (router.Config, error) {
	rest, err := parse(flag.NewFlagSet(name, flag.ContinueOnError), args, 0, 1)
	if err != nil {
		return router.Config{}, err
	}
	path := bootFile
	if len(rest) == 1 {
		path = rest[0]
	}
	cfg, err := config.Load(path)
	if err != nil {
		fmt.Fprintln(std.err, err)
		return cfg, saidError(no)
	}
	return cfg, nil
}

func checkFile(_ context.Context, args []string, std stdio) error {
	_, err := load("check", args, std)
	return err
}

func plan(_ context.Context, args []string, std stdio) error {
	cfg, err := load("plan", args, std)
	if err != nil {
		return err
	}
	p, notes := router.Preview(cfg)
	for _, note := range notes {
		fmt.Fprintf(std.out, "# %s\n", note)
	}
	fmt.Fprint(std.out, p)
	return nil
}

// hostname is the router's name when the config gives none.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "router"
	}
	return name
}
