package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/twinpath/twinpath/alert/channel/shout"
	"github.com/twinpath/twinpath/internal/cage"
)

// runShout is "twinpath shout", which only package channel starts: one message through shoutrrr, in a process of its own that can open no
// connection and no file.
func runShout(ctx context.Context, args []string, std stdio) error {
	if _, err := parse(flag.NewFlagSet("shout", flag.ContinueOnError), args, 0, 0); err != nil {
		return err
	}
	_ = os.WriteFile("/proc/self/comm", []byte("twinpath-shout"), 0o644) // for ps; else it is called "exe"
	roots, err := x509.SystemCertPool()                                  // files, which are out of reach in a moment
	if err != nil {
		return err
	}
	const files, nice = 64, 5
	if _, err := (cage.Cage{Files: files, Nice: nice}).Enter(); err != nil {
		fmt.Fprintln(std.err, err) // a message that gets out is worth more
	}
	return shout.Run(ctx, std.in, std.out, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
}
