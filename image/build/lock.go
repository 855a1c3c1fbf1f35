package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pinned is one Debian package of the image: exactly these bytes.
type pinned struct {
	name, version, sum string
}

// fileName is how apt names a package's file; an epoch's colon is written %3a.
func (p pinned) fileName(arch string) string {
	return p.name + "_" + strings.ReplaceAll(p.version, ":", "%3a") + "_" + arch + ".deb"
}

// parseLock reads a list as renderLock writes it.
func parseLock(text string) ([]pinned, error) {
	var all []pinned
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 3 || len(words[2]) != sha256.Size*2 {
			return nil, fmt.Errorf("list of packages: %q: want name, version and sha256", strings.TrimSpace(line))
		}
		all = append(all, pinned{words[0], words[1], words[2]})
	}
	return all, nil
}

func renderLock(title string, all []pinned) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Debian packages of %s: name, version, sha256 of the .deb\n", title)
	for _, p := range all {
		fmt.Fprintln(&b, p.name, p.version, p.sum)
	}
	return b.String()
}

// missingFrom names what a lock lacks, because the recipe has grown since it was written.
func missingFrom(lock []pinned, names []string) []string {
	var missing []string
	for _, name := range names {
		if !slices.ContainsFunc(lock, func(p pinned) bool { return p.name == name }) {
			missing = append(missing, name)
		}
	}
	return missing
}

// cached finds p's file below dir, when it is there with the right bytes.
func (p pinned) cached(dir, arch string) (path string, found bool) {
	for _, a := range []string{arch, "all"} {
		path := filepath.Join(dir, p.fileName(a))
		if sum, err := sumFile(path); err == nil && sum == p.sum {
			return path, true
		}
	}
	return "", false
}

// sumFile is the sha256 of a file, in hex.
func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
