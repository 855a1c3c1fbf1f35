package firstboot

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// keys makes the card's authorized_keys those that may log in. Without that file on the card nobody may.
func (v *visit) keys() error {
	if v.Card == "" {
		return nil // who may is not known, so that it stays as it was
	}
	path := v.card[keysFile]
	if path == "" {
		return v.shut("there is no " + keysFile + " on the card")
	}
	text, err := read(path)
	if err != nil {
		v.complain(fmt.Sprintf("%s: cannot be read: %v", keysFile, err))
		return nil
	}
	good, bad := publicKeys(text)
	for _, problem := range bad {
		v.complain(problem)
	}
	if len(good) == 0 {
		v.complain(keysFile + ": has no public key: nobody can log in by SSH\nhint: put the content of a file such as id_ed25519.pub in it")
		return v.shut("the card's " + keysFile + " has no key")
	}
	return v.open([]byte(strings.Join(good, "\n") + "\n"))
}

func (v *visit) shut(reason string) error {
	if !exists(v.keyring()) {
		return nil
	}
	if err := v.files().remove(v.keyring()); err != nil {
		return err
	}
	v.Log.Info("SSH is off", "reason", reason)
	return nil
}

// open lets the keys in. The server's own key comes first: the keys are what switches it on.
func (v *visit) open(keys []byte) error {
	if !exists(v.hostKey()) {
		next := v.hostKey() + ".new"
		err := v.files().remove(next)
		if err == nil {
			err = v.System.HostKey(next)
		}
		if err == nil {
			err = v.files().rename(next, v.hostKey())
		}
		if err != nil {
			return fmt.Errorf("make the SSH host key: %w", err)
		}
		v.Log.Info("made an SSH host key", "file", v.hostKey())
	}
	old, err := os.ReadFile(v.keyring())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if bytes.Equal(old, keys) {
		return nil
	}
	if err := replace(v.files(), v.keyring(), keys, 0o600); err != nil {
		return err
	}
	v.Log.Info("SSH is on for the card's keys", "keys", bytes.Count(keys, []byte("\n")))
	return nil
}

// keyTypes are the public keys that the image's SSH server knows (dropbear(8), 2025).
var keyTypes = []string{
	"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
}

// publicKeys returns the lines that are public keys, and a problem for each other one that is not empty or a comment.
func publicKeys(text []byte) (good, bad []string) {
	private := false
	for n, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case private:
			private = !strings.HasPrefix(line, "-----END")
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "-----BEGIN") && strings.Contains(line, "PRIVATE KEY"):
			private = true
			bad = append(bad, fmt.Sprintf("%s:%d: is a private key\nhint: remove it, it belongs on no card; use the file that ends in \".pub\"", keysFile, n+1))
		case isPublicKey(line):
			good = append(good, line)
		default:
			bad = append(bad, fmt.Sprintf("%s:%d: is not a public key\nhint: a line such as \"ssh-ed25519 AAAAC3Nz… you@laptop\", without options in front", keysFile, n+1))
		}
	}
	return good, bad
}

// isPublicKey reports whether a line is "type base64 comment", with the type inside once more (RFC 4253 §6.6).
func isPublicKey(line string) bool {
	fields := strings.Fields(line)
	if len(fields) < 2 || !slices.Contains(keyTypes, fields[0]) {
		return false
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(blob) < 4 {
		return false
	}
	size := binary.BigEndian.Uint32(blob)
	return uint64(size) < uint64(len(blob)-4) && string(blob[4:4+size]) == fields[0]
}
