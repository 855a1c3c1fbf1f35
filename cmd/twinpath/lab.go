package main

import (
	"context"
	"net"
	"os"

	"github.com/twinpath/twinpath/internal/sandbox"
	"github.com/twinpath/twinpath/lab"
)

// labCommand builds a home inside a sandbox of its own: nothing of this machine's network is touched. With --page one
// port of its loopback leads to the home's page, for as long as the home stands.
func labCommand(ctx context.Context, args []string, std stdio) error {
	files, err := pageFile(args)
	if err != nil {
		return err
	}
	status, outer, err := sandbox.Enter(files...)
	if err != nil {
		return err
	}
	if !outer {
		binary, err := os.Executable()
		if err != nil {
			return err
		}
		status = lab.Command(ctx, args, std.in, std.out, lab.Setting{Binary: binary, Page: passedPage(args)})
	}
	if status != done {
		return saidError(status) // the lab has said why
	}
	return nil
}

// pageFile opens the port of --page on the machine's loopback: from inside the sandbox nobody can.
func pageFile(args []string) ([]*os.File, error) {
	address, wanted := lab.PageAddress(args)
	if !wanted || sandbox.Inside() {
		return nil, nil
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return nil, err
	}
	defer listener.Close() // the file is a second handle of it
	file, err := listener.(*net.TCPListener).File()
	return []*os.File{file}, err
}

// passedPage is what pageFile has opened, nil for nothing.
func passedPage(args []string) net.Listener {
	const first = 3 // of the passed files
	if _, wanted := lab.PageAddress(args); !wanted {
		return nil
	}
	file := os.NewFile(first, "page")
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil // nobody passed it: a sandbox that somebody else opened
	}
	return listener
}
