package link

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"
)

// errSecret is a caller, or who answers, that does not know the secret.
var errSecret = errors.New("the other router has another [pair] secret")

// identity is what both routers make of the secret (HKDF with SHA-256, RFC 5869): the same Ed25519 key, with which each shows the other that
// it knows the secret, and the key of passes.
//
// A pass comes before everything, as the server name of the caller's first TLS message: in TLS 1.3 the one who is called shows its certificate
// first, and without a pass it shows nothing (only an alert). A pass is good once.
type identity struct {
	certificate tls.Certificate
	public      ed25519.PublicKey
	pass        []byte

	mu   sync.Mutex
	used map[string]bool
}

// passSize is the length of both halves of a pass, in bytes.
const passSize = 16

func identify(secret string) (*identity, error) {
	keys, err := hkdf.Key(sha256.New, []byte(secret), nil, "twinpath pair link", ed25519.SeedSize+sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("make keys of [pair] secret: %w", err)
	}
	private := ed25519.NewKeyFromSeed(keys[:ed25519.SeedSize])
	public := private.Public().(ed25519.PublicKey)
	// Nobody looks at its dates: after a power cut a router may not know what day it is.
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "twinpath"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, public, private)
	if err != nil {
		return nil, fmt.Errorf("make a certificate of [pair] secret: %w", err)
	}
	return &identity{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private},
		public:      public, pass: keys[ed25519.SeedSize:], used: map[string]bool{},
	}, nil
}

// caller is the TLS of the router that calls.
func (i *identity) caller() *tls.Config {
	c := i.config()
	c.ServerName = i.newPass()
	return c
}

// called is the TLS of the router that is called.
func (i *identity) called() *tls.Config {
	c := i.config()
	c.ClientAuth = tls.RequireAnyClientCert
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return nil, i.admit(hello.ServerName) }
	return c
}

func (i *identity) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.certificate}, SessionTicketsDisabled: true,
		InsecureSkipVerify: true, // of a certificate that nobody has signed: who is there is shown by its key
		VerifyConnection:   i.verify,
	}
}

func (i *identity) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) != 1 || !i.public.Equal(state.PeerCertificates[0].PublicKey) {
		return errSecret
	}
	return nil
}

func (i *identity) newPass() string {
	nonce := make([]byte, passSize)
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return hex.EncodeToString(nonce) + "." + i.seal(nonce)
}

func (i *identity) seal(nonce []byte) string {
	sum := hmac.New(sha256.New, i.pass)
	sum.Write(nonce)
	return hex.EncodeToString(sum.Sum(nil)[:passSize])
}

// admit takes a pass, once.
func (i *identity) admit(pass string) error {
	const bound = 4096 // that many calls only the other router can have made
	first, second, _ := strings.Cut(pass, ".")
	nonce, err := hex.DecodeString(first)
	if err != nil || len(nonce) != passSize || !hmac.Equal([]byte(second), []byte(i.seal(nonce))) {
		return errSecret
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.used[first] {
		return errors.New("an old call is made again")
	}
	if len(i.used) >= bound {
		clear(i.used)
	}
	i.used[first] = true
	return nil
}
