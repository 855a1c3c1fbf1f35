package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/web"
)

// child is one process that serves the page. Its methods take nil for none.
type child struct {
	doors    []*entrance
	settings web.Settings
	began    time.Time
	stop     context.CancelFunc
	done     chan struct{} // closed at its end
	err      error         // why it ended, after that
}

// serves reports whether the child is the one for these sockets and settings.
func (c *child) serves(all []*entrance, s web.Settings) bool {
	return c != nil && slices.Equal(c.doors, all) && reflect.DeepEqual(c.settings, s)
}

// ended is closed when it is; none never ends.
func (c *child) ended() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.done
}

// end makes it go, and waits.
func (c *child) end() {
	if c != nil {
		c.stop()
		<-c.done
	}
}

// start starts a child. It outlives neither the attendant nor, by the kernel's word, the daemon.
func (a *Attendant) start(all []*entrance, s web.Settings) *child {
	ctx, cancel := context.WithCancel(context.Background())
	c := &child{doors: all, settings: s, began: time.Now(), stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer cancel()
		// Its parent is this thread, not the process (prctl(2), PR_SET_PDEATHSIG).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c.err = a.live(ctx, all)
	}()
	return c
}

// live starts the process, talks to it and returns when both have ended.
func (a *Attendant) live(ctx context.Context, all []*entrance) error {
	ours, theirs, err := pair()
	if err != nil {
		return fmt.Errorf("connect the page's process: %w", err)
	}
	defer ours.Close()
	defer theirs.Close()
	cmd, err := a.launch(ctx, theirs, all)
	if err != nil {
		return fmt.Errorf("start the page's process: %w", err)
	}
	_ = theirs.Close() // or the connection would not end with the process
	talked := make(chan error, 1)
	// The connection lasts as long as the process: what that is doing when it is told to go, it finishes.
	go func() { talked <- web.ServeConn(context.WithoutCancel(ctx), ours, a.Handler) }()
	err = cmd.Wait()
	_ = ours.Close()
	return errors.Join(err, <-talked)
}

// farewell is how long the process may take to end by itself: its connection is gone, and nothing keeps it.
const farewell = 2 * time.Second

// launch starts the program: as somebody who owns nothing, where the machine has such an account.
func (a *Attendant) launch(ctx context.Context, conn *os.File, all []*entrance) (*exec.Cmd, error) {
	line := []string{"web"}
	files := []*os.File{conn}
	for _, one := range all {
		kind := plainDoor
		if one.secure {
			kind = secureDoor
		}
		line, files = append(line, kind), append(files, one.file)
	}
	prepare := func(who *syscall.Credential) *exec.Cmd {
		cmd := exec.CommandContext(ctx, OwnProgram, line...)
		cmd.Args[0] = "twinpath"
		cmd.Env = []string{"GOMAXPROCS=1", "TZ=" + os.Getenv("TZ")} // one thread of Go code: it must not take a house's processor
		cmd.ExtraFiles = files
		cmd.Stderr = &murmur{log: a.log}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: who}
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = farewell
		return cmd
	}
	return AsNobody(prepare, a.log)
}

// pair returns both ends of a connection.
func pair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	file, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer file.Close()
	ours, err := net.FileConn(file)
	return ours, theirs, err
}

// AsNobody starts a command as an account that owns nothing. In a user namespace there may be none, and who is not root cannot
// become anybody.
func AsNobody(prepare func(*syscall.Credential) *exec.Cmd, log *slog.Logger) (*exec.Cmd, error) {
	who, err := nobody()
	if err == nil {
		cmd := prepare(who)
		if err = cmd.Start(); err == nil {
			return cmd, nil
		}
	}
	if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, errSame) {
		return nil, err
	}
	if os.Geteuid() == 0 {
		log.Warn("the page's process has the daemon's account: it cannot be given another", "reason", err)
	}
	cmd := prepare(nil)
	return cmd, cmd.Start()
}

var errSame = errors.New("no account of its own")

// Account is the page's own, which the package makes.
const Account = "twinpath-web"

func nobody() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, errSame
	}
	for _, name := range []string{Account, "nobody"} {
		one, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(one.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(one.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errSame
}
