package vmtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twinpath/twinpath/image/bundle"
	"github.com/twinpath/twinpath/image/vm"
)

// build is one call of the builder, in a directory of its own.
type build struct {
	name    string
	arch    vm.Arch
	version string
	overlay string // directory in overlays that is copied over the system; empty: as shipped
}

// builds are all that the tests boot or install. The first of an architecture makes the key that signs them all.
func builds() []build {
	return []build{
		{name: "pc", arch: vm.AMD64, version: "0.1.0"},
		{name: "pi", arch: vm.ARM64, version: "0.1.0"},
		{name: "next", arch: vm.AMD64, version: "0.2.0"}, // to update to
	}
}

// shipped is an architecture's image as it is.
func shipped(arch vm.Arch) build {
	for _, b := range builds() {
		if b.arch == arch && b.overlay == "" {
			return b
		}
	}
	panic("no image is built for " + arch.String())
}

const root = "../.."

// shelf is where builds are kept: NAME-HASH directories, HASH being that of the sources.
var shelf = filepath.Join(root, "image", "out", "test")

// HashVariable tells the inner process of the sandbox which sources the outer one has built.
const hashVariable = "TWINPATH_VM_SOURCES"

func (b build) dir() string { return filepath.Join(shelf, b.name+"-"+os.Getenv(hashVariable)) }

func (b build) board() string {
	return map[vm.Arch]string{vm.AMD64: "pc-amd64", vm.ARM64: "pi-arm64"}[b.arch]
}

func (b build) image() string {
	return filepath.Join(b.dir(), "twinpath-"+b.version+"-"+b.board()+".img")
}
func (b build) update() string { return strings.TrimSuffix(b.image(), ".img") + ".update" }
func (b build) kernel() string { return filepath.Join(b.dir(), "vmlinuz-"+b.arch.String()) }
func (b build) initrd() string { return filepath.Join(b.dir(), "initrd-"+b.arch.String()) }
func (b build) slot() string {
	return filepath.Join(b.dir(), "slot-"+b.arch.String()+".squashfs")
}

// prepare builds what is missing for one architecture, one process at a time.
func prepare(arch vm.Arch) error {
	const patience = 20 * time.Minute // the first one downloads 150 MB
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	hash, err := sources(ctx)
	if err != nil {
		return fmt.Errorf("read the sources: %w", err)
	}
	if err := os.Setenv(hashVariable, hash); err != nil {
		return err
	}
	if err := os.MkdirAll(shelf, 0o755); err != nil {
		return err
	}
	lock, err := os.Create(filepath.Join(shelf, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close() // and with it the lock ends
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("wait for another build: %w", err)
	}
	for _, b := range builds() {
		if b.arch != arch {
			continue
		}
		if err := b.make(ctx); err != nil {
			return fmt.Errorf("build %s: %w", b.name, err)
		}
	}
	return nil
}

// make runs the builder in a directory that gets its name only when all is there.
func (b build) make(ctx context.Context) error {
	if _, err := os.Stat(b.dir()); err == nil {
		return nil
	}
	start := time.Now()
	fresh := filepath.Join(shelf, "fresh-"+b.name)
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := b.share(fresh); err != nil {
		return err
	}
	key, err := signingKey()
	if err != nil {
		return err
	}
	dist, err := filepath.Abs(fresh)
	if err != nil {
		return err
	}
	if err := run(ctx, "env", "DIST="+dist, "packaging/build", b.arch.String(), b.version); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(dist, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("packaging/build made %v, %v, want one package", debs, err)
	}
	args := []string{"run", "./image/build", "-arch", b.arch.String(), "-version", b.version, "-out", dist, "-deb", debs[0], "-key", key, "-only", "image"}
	if b.overlay != "" {
		args = append(args, "-overlay", filepath.Join("image", "vmtest", "overlays", b.overlay))
	}
	if err := run(ctx, "go", args...); err != nil {
		return err
	}
	fmt.Printf("built %s in %s\n", b.name, time.Since(start).Round(time.Second))
	if err := os.RemoveAll(filepath.Join(fresh, "cache")); err != nil { // the links, not what they lead to
		return err
	}
	if err := b.clear(); err != nil {
		return err
	}
	return os.Rename(fresh, b.dir())
}

// share lets the builds share their downloads with "make image".
func (b build) share(fresh string) error {
	cache, err := filepath.Abs(filepath.Join(root, "image", "out", "cache"))
	if err != nil {
		return err
	}
	packages := filepath.Join(cache, "apt-"+b.arch.String())
	for _, dir := range []string{packages, filepath.Join(fresh, "cache")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return os.Symlink(packages, filepath.Join(fresh, "cache", filepath.Base(packages)))
}

// signingKey is the key of all builds, so that they can update each other.
func signingKey() (string, error) {
	name, err := filepath.Abs(filepath.Join(shelf, "update.key"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		return name, err
	}
	_, err = bundle.GenerateKey(name)
	return name, err
}

// clear removes builds of older sources but the last two, which another run may be using.
func (b build) clear() error {
	old, err := filepath.Glob(filepath.Join(shelf, b.name+"-*"))
	if err != nil {
		return err
	}
	age := func(name string) time.Time {
		stat, err := os.Stat(name)
		if err != nil {
			return time.Time{}
		}
		return stat.ModTime()
	}
	slices.SortFunc(old, func(a, b string) int { return age(b).Compare(age(a)) })
	for _, name := range old[min(2, len(old)):] {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// run runs a program in the module's root.
func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// sources is a hash of everything that a build is made of: Go files of the programs, the recipe, the package.
func sources(ctx context.Context) (string, error) {
	const format = `{{if not .Standard}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}
{{end}}{{end}}`
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-f", format, "./cmd/twinpath", "./image/build", "./packaging/man")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	files := strings.Fields(string(out))
	for _, tree := range []string{"image/recipe", "image/vmtest/overlays", "packaging", "docs", "CHANGELOG.md"} {
		err := filepath.WalkDir(filepath.Join(root, tree), func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.HasSuffix(name, "_test.go") {
				files = append(files, name)
			}
			if os.IsNotExist(err) {
				return nil
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return digest(files)
}

// digest hashes the names, the permissions and the bytes of files.
func digest(files []string) (string, error) {
	slices.Sort(files)
	hash := sha256.New()
	fmt.Fprintln(hash, builds())
	for _, name := range slices.Compact(files) {
		stat, err := os.Lstat(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(hash, name, stat.Mode(), stat.Size())
		if !stat.Mode().IsRegular() {
			continue
		}
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(hash, file)
		_ = file.Close()
		if err != nil {
			return "", err
		}
	}
	const enough = 6 // bytes
	return hex.EncodeToString(hash.Sum(nil)[:enough]), nil
}
