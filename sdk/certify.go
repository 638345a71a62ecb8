package sdk

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"banger/internal/mtls"
)

// certified is a plugin.ServeConfig.TLSProvider: it makes the certificate of
// this process, and adds it to the handshake, which go-plugin prints next. By
// itself go-plugin prints only a certificate that it has made, which takes long
// (see package mtls).
func certified() (*tls.Config, error) {
	certificate, err := mtls.New()
	if err != nil {
		return nil, err
	}
	config, ok := mtls.Server(certificate, os.Getenv(mtls.ClientCertVar))
	if !ok {
		return nil, fmt.Errorf("there is no certificate in %s", mtls.ClientCertVar)
	}
	printed, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go complete(os.Stdout, printed, certificate.Certificate[0])
	os.Stdout = stdout // until go-plugin puts its own here, after the handshake
	return config, nil
}

// complete passes a handshake on to stdout, with the certificate der:
// CORE|PROTOCOL|NETWORK|ADDRESS|grpc|CERTIFICATE.
func complete(stdout, printed *os.File, der []byte) {
	line, err := bufio.NewReader(printed).ReadString('\n')
	if err == nil {
		_, _ = fmt.Fprintln(stdout, strings.TrimRight(line, "|\n")+"|"+base64.RawStdEncoding.EncodeToString(der))
	}
	_ = printed.Close()
}
