package config

import (
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"github.com/twinpath/twinpath/vrrp"
)

// authKeys reads the keys as text first: what they must be depends on the kind, see settleAuth.
func authKeys() keys[vrrp.Auth] {
	return keys[vrrp.Auth]{
		{"kind", func(a *vrrp.Auth, v value) { a.Kind = authOf(v.choice("none", "password", "ah", "hmac")) }},
		{"key", func(a *vrrp.Auth, v value) { a.Keys = map[uint8][]byte{0: []byte(v.secret(256))} }},
		{"keys", func(a *vrrp.Auth, v value) { a.Keys = v.numbered() }},
		{"active", func(a *vrrp.Auth, v value) { a.Active = uint8(v.number(1, 255)) }},
	}
}

func authOf(word string) vrrp.AuthKind {
	for kind := vrrp.NoAuth; kind <= vrrp.HMAC; kind++ {
		if kind.String() == word {
			return kind
		}
	}
	return vrrp.NoAuth
}

// numbered reads keys by their id: { 1 = "…", 2 = "…" }.
func (v value) numbered() map[uint8][]byte {
	const hint = `for example keys = { 1 = "…", 2 = "…" }`
	table, ok := v.raw.(map[string]any)
	if !ok || len(table) == 0 {
		v.problem(hint, "must be keys with their numbers")
		return nil
	}
	all := map[uint8][]byte{}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		child := value{r: v.r, path: join(v.path, name), raw: table[name]}
		id, err := strconv.ParseUint(name, 10, 8)
		if err != nil || id == 0 {
			child.problem(hint, "is not the number of a key: 1 to 255")
			continue
		}
		all[uint8(id)] = []byte(child.secret(256))
	}
	return all
}

// settleAuth looks at what a virtual router's authentication says together.
func (r *reading) settleAuth(path string, version uint8, a *vrrp.Auth) {
	one, several := r.has(join(path, "key")), r.has(join(path, "keys"))
	switch {
	case !r.has(join(path, "kind")):
		r.required(path, "kind")
		return
	case a.Kind == vrrp.NoAuth:
		if one || several {
			r.problem(join(path, "kind"), `for example kind = "hmac"`, "does not go with a key")
		}
		return
	case one && several:
		r.problem(join(path, "keys"), "keep one of the two", "does not go with key")
		return
	case a.Kind == vrrp.HMAC:
		r.settleHMAC(path, one, several, a)
		return
	}
	if version == 3 {
		r.problem(join(path, "kind"), `version 3 has kind = "hmac"`, "%s is for version 2 only", a.Kind)
	}
	if several || r.has(join(path, "active")) {
		r.problem(path, `write key = "…"`, "has several keys, which is for hmac only")
		return
	}
	r.required(path, "key")
	if key := a.Keys[0]; len(key) > 8 {
		r.problem(join(path, "key"), "keepalived uses the first 8 only", "is %d bytes long: at most 8", len(key))
	}
}

// settleHMAC gives a lone key the number 1 and decodes all of them.
func (r *reading) settleHMAC(path string, one, several bool, a *vrrp.Auth) {
	at := func(id uint8) string { return join(join(path, "keys"), strconv.Itoa(int(id))) }
	switch {
	case !one && !several:
		r.wants(path, "key", "32 to 64 bytes, for example from: openssl rand -hex 32")
		return
	case one:
		a.Keys, a.Active = map[uint8][]byte{1: a.Keys[0]}, 1
		at = func(uint8) string { return join(path, "key") }
		if r.has(join(path, "active")) {
			r.problem(join(path, "active"), `it goes with keys = { 1 = "…", 2 = "…" }`, "does not go with a single key")
		}
	case !r.has(join(path, "active")):
		r.wants(path, "active", "the number of the key that signs; all of them are accepted")
	case a.Active != 0 && len(a.Keys) > 0 && a.Keys[a.Active] == nil:
		r.problem(join(path, "active"), "", "there is no key %d", a.Active)
	}
	for _, id := range slices.Sorted(maps.Keys(a.Keys)) {
		key := secretBytes(a.Keys[id])
		if len(a.Keys[id]) > 0 && (len(key) < 32 || len(key) > 64) {
			r.problem(at(id), "for example from: openssl rand -hex 32", "is %d bytes long: 32 to 64", len(key))
		}
		a.Keys[id] = key
	}
}

// secretBytes takes text for hexadecimal when it is all such digits, twice as many as a key may have bytes.
func secretBytes(text []byte) []byte {
	if decoded, err := hex.DecodeString(string(text)); err == nil && len(decoded) >= 32 && len(decoded) <= 64 {
		return decoded
	}
	return text
}
