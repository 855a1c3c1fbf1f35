package sentinel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// parted is how long a sentinel that was asked to end may take: it waits parting for a successor, on a machine that may be busy.
const parted = parting + 2*time.Second

// End ends the sentinel at path in order, and returns when it has let go of every address. Without one it does nothing.
// One that does not end is killed.
func End(ctx context.Context, path string) error {
	dialer := net.Dialer{}
	c, err := dialer.DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the sentinel: %w", err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(parted)); err != nil {
		return err
	}
	dispatch(c, syscall.SIGTERM)
	_, err = io.Copy(io.Discard, c) // it says nothing to a stranger: what ends this is its own end
	if errors.Is(err, os.ErrDeadlineExceeded) {
		dispatch(c, syscall.SIGKILL)
		return fmt.Errorf("the sentinel did not end within %s and was killed", parted)
	}
	return released(path)
}

// released waits for the end's end: it hangs up when it has decided to end, and unlocks its socket as the last thing.
func released(path string) error {
	lock, err := os.Open(path + ".lock")
	if err != nil {
		return fmt.Errorf("wait for the sentinel: %w", err)
	}
	defer lock.Close()
	if err := take(lock); err != nil {
		return fmt.Errorf("wait for the sentinel: %w", err)
	}
	return nil
}
