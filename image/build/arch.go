package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// arch is one image: a processor as Debian calls it and the board that it is laid out for.
type arch struct {
	name  string // amd64, arm64
	board string // pc, pi
}

var (
	pc = arch{"amd64", "pc"}
	pi = arch{"arm64", "pi"}
)

func (a arch) String() string { return a.board + "-" + a.name }

func parseArches(name string) ([]arch, error) {
	switch name {
	case "all":
		return []arch{pc, pi}, nil
	case pc.name:
		return []arch{pc}, nil
	case pi.name:
		return []arch{pi}, nil
	}
	return nil, fmt.Errorf("architecture %q: want amd64, arm64 or all", name)
}

// chooseEpoch is the moment that stands for "now" in everything built: with the wall clock, no two builds would be alike.
func chooseEpoch(flag int64, environment string) (time.Time, error) {
	switch {
	case flag > 0:
		return time.Unix(flag, 0).UTC(), nil
	case environment != "":
		return unixTime(environment)
	}
	out, err := exec.Command("git", "log", "-1", "--format=%ct").Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("time of the last commit: %w\nhint: give -epoch or SOURCE_DATE_EPOCH", err)
	}
	return unixTime(strings.TrimSpace(string(out)))
}

func unixTime(seconds string) (time.Time, error) {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q: want Unix seconds", seconds)
	}
	return time.Unix(n, 0).UTC(), nil
}
