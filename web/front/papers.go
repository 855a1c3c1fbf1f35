package front

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinpath/twinpath/durable"
)

// Papers are the page's certificate, which the router makes for itself: nobody can vouch for a name in a house. Only show is
// for one goroutine.
type Papers struct {
	File   string // keeps key and certificate; only root may read it
	Notice string // has the fingerprint for the console while there is one

	shown   string
	settled bool // notice has been written or removed

	mu       sync.Mutex
	pem, key []byte
	names    []string
	mark     string
}

// get returns certificate and key for addresses and names, the kept one if it is for the same, and its fingerprint.
func (p *Papers) get(addresses []netip.Addr, names []string) (certificate, key, fingerprint string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := slices.Clone(names)
	for _, a := range addresses {
		wanted = append(wanted, a.String())
	}
	slices.Sort(wanted)
	if wanted = slices.Compact(wanted); p.pem == nil {
		p.load()
	}
	if p.pem == nil || !slices.Equal(p.names, wanted) {
		if err := p.make(wanted); err != nil {
			return "", "", "", err
		}
	}
	return string(p.pem), string(p.key), p.mark, nil
}

// load takes the kept one; what cannot be read is made anew.
func (p *Papers) load() {
	text, err := os.ReadFile(p.File)
	if err != nil {
		return
	}
	block, rest := pem.Decode(text)
	if block == nil || len(rest) == 0 {
		return
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return
	}
	p.adopt(leaf, pem.EncodeToMemory(block), rest)
}

func (p *Papers) adopt(leaf *x509.Certificate, certificate, key []byte) {
	p.pem, p.key, p.names = certificate, key, slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		p.names = append(p.names, ip.String())
	}
	slices.Sort(p.names)
	p.mark = fingerprintOf(leaf.Raw)
}

// make makes a new key, too: a browser asks its owner again in any case.
func (p *Papers) make(names []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the page's key: %w", err)
	}
	template, err := draft(names)
	if err != nil {
		return fmt.Errorf("make the page's certificate: %w", err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make the page's certificate: %w", err)
	}
	leaf, err1 := x509.ParseCertificate(raw)
	secret, err2 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("make the page's certificate: %w", err)
	}
	p.adopt(leaf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	return p.keep()
}

// draft has fixed dates: a router's clock may not be set when it is made. Ten years are the machine's life.
func draft(names []string) (*x509.Certificate, error) {
	const bits = 127 // RFC 5280 §4.1.2.2: at most 20 octets
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits))
	if err != nil {
		return nil, err
	}
	begin := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Twinpath"}, NotBefore: begin, NotAfter: begin.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if a, err := netip.ParseAddr(name); err == nil {
			c.IPAddresses = append(c.IPAddresses, net.IP(a.AsSlice()))
			continue
		}
		c.DNSNames = append(c.DNSNames, name)
	}
	return c, nil
}

func (p *Papers) keep() error {
	if err := durable.Replace(p.File, append(slices.Clone(p.pem), p.key...), 0o600); err != nil {
		return fmt.Errorf("keep the page's certificate: %w", err)
	}
	return nil
}

// fingerprintOf is SHA-256 as browsers show it.
func fingerprintOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// show tells the console, best effort.
func (p *Papers) show(mark string) {
	if p.settled && p.shown == mark {
		return
	}
	p.settled, p.shown = true, mark
	if mark == "" {
		if err := os.Remove(p.Notice); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.settled = false
		}
		return
	}
	if os.WriteFile(p.Notice, []byte(mark+"\n"), 0o644) != nil {
		p.settled = false
	}
}
