package firstboot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSSHIsOnAsLongAsTheCardHasKeys(t *testing.T) {
	d := newDesk(t)
	d.put("card/authorized_keys", "\ufeff# mine\r\n"+anna+"\r\n\r\n")
	d.Prepare()
	d.expect("card/authorized_keys: \ufeff# mine\r\n"+anna, "data/system/ssh/authorized_keys: "+anna, hostKey)
	d.told("problems", "")
	if stat, err := os.Stat(d.keyring()); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", stat.Mode(), err)
	}
	if stat, err := os.Stat(filepath.Dir(d.keyring())); err != nil || stat.Mode().Perm() != 0o700 {
		t.Errorf("directory's mode %v (%v)", stat.Mode(), err)
	}
	d.Prepare()
	if d.keys != 1 {
		t.Errorf("%d host keys made", d.keys)
	}
	d.drop("card/authorized_keys")
	d.Prepare()
	d.expect(hostKey) // the box is still the same one to those who know it
	d.logged("SSH is off")
}

func TestKeysThatAreNone(t *testing.T) {
	rsa := "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== bert"
	for name, c := range map[string]struct {
		text string
		keys string
		told string
	}{
		"one of two": {anna + "\nssh-ed25519 AAAA\n" + rsa, anna + "\n" + rsa,
			"authorized_keys:2: is not a public key\nhint: a line such as \"ssh-ed25519 AAAAC3Nz… you@laptop\", without options in front\n"},
		"another type inside": {anna + "\n" + strings.Replace(anna, "ssh-ed25519", "ssh-rsa", 1), anna,
			"authorized_keys:2: is not a public key\nhint: a line such as \"ssh-ed25519 AAAAC3Nz… you@laptop\", without options in front\n"},
		"a private key": {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n" + anna, anna,
			"authorized_keys:1: is a private key\nhint: remove it, it belongs on no card; use the file that ends in \".pub\"\n"},
		"none": {"# none yet", "",
			"authorized_keys: has no public key: nobody can log in by SSH\nhint: put the content of a file such as id_ed25519.pub in it\n"},
	} {
		d := newDesk(t)
		d.put("data/system/ssh/authorized_keys", "of before")
		d.put("card/authorized_keys.txt", c.text)
		d.Prepare()
		d.told("problems", c.told)
		got, _ := os.ReadFile(d.keyring())
		if strings.TrimSpace(string(got)) != c.keys {
			t.Errorf("%s: keys %q, want %q", name, got, c.keys)
		}
	}
}
