package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// authority signs the certificates of the lab's Internet. The house's programs trust nobody else.
type authority struct {
	file string // its certificate, in PEM
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(dir string) (*authority, error) {
	a := &authority{file: filepath.Join(dir, "authority.pem")}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "the lab"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, key, err := a.sign(template)
	if err != nil {
		return nil, err
	}
	a.key = key
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// sign makes a key and its certificate; the first one signs itself.
func (a *authority) sign(template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(now.UnixNano()), now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err = x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	return der, key, err
}

// certificate is one for a host by its names and addresses.
func (a *authority) certificate(hosts ...string) (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: hosts[0]}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if addr, err := netip.ParseAddr(h); err == nil {
			template.IPAddresses = append(template.IPAddresses, net.IP(addr.AsSlice()))
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, key, err := a.sign(template)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate of %s: %w", hosts[0], err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}, nil
}

// serveHTTPS is serveHTTP with a certificate for the hosts.
func (h *House) serveHTTPS(n *sandbox.Namespace, port int, page http.HandlerFunc, hosts ...string) error {
	cert, err := h.authority.certificate(hosts...)
	if err != nil {
		return err
	}
	listener, err := listen(n, port)
	if err != nil {
		return err
	}
	// Who hangs up in the middle, or trusts somebody else, is no news.
	server := &http.Server{Handler: page, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	h.onClose(func() { _ = server.Close() })
	secure := tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{cert}})
	h.tasks.Go(func() { _ = server.Serve(secure) }) // ends with Close
	return nil
}
