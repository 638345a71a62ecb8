package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin"

	"banger/internal/hint"
	"banger/sdk"
)

// maxHandshake bounds the handshake line in bytes. It holds a certificate of
// about 1 KiB.
const maxHandshake = 16 << 10

var errClosed = errors.New("it closed its standard output before the handshake")

// readHandshake reads the first line of a builder's standard output:
//
//	CORE|PROTOCOL|NETWORK|ADDRESS|grpc|CERTIFICATE
//
// as go-plugin prints it. It returns the line without its end.
func readHandshake(r *bufio.Reader) (string, error) {
	raw, err := r.ReadSlice('\n') // r's size bounds the line
	line := strings.TrimRight(string(raw), "\r\n")
	switch {
	case err == nil:
		return line, checkHandshake(line)
	case errors.Is(err, bufio.ErrBufferFull):
		return "", printed(line)
	case line != "":
		return "", printed(line)
	case errors.Is(err, io.EOF):
		return "", errClosed
	}
	return "", fmt.Errorf("read handshake: %w", err)
}

func printed(line string) error {
	err := fmt.Errorf("it printed %s where its handshake should be", quote(line))
	return hint.With(err, "a builder prints nothing to standard output before sdk.Main; is this a builder at all?")
}

func checkHandshake(line string) error {
	parts := strings.Split(line, "|")
	if len(parts) < 4 {
		return printed(line)
	}
	core, coreErr := strconv.Atoi(parts[0])
	version, versionErr := strconv.Atoi(parts[1])
	if coreErr != nil || versionErr != nil {
		return printed(line)
	}
	if err := checkVersion("go-plugin protocol", core, plugin.CoreProtocolVersion); err != nil {
		return err
	}
	if err := checkVersion("builder protocol", version, sdk.ProtocolVersion); err != nil {
		return err
	}
	if len(parts) < 5 || parts[4] != string(plugin.ProtocolGRPC) {
		return errors.New("it speaks net/rpc and not gRPC: it must be rebuilt with banger/sdk")
	}
	if len(parts) < 6 || len(parts[5]) <= 50 { // as go-plugin tells a certificate from older fillings of the field
		return errors.New("its handshake has no certificate (AutoMTLS): it must be rebuilt with a newer go-plugin")
	}
	return checkAddress(parts[2], parts[3])
}

func checkVersion(what string, got, want int) error {
	if got == want {
		return nil
	}
	side := "the builder"
	if got > want {
		side = "banger"
	}
	err := fmt.Errorf("it speaks %s %d, and this banger speaks %d", what, got, want)
	return hint.With(err, "upgrade "+side)
}

// checkAddress lets a builder be reached on this machine only.
func checkAddress(network, address string) error {
	switch network {
	case "unix":
		if filepath.IsAbs(address) {
			return nil
		}
	case "tcp":
		if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsLoopback() {
			return nil
		}
	}
	return fmt.Errorf("its handshake names the address %s, which is not on this machine", quote(network+" "+address))
}
