package mtls_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"banger/internal/mtls"
)

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	c, err := mtls.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// trusting returns what a host connects with that trusts the builder's
// certificate, as go-plugin makes it.
func trusting(t *testing.T, c *tls.Config, builder tls.Certificate) *tls.Config {
	t.Helper()
	leaf, err := x509.ParseCertificate(builder.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	c.RootCAs = x509.NewCertPool()
	c.RootCAs.AddCert(leaf)
	return c
}

// speak has a host say something to a builder, and returns the errors of both.
func speak(t *testing.T, host, builder *tls.Config) (hostErr, builderErr error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", builder)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
		heard <- err
	}()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, hostErr = tls.Client(conn, host).Write([]byte("x")); hostErr != nil {
		_ = conn.Close()
	}
	return hostErr, <-heard
}

func TestOnlyTheTwo(t *testing.T) {
	host, builder, stranger := certificate(t), certificate(t), certificate(t)
	server, ok := mtls.Server(builder, mtls.PEM(host))
	if !ok {
		t.Fatal("the host's certificate is not taken")
	}
	if hostErr, builderErr := speak(t, trusting(t, mtls.Client(host), builder), server); hostErr != nil || builderErr != nil {
		t.Errorf("host and builder: %v, %v", hostErr, builderErr)
	}
	if _, err := speak(t, trusting(t, mtls.Client(stranger), builder), server); err == nil {
		t.Error("a stranger is let in")
	}
	if _, err := speak(t, trusting(t, &tls.Config{ServerName: mtls.ServerName, MinVersion: tls.VersionTLS12}, builder), server); err == nil {
		t.Error("somebody without a certificate is let in")
	}
	if err, _ := speak(t, trusting(t, mtls.Client(host), stranger), server); err == nil {
		t.Error("a stranger is taken for the builder")
	}
}

func TestServerWantsACertificate(t *testing.T) {
	for _, text := range []string{"", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, ok := mtls.Server(certificate(t), text); ok {
			t.Errorf("%q is taken for a certificate", text)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := mtls.New(); err != nil {
			b.Fatal(err)
		}
	}
}
