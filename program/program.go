// Package program runs what the owner names in the configuration: scripts and checks.
//
// Safe says whether a file may be run with our rights at all. Command runs one in a process group of its own, so that
// a time limit ends whatever it has started.
package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command is one program to be run.
type Command struct {
	Path        string
	Arguments   []string
	Environment []string      // "KEY=value", all it gets beside a plain PATH
	Grace       time.Duration // between SIGTERM and SIGKILL once its time is up; 0: SIGKILL at once
	Output      func(line string)
}

// path is where its commands are looked for, the same at every boot.
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// drain is how long output is waited for that a child in the background holds open.
const drain = time.Second

// Run runs the command until it ends or ctx does, which ends the whole process group. It refuses unsafe files.
// The error of a program that failed reads "exit status 3".
func (c Command) Run(ctx context.Context) error {
	if err := Safe(c.Path); err != nil {
		return err
	}
	out := &lines{each: c.Output}
	cmd := exec.CommandContext(ctx, c.Path, c.Arguments...)
	cmd.Env = append([]string{path}, c.Environment...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = max(c.Grace, drain)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, c.signal()) }
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.Path, err)
	}
	err := cmd.Wait()
	out.end()
	if ctx.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what its children made of SIGTERM is theirs no longer
		return context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it ended well, a child of its in the background goes on
	}
	return err
}

func (c Command) signal() syscall.Signal {
	if c.Grace > 0 {
		return syscall.SIGTERM
	}
	return syscall.SIGKILL
}

// Split parts a command line into its words. Single or double quotes keep spaces; there is no other syntax.
func Split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, open = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if open {
				words = append(words, word.String())
				word.Reset()
			}
			open = false
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", quote)
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
