package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/web"
)

// drillLook is how often the daemon is asked how far it is.
const drillLook = 250 * time.Millisecond

// drillCommand is "twinpath drill": the steps as they come, then the result, which is also the exit status.
func drillCommand(ctx context.Context, args []string, std stdio) error {
	flags, socket := asking("drill")
	full := flags.Bool("full", false, "")
	asJSON := flags.Bool("json", false, "")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	client := web.NewClient(*socket)
	view, err := client.StartDrill(context.WithoutCancel(ctx), rest[0], *full) // from here on there is something to be stopped
	if err != nil {
		return refused(err, std)
	}
	out := std.out
	if *asJSON {
		out = io.Discard
	}
	fmt.Fprintln(out, view.Sentence)
	if view, err = followDrill(ctx, client, view, out); err != nil {
		return err
	}
	if *asJSON {
		err = json.NewEncoder(std.out).Encode(view)
	} else {
		printDrill(std.out, view)
	}
	if err == nil && !view.OK {
		return saidError(no)
	}
	return err
}

// followDrill prints each step as it is done and returns the rehearsal when it is over. When ctx ends it has the daemon stop at once: the
// house may be elsewhere just then.
func followDrill(ctx context.Context, client *web.Client, view router.DrillView, out io.Writer) (router.DrillView, error) {
	steady, printed := context.WithoutCancel(ctx), 0
	tick := time.NewTicker(drillLook)
	defer tick.Stop()
	stop := context.AfterFunc(ctx, func() { _ = client.StopDrill(steady) }) // a daemon that does not hear it ends the move by itself
	defer stop()
	for {
		now, err := drillOf(steady, client, view.ID)
		if err != nil {
			return view, err
		}
		for _, s := range now.Steps[min(printed, len(now.Steps)):] {
			fmt.Fprintf(out, "  %-9s%-4s  %s\n", s.What, map[bool]string{true: "ok", false: "FAIL"}[s.OK], s.Detail)
		}
		printed = max(printed, len(now.Steps))
		if !now.End.IsZero() {
			return now, nil
		}
		<-tick.C
	}
}

// drillOf finds a rehearsal among those that are kept.
func drillOf(ctx context.Context, client *web.Client, id string) (router.DrillView, error) {
	all, err := client.Drills(ctx)
	if err != nil {
		return router.DrillView{}, err
	}
	for _, v := range all {
		if v.ID == id {
			return v, nil
		}
	}
	return router.DrillView{}, fmt.Errorf("the daemon does not know the rehearsal any more: it has started anew")
}

func printDrill(w io.Writer, v router.DrillView) {
	fmt.Fprintf(w, "\n%s\n", v.Sentence)
	for _, line := range v.Felt {
		fmt.Fprintf(w, "  %s\n", line)
	}
}
