package main

import (
	"context"
	"os"
	"time"

	"github.com/twinpath/twinpath/router"
)

// Apply implements web.Applier.
func (h *household) Apply(ctx context.Context, name string, text []byte, confirm time.Duration) error {
	if err := h.keeper.Apply(ctx, name, text, confirm); err != nil {
		return err
	}
	h.waits()
	return nil
}

// waits tells the router of a configuration that waits for its confirmation.
func (h *household) waits() {
	if p := h.keeper.Status(); p.Waiting {
		h.router.Tell(router.PendingSet{Until: p.Until})
	}
}

// Confirm implements web.Applier.
func (h *household) Confirm() error {
	if err := h.keeper.Confirm(); err != nil {
		return err
	}
	h.router.Tell(router.PendingSet{})
	return nil
}

// reloads reads the boot file again at each SIGHUP. A bad one is said and changes nothing.
func (h *household) reloads(ctx context.Context, hangups <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			if err := h.keeper.Reload(); err != nil {
				h.log.Error("reload refused, the running configuration stays", "err", err)
				e := happened(time.Now(), router.CauseUndone, "The configuration file was not taken over, the running one stays: "+err.Error())
				e.Blame = router.BlameOwner
				h.record(e)
			}
		}
	}
}

// undone hears of a configuration that went back by itself.
func (h *household) undone(sentence string) {
	h.record(happened(time.Now(), router.CauseUndone, sentence))
}
