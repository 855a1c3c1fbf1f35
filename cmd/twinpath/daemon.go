package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"github.com/twinpath/twinpath/budget"
	"github.com/twinpath/twinpath/check"
	"github.com/twinpath/twinpath/config"
	"github.com/twinpath/twinpath/ddns"
	"github.com/twinpath/twinpath/drill"
	"github.com/twinpath/twinpath/health"
	"github.com/twinpath/twinpath/incident"
	"github.com/twinpath/twinpath/internal/kernel"
	"github.com/twinpath/twinpath/internal/ladder"
	"github.com/twinpath/twinpath/router"
	"github.com/twinpath/twinpath/script"
	"github.com/twinpath/twinpath/store"
	"github.com/twinpath/twinpath/vrrp/sentinel"
	"github.com/twinpath/twinpath/web"
	"github.com/twinpath/twinpath/web/front"
)

// runDaemon is "twinpath run".
func runDaemon(ctx context.Context, args []string, std stdio) error {
	frugal()
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	file := flags.String("config", bootFile, "")
	fallback := flags.String("fallback", "", "") // of the image: its setup mode
	names := flags.String("ports", "", "")       // a pattern, instead of every Ethernet port: the lab's are not of hardware
	state := flags.String("state", stateDir, "")
	socket := flags.String("socket", socketPath, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	for _, dir := range []string{*state, filepath.Dir(*socket)} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	}
	claimed := &web.Socket{Path: *socket}
	if err := claimed.Claim(); err != nil { // before anything of a running daemon is touched: its files, its kernel objects
		return err
	}
	defer claimed.Close()
	log := slog.New(slog.NewTextHandler(std.err, nil))
	keeper := &config.Keeper{
		Boot: *file, State: *state, Name: hostname(), Log: log,
		Fallback: *fallback, Archive: &config.Archive{Dir: filepath.Join(*state, archiveName)},
	}
	h, err := assemble(keeper, &household{socket: claimed, ethernet: *names, link: newLink(*socket, *state, log), log: log})
	if err != nil {
		return err
	}
	return h.run(ctx)
}

// frugal has the daemon live on little, unless its environment says otherwise.
func frugal() {
	if os.Getenv("GOMAXPROCS") == "" {
		// One thread runs Go code at a time: a second one would mostly be woken to find nothing to do, which was a
		// third of the processor time of checking two lines (docs/benchmarks.md). System calls do not count.
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		const percent = 75 // of the heap that lives, until the next collection: 1 MB less than by 100, and no more processor time that could be measured
		debug.SetGCPercent(percent)
	}
}

// household is the daemon's parts, made but not started.
type household struct {
	log    *slog.Logger
	kernel *kernel.Kernel
	router *router.Router
	store  *store.DB
	past   *store.History
	keeper *config.Keeper
	socket *web.Socket
	link   *sentinel.Link
	checks *check.Runner
	script *script.Runner
	prober *health.NetProber // of the checks
	page   *front.Attendant
	lan    *steward
	house  *houseView
	herald *herald
	life   *life
	drill  *drill.Driller
	names  *ddns.Registrar
	budget *budget.Counter
	paths  *surveyor

	incidents *incident.Recorder
	chronicle *chronicle
	ladder    *ladder.Climber
	tellers   *tellers
	couple    *couple

	ethernet string // a pattern for names, instead of every Ethernet port
}

// assemble makes the parts that h does not have yet.
func assemble(keeper *config.Keeper, h *household) (*household, error) {
	log := h.log
	h.kernel, h.store, h.script = kernel.New(log), store.New(keeper.State, log), script.New(log)
	h.keeper, h.prober, h.life = keeper, health.NewProber(anyWay()), newLife(keeper.State, log)
	h.checks = check.New(h.look, func(v check.Verdict) { h.router.Tell(router.CheckSeen(v)) }, log)
	h.chronicle = h.newChronicle()
	h.incidents = h.newRecorder() // before there is anything to record
	h.keeper.Use, h.keeper.Undone, h.store.Say = h.use, h.undone, h.record
	cfg, err := h.keeper.Load()
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	endSessions(h.socket.Path, cfg, log)
	h.router, err = router.New(cfg, version, h.ports(keeper.State), log)
	if err != nil {
		return nil, err
	}
	connect(h.link, h.router)
	h.house = &houseView{tell: func(f router.HouseSeen) { h.router.Tell(f) }}
	h.past = store.NewHistory(h.store, h.router, h.kernel.Traffic, log)
	h.drill, h.budget, h.tellers = h.newDriller(cfg), h.newCounter(), h.newTellers()
	h.names = h.newRegistrar()
	h.ladder = ladder.New(ladder.Ports{View: h.router.Snapshot, Links: h.kernel.Links, Shelf: h.store.Shelf("ways"), Log: log})
	h.paths = h.newSurveyor(cfg)
	h.couple = h.newCouple(cfg)
	h.lan, h.herald = h.newSteward(cfg), h.newHerald(cfg) // before the page, which shows what they know
	h.openPage(cfg)
	h.inform(cfg)
	return h, nil
}

// run starts everything in one group and stops it together.
func (h *household) run(ctx context.Context) error {
	ctx, cancel := h.couple.mover.lasting(ctx)
	defer cancel()
	kept := h.keep(ctx)
	hangups := make(chan os.Signal, 1) // caught before anybody can know that we are here: uncaught it would end us
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range h.tasks(hangups) {
		group.Go(func() error { return task(ctx) })
	}
	err := group.Wait()
	h.prober.Close()
	h.keeper.Close()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil {
		h.part()
	}
	return errors.Join(err, kept())
}

// tasks is everything that goes on for as long as the daemon does.
func (h *household) tasks(hangups <-chan os.Signal) []func(context.Context) error {
	return []func(context.Context) error{
		h.router.Run,
		h.past.Run,
		h.socket.Run,
		h.link.Run,
		h.checks.Run,
		h.script.Run,
		h.page.Run,
		h.lan.Run,
		h.herald.Run,
		h.herald.sender.Run,
		h.budget.Run,
		h.drill.Run,
		h.names.Run,
		h.paths.Run,
		h.incidents.Run,
		h.ladder.Run,
		h.tellers.desk.Run,
		h.tellers.hearts.Run,
		h.tellers.homes.Run,
		h.tellers.watch.Run,
		h.couple.Run,
		func(ctx context.Context) error { return h.kernel.Watch(ctx, h.lookAgain) },
		func(ctx context.Context) error { return h.reloads(ctx, hangups) },
		h.watchdog,
		h.watchDisk,
		h.watchClock,
		h.live,
	}
}

// use makes a configuration the running one. The kernel takes milliseconds; ten seconds mean that it never will.
func (h *household) use(cfg router.Config) error {
	const patience = 10 * time.Second
	defer h.couple.mover.around(cfg)()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := h.router.Reconfigure(ctx, cfg)
	h.router.Tell(router.PendingSet{})
	if err == nil {
		h.page.Use(cfg)
		h.lan.Use(cfg)
		h.herald.Use(cfg)
		h.inform(cfg)
	}
	return err
}

// inform passes a configuration on to those who need it after the router has it. It never blocks.
func (h *household) inform(cfg router.Config) {
	h.budget.Use(cfg)
	h.drill.Use(cfg)
	h.names.Use(cfg)
	h.paths.Use(cfg)
	h.tellers.Use(cfg)
	h.couple.Use(cfg)
}

// lookAgain passes on that the kernel's interfaces or addresses may have changed.
func (h *household) lookAgain() {
	h.router.Look()
	h.page.Look()
	h.lan.Look()
	h.herald.Look()
	h.couple.Look()
}

// watchdog tells systemd that we are ready and, for as long as the loop answers, alive (sd_notify(3)).
func (h *household) watchdog(ctx context.Context) error {
	if err := h.router.Answer(ctx); err != nil {
		return nil
	}
	notify(daemon.SdNotifyReady)
	defer notify(daemon.SdNotifyStopping)
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil || period == 0 {
		<-ctx.Done()
		return nil
	}
	beat := time.NewTicker(period / 2)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if h.router.Answer(ctx) == nil {
				notify(daemon.SdNotifyWatchdog)
			}
		}
	}
}

// notify is best effort: without systemd there is nobody to hear it.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }
