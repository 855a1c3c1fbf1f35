package firstboot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestANewBoxWithAnEmptyCard(t *testing.T) {
	d := newDesk(t)
	d.Prepare()
	d.expect()
	d.told("problems", "")
	if d.name != "twinpath" || d.keys != 0 {
		t.Errorf("named %q, %d host keys made", d.name, d.keys)
	}
	if strings.Contains(d.log.String(), "ERROR") {
		t.Errorf("log:\n%s", d.log.String())
	}
}

func TestTheCardsConfigurationIsTakenOverOnce(t *testing.T) {
	d := newDesk(t)
	d.put("card/twinpath.toml", "name = main\r\n")
	d.Prepare()
	d.expect("card/twinpath.toml: name = main", "data/config/twinpath.toml: name = main", "data/state/kept: name = main", remembered)
	if d.name != "main" {
		t.Errorf("named %q", d.name)
	}
	d.put("data/config/twinpath.toml", "name = applied") // later, by twinpath apply
	d.Prepare()
	d.expect("card/twinpath.toml: name = main", "data/config/twinpath.toml: name = applied", "data/state/kept: name = main", remembered)
	d.put("card/twinpath.toml", "name = edited") // a changed card counts again
	d.Prepare()
	d.expect("card/twinpath.toml: name = edited", "data/config/twinpath.toml: name = edited", "data/state/kept: name = edited", remembered)
}

func TestNamesAsOtherSystemsWriteThem(t *testing.T) {
	for _, name := range []string{"twinpath.toml", "TWINPATH.TOML", "Twinpath.toml.txt"} {
		d := newDesk(t)
		d.put("card/._twinpath.toml", "\x00\x05\x16\x07")
		d.put("card/"+name, "name = main")
		d.Prepare()
		d.told("problems", "")
		if d.name != "main" {
			t.Errorf("%s: named %q", name, d.name)
		}
	}
}

func TestOfTwoNamesTheRightOneCounts(t *testing.T) {
	d := newDesk(t)
	d.put("card/twinpath.toml", "name = right")
	d.put("card/twinpath.toml.txt", "name = wrong")
	d.Prepare()
	d.told("problems", "twinpath.toml.txt on the card is not used, because there is twinpath.toml, too.\nhint: remove one of them\n")
	if d.name != "right" {
		t.Errorf("named %q", d.name)
	}
}

const problem = "twinpath.toml:1: that is no configuration\nhint: write one\n"

func TestABadFileIsReportedBesideItAndTheOldOneStays(t *testing.T) {
	d := newDesk(t)
	d.put("card/TWINPATH.TOML", "name = main")
	d.Prepare()
	d.put("card/TWINPATH.TOML", "nmae = main")
	d.Prepare()
	d.told("problems", problem)
	letter, err := os.ReadFile(filepath.Join(d.Card, "twinpath-problems.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := "Twinpath found problems on this card:\n\n" + problem + `
What to do: correct the files named above on this card, put it back and switch the router on again.
What each key of twinpath.toml means is in docs/configuration.md of Twinpath.
Until then the router goes on with the configuration it has.
This file goes away by itself when all is well.
`
	if string(letter) != strings.ReplaceAll(want, "\n", "\r\n") {
		t.Errorf("the letter says\n%s", letter)
	}
	if boot, _ := os.ReadFile(d.boot()); string(boot) != "name = main" {
		t.Errorf("boot file %q", boot)
	}
	d.put("card/TWINPATH.TOML", "name = main") // as it was before: nothing to take over, and no problem left
	d.Prepare()
	d.told("problems", "")
	d.expect("card/TWINPATH.TOML: name = main", "data/config/twinpath.toml: name = main", "data/state/kept: name = main", remembered)
	d.logged("the card's problems are solved")
}

func TestOtherFilesThatAreNoConfiguration(t *testing.T) {
	d := newDesk(t)
	if err := os.Mkdir(filepath.Join(d.Card, "twinpath.toml"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.Prepare()
	text, _ := os.ReadFile(d.problems())
	if !strings.HasPrefix(string(text), "twinpath.toml: cannot be read: ") {
		t.Errorf("a directory: %q", text)
	}
	d = newDesk(t)
	d.put("card/twinpath.toml", " \r\n")
	d.Prepare()
	d.told("problems", "twinpath.toml: is empty\n")
	d.logged()
	letter, _ := os.ReadFile(filepath.Join(d.Card, problemsFile))
	if !strings.Contains(string(letter), "Until then the router is in setup mode") {
		t.Errorf("the letter says\n%s", letter)
	}
}

func TestAWriteProtectedCard(t *testing.T) {
	d := newDesk(t)
	d.locked = true
	d.put("card/twinpath.toml", "nmae = main")
	d.Prepare()
	d.told("problems", problem+"(twinpath-problems.txt could not be written to the card: read-only file system)\n")
	d.put("card/twinpath.toml", "name = main")
	d.put("card/twinpath-problems.txt", "of another box")
	d.Prepare()
	d.told("problems", "")
	if d.name != "main" {
		t.Errorf("named %q", d.name)
	}
}

func TestWithoutACard(t *testing.T) {
	d := newDesk(t)
	d.put("data/config/twinpath.toml", "name = main")
	d.put("data/system/ssh/authorized_keys", anna)
	d.Card = ""
	d.Prepare()
	d.expect("data/config/twinpath.toml: name = main", "data/system/ssh/authorized_keys: "+anna)
	d.logged("no card is mounted")
}

func TestAnOlderConfigurationIsPutBackAndSaid(t *testing.T) {
	d := newDesk(t)
	d.put("data/state/kept", "name = older")
	d.put("data/config/twinpath.toml", "rubbish")
	d.Prepare()
	d.told("restored", "The older one is in use.\n")
	d.expect("data/config/twinpath.toml: name = older", "data/state/kept: name = older")
}

func TestTheCardHelpsWhenNothingElseDoes(t *testing.T) {
	d := newDesk(t)
	d.put("card/twinpath.toml", "name = main")
	d.Prepare()
	d.drop("data/config/twinpath.toml")
	d.drop("data/state/kept")
	d.Prepare()
	d.expect("card/twinpath.toml: name = main", "data/config/twinpath.toml: name = main", "data/state/kept: name = main", remembered)
	d.put("data/config/twinpath.toml", "rubbish")
	d.mendErr = errors.New("the configuration was bad, and no older one can be used")
	d.Prepare()
	d.told("problems", "")
	d.expect("card/twinpath.toml: name = main", "data/config/twinpath.toml: name = main", "data/state/kept: name = main", remembered)
}

func TestAnUnusableConfigurationGivesWayToSetupMode(t *testing.T) {
	for _, text := range []string{"rubbish", "\n"} {
		d := newDesk(t)
		d.put("data/config/twinpath.toml", text)
		d.mendErr = errors.New("the configuration was bad, and no older one can be used")
		d.Prepare()
		d.told("problems", "The configuration was bad, and no older one can be used.\n")
		if _, err := os.Stat(d.boot()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the boot file is still there (%v)", err)
		}
		if kept, _ := os.ReadFile(d.boot() + ".refused"); string(kept) != text {
			t.Errorf("kept aside %q", kept)
		}
	}
}

func TestHostName(t *testing.T) {
	for given, want := range map[string]string{
		"main": "main", "Router-2": "Router-2", "a_b": "twinpath", "a.b": "twinpath", "-a": "twinpath", "a-": "twinpath", "": "twinpath",
		strings.Repeat("a", 63): strings.Repeat("a", 63), strings.Repeat("a", 64): "twinpath",
	} {
		d := newDesk(t)
		d.put("data/config/twinpath.toml", "name = "+given)
		if d.Prepare(); d.name != want {
			t.Errorf("%q: named %q, want %q", given, d.name, want)
		}
	}
}
