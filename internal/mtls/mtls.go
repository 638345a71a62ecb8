// Package mtls makes the certificates with which a host and a builder know
// each other, as go-plugin's AutoMTLS has it: each is used once, for one
// connection, and trusted by itself.
//
// go-plugin makes them with P-521 keys, which Go computes with so slowly that
// two certificates and one handshake take 20 ms. These have P-256 keys and take
// one.
package mtls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// ServerName is the name that certificates are for.
const ServerName = "localhost"

// ClientCertVar is the environment variable in which a builder finds the
// certificate of its host, in PEM.
const ClientCertVar = "PLUGIN_CLIENT_CERT"

// serialBits is what go-plugin takes; RFC 5280, section 4.1.2.2, allows 159.
const serialBits = 128

// New makes a key and a certificate that it signs itself. It is valid at any
// time, whatever the clock says: who holds the key is all that it tells. The
// last moment is that of RFC 5280, section 4.1.2.5, for no end.
func New() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: ServerName},
		DNSNames:              []string{ServerName},
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		SerialNumber:          serial,
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// PEM is the certificate as ClientCertVar holds it.
func PEM(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

// Client is what a host with the certificate c connects with. The builder's
// certificate is still to be put into RootCAs.
func Client(c tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12, ServerName: ServerName}
}

// Server is what a builder with the certificate c serves with, to the one
// host whose certificate is clientPEM. It reports whether there is one in it.
func Server(c tls.Certificate, clientPEM string) (*tls.Config, bool) {
	clients := x509.NewCertPool()
	ok := clients.AppendCertsFromPEM([]byte(clientPEM))
	return &tls.Config{
		Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	}, ok
}
