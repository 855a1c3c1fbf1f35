package main

import (
	"context"
	"fmt"
	"io"

	"github.com/twinpath/twinpath/web"
)

// alertCommand is "twinpath alert test": one message to each channel of the configuration, or to the one that a URL names.
func alertCommand(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("alert")
	rest, err := parse(flags, args, 1, 2)
	switch {
	case err != nil:
		return err
	case rest[0] != "test":
		return usageError(fmt.Sprintf("%q is nothing that can be done with alerts", rest[0]))
	}
	client := web.NewClient(*socket)
	if len(rest) == 2 {
		if err := client.TestAlert(ctx, rest[1]); err != nil {
			return refused(err, std)
		}
		fmt.Fprintln(std.out, "ok")
		return nil
	}
	tested, err := client.TestAlerts(ctx)
	if err != nil {
		return refused(err, std)
	}
	return printTested(std.out, tested)
}

// printTested says what became of each message. One that was not taken is the answer no.
func printTested(w io.Writer, tested []web.TestedChannel) error {
	if len(tested) == 0 {
		return fmt.Errorf("nobody is to be told\nhint: name a channel in [[alert.to]]")
	}
	var wrong error
	for _, t := range tested {
		became := "ok"
		if t.Error != "" {
			became, wrong = t.Error, saidError(no)
		}
		fmt.Fprintf(w, "%s: %s\n", t.Name, became)
	}
	return wrong
}
