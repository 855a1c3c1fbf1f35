package kernel

import (
	"net"
	"testing"

	"github.com/twinpath/twinpath/internal/sandbox"
)

// sendUDP sends one byte.
func sendUDP(t testing.TB, ns *sandbox.Namespace, to string) {
	t.Helper()
	err := ns.Do(func() error {
		conn, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write([]byte{1})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
