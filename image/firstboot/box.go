// Package firstboot makes a flashed box the owner's: before anything of ours starts it resets what shall be reset, takes
// over what lies on the card, sees to a usable configuration, and gives the box its name and keys.
//
// A Box is prepared at every boot, and a power cut at any moment of it is made good by the next one. Nothing that goes wrong
// keeps the router from starting: it is logged, and told on the console and on the card.
package firstboot

import (
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
)

// Box is the machine to prepare.
type Box struct {
	Data string // mount point of what lasts: "/data"
	Card string // mount point of the owner's FAT, read-only; empty when there is none
	Run  string // directory for what others shall know until the next boot: "/run/twinpath-image"

	Configs Configs
	System  System
	Log     *slog.Logger

	disk disk // nil: the real one
}

// Configs is what is known about configurations.
type Configs interface {
	// Check returns router.name of the configuration in text; the error has every problem, each on lines that begin with name.
	Check(name string, text []byte) (router string, err error)
	// Keep remembers the boot file as one to go back to.
	Keep(boot string) error
	// Mend puts an older configuration in the place of an unusable boot file, and says so in a sentence, else in none.
	Mend(boot string) (did string, err error)
}

// System is what a Box needs of the machine beside files.
type System interface {
	// CardWritable remounts the card.
	CardWritable(on bool) error
	// HostKey makes a new SSH host key in a file that does not exist.
	HostKey(file string) error
	// SetHostname names the machine until its next boot.
	SetHostname(name string) error
}

// Paths below Data and Run. Who else uses them is in docs/image.md.
func (b *Box) boot() string     { return filepath.Join(b.Data, "config", "twinpath.toml") }
func (b *Box) marker() string   { return filepath.Join(b.Data, "system", "reset") }
func (b *Box) memory() string   { return filepath.Join(b.Data, "system", "card.json") }
func (b *Box) keyring() string  { return filepath.Join(b.Data, "system", "ssh", "authorized_keys") }
func (b *Box) hostKey() string  { return filepath.Join(b.Data, "system", "ssh", "host_ed25519") }
func (b *Box) problems() string { return filepath.Join(b.Run, "problems") }
func (b *Box) restored() string { return filepath.Join(b.Run, "restored") }

// Prepare does everything, in this order. What goes wrong is said and left behind.
func (b *Box) Prepare() {
	v := &visit{Box: b}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"make the box's directories", v.directories},
		{"look at the card", v.look},
		{"reset to factory settings", v.reset},
		{"take over the card's configuration", v.takeOver},
		{"see to a usable configuration", v.mend},
		{"see to a claim code", v.claim},
		{"take over the card's SSH keys", v.keys},
		{"report problems", v.report},
		{"name the machine", v.name},
	} {
		if err := step.do(); err != nil {
			b.Log.Error(step.what, "err", err)
		}
	}
}

// visit is one preparation of a box.
type visit struct {
	*Box
	card       map[string]string // what the owner put on the card: our name of it → its path there
	remembered memory
	complaints []string // for the owner, whole sentences or problems of a file
}

// complain is for what the owner has to know and to act on.
func (v *visit) complain(text string) {
	if slices.Contains(v.complaints, text) {
		return
	}
	v.Log.Warn("needs the owner", "problem", text)
	v.complaints = append(v.complaints, text)
}

func (v *visit) directories() error {
	for name, mode := range map[string]fs.FileMode{
		filepath.Dir(v.boot()): 0o750, filepath.Join(v.Data, "state"): 0o750, filepath.Dir(v.keyring()): 0o700, v.Run: 0o755,
	} {
		if err := v.files().mkdir(name, mode); err != nil {
			return err
		}
	}
	return nil
}

func (b *Box) files() disk {
	if b.disk != nil {
		return b.disk
	}
	return medium{}
}
