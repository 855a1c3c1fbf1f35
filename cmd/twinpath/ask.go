package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/twinpath/twinpath/web"
)

// asking is a flag set with the one flag of every command that talks to the daemon.
func asking(name string) (*flag.FlagSet, *string) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	return flags, flags.String("socket", socketPath, "")
}

func status(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("status")
	asJSON := flags.Bool("json", false, "")
	watch := flags.Bool("watch", false, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	client := web.NewClient(*socket)
	switch {
	case *watch:
		return watchStatus(ctx, client, *asJSON, std)
	case *asJSON:
		text, err := client.Raw(ctx, "/api/v1/status")
		if err == nil {
			_, err = std.out.Write(text)
		}
		return err
	}
	snapshot, err := client.Status(ctx)
	if err != nil {
		return err
	}
	printStatus(std.out, snapshot, terminal(std.out))
	return nil
}

func events(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("events")
	since := flags.String("since", "", "")
	asJSON := flags.Bool("json", false, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	from, err := moment(*since, time.Now())
	if err != nil {
		return err
	}
	client := web.NewClient(*socket)
	list, err := client.Events(ctx, from)
	if err != nil {
		return err
	}
	for _, e := range list {
		if *asJSON {
			if err := json.NewEncoder(std.out).Encode(e); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(std.out, "%s  %-6s  %s\n", e.Time.Local().Format("2006-01-02 15:04:05.000"), e.Kind, e.Sentence)
	}
	return nil
}

// moment reads a point in time: "2h" ago, "2026-11-20", or RFC 3339. Empty is the beginning.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError(fmt.Sprintf("--since: %q is neither a duration (2h) nor a time (2026-11-20 or 2026-11-20T20:00:00Z)", text))
}

func apply(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("apply")
	wait := flags.Duration("confirm", 0, "")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(rest[0])
	if err != nil {
		return err
	}
	name, err := filepath.Abs(rest[0])
	if err != nil {
		return err
	}
	values := url.Values{"name": {name}}
	if *wait != 0 {
		values.Set("confirm", wait.String())
	}
	if err := web.NewClient(*socket).Post(ctx, "apply", values, text); err != nil {
		return refused(err, std)
	}
	if *wait != 0 {
		fmt.Fprintf(std.out, "In use. It goes back in %s unless you say \"twinpath confirm\".\n", *wait)
	}
	return nil
}

// refused prints the daemon's own words, which are complete, and keeps the exit status.
func refused(err error, std stdio) error {
	var r web.Refusal
	if errors.As(err, &r) {
		fmt.Fprintln(std.err, r)
		return saidError(no)
	}
	return err
}

func confirm(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("confirm")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	return refused(web.NewClient(*socket).Post(ctx, "confirm", nil, nil), std)
}

func resume(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("resume")
	rest, err := parse(flags, args, 0, 1)
	if err != nil {
		return err
	}
	return refused(web.NewClient(*socket).Post(ctx, "resume", url.Values{"wan": rest}, nil), std)
}
