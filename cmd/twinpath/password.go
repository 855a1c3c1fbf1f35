package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/cage"
	"github.com/twinpath/twinpath/web/door"
	"github.com/twinpath/twinpath/web/front"
)

// makePassword is "twinpath password": the line of a configuration that lets its owner log in.
func makePassword(_ context.Context, args []string, std stdio) error {
	if _, err := parse(flag.NewFlagSet("password", flag.ContinueOnError), args, 0, 0); err != nil {
		return err
	}
	in := bufio.NewReader(std.in)
	first, err := askHidden(std, in, "Password for the page: ")
	if err != nil {
		return err
	}
	if err := door.Suitable(first); err != nil {
		return err
	}
	again, err := askHidden(std, in, "Once more: ")
	if err != nil {
		return err
	}
	if first != again {
		return errors.New("the two are not the same: nothing was made")
	}
	hash, err := hashPassword(first)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	fmt.Fprintf(std.err, "For the section [web] of %s:\n", bootFile)
	fmt.Fprintf(std.out, "password = %q\n", hash)
	return nil
}

// askHidden reads a line without showing it, where there is a terminal to be told so (termios(3)).
func askHidden(std stdio, in *bufio.Reader, question string) (string, error) {
	if file, ok := std.in.(*os.File); ok {
		if before, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err == nil {
			quiet := *before
			quiet.Lflag &^= unix.ECHO
			if err := unix.IoctlSetTermios(int(file.Fd()), unix.TCSETS, &quiet); err != nil {
				return "", fmt.Errorf("hide what is typed: %w", err)
			}
			defer func() {
				_ = unix.IoctlSetTermios(int(file.Fd()), unix.TCSETS, before)
				fmt.Fprintln(std.err)
			}()
		}
	}
	fmt.Fprint(std.err, question)
	line, err := in.ReadString('\n')
	if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// proof is what "twinpath verify" reads. Without a hash it makes one, and prints it.
type proof struct {
	Hash     string `json:"hash,omitempty"`
	Password string `json:"password"`
}

// runVerify is "twinpath verify", which only the daemon starts: bcrypt takes a processor for a tenth of a second and more, and
// the daemon has a house to watch. It exits with 1 when the password is another one's.
func runVerify(_ context.Context, _ []string, std stdio) error {
	var p proof
	const longest = 4096
	if err := json.NewDecoder(io.LimitReader(std.in, longest)).Decode(&p); err != nil {
		return usageError("twinpath verify is started by the daemon only")
	}
	const files, nice = 64, 19
	if _, err := (cage.Cage{Files: files, Nice: nice}).Enter(); err != nil {
		fmt.Fprintln(std.err, err) // whoever sends a password must not become anybody, but has to get in
	}
	if p.Hash == "" {
		hash, err := hashPassword(p.Password)
		fmt.Fprint(std.out, hash)
		return err
	}
	switch err := bcrypt.CompareHashAndPassword([]byte(p.Hash), []byte(p.Password)); {
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return saidError(no)
	case err != nil:
		return usageError(err.Error())
	}
	return nil
}

// verifier has passwords looked at in processes of their own.
type verifier struct{ program string }

// verify says whether a password is the hash's.
func (v verifier) verify(ctx context.Context, hash, password string) (bool, error) {
	_, err := v.run(ctx, proof{hash, password})
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == no {
		return false, nil
	}
	return err == nil, err
}

// hash makes the hash of a password.
func (v verifier) hash(ctx context.Context, password string) (string, error) {
	return v.run(ctx, proof{Password: password})
}

// run returns what the process has printed.
func (v verifier) run(ctx context.Context, p proof) (string, error) {
	const patience = 10 * time.Second // a Pi Zero takes one
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	var out, said strings.Builder
	cmd, err := front.AsNobody(func(who *syscall.Credential) *exec.Cmd {
		cmd := exec.CommandContext(ctx, v.program, "verify")
		cmd.Args[0] = "twinpath"
		cmd.Env = []string{"GOMAXPROCS=1"}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(string(text)), &out, &said
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		return cmd
	}, slog.New(slog.DiscardHandler)) // it was said of the page's process
	if err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}
