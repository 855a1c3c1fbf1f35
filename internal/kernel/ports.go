package kernel

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/twinpath/twinpath/router"
)

// EthernetPort reports whether a link is a port that a cable can be plugged into: a device of its own with an Ethernet
// address, neither a radio nor made by software.
func EthernetPort(link router.Link) bool {
	if link.MAC == "" || link.Kind != "" {
		return false
	}
	at := filepath.Join("/sys/class/net", link.Name)
	if _, err := os.Stat(filepath.Join(at, "device")); err != nil {
		return false
	}
	for _, radio := range [...]string{"wireless", "phy80211", "wwan"} {
		if _, err := os.Stat(filepath.Join(at, radio)); err == nil {
			return false
		}
	}
	return true
}

// Raise switches an interface on, so that its carrier can be seen.
func (k *Kernel) Raise(link router.Link) error {
	s, err := dial()
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.setUp(link.Index); err != nil {
		return fmt.Errorf("switch on %s: %w", link.Name, err)
	}
	return nil
}
