package kernel

import (
	"errors"
	"fmt"

	"github.com/twinpath/twinpath/pair/handover"
	"github.com/twinpath/twinpath/router"
	"golang.org/x/sys/unix"
)

// Cleanup removes every object of ours from this network namespace: rules, routes and addresses of our protocols, virtual
// addresses and their interfaces, the bridge with our note on it, and the nftables tables. Nothing of others is touched. Kernel
// settings (sysctls) and interfaces that were switched on stay as they are where what they were before is not known.
func (k *Kernel) Cleanup() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.applied)
	k.ruleset = ""
	s, err := dial()
	if err != nil {
		return err
	}
	defer s.close()
	_, diverted := k.Divert(handover.Diversion{})
	return errors.Join(diverted, s.removeRules(), s.removeRoutes(), s.removeAddresses(), s.removeVirtual(), k.removePorts(s), s.removeBridge(), k.nft.Remove())
}

func (s *session) removeRules() error {
	all, err := s.rules()
	for _, r := range all {
		if r.ours {
			err = errors.Join(err, failed("remove "+ruleText(r.rule), s.do(unix.RTM_DELRULE, 0, r.body)))
		}
	}
	return err
}

func (s *session) removeRoutes() error {
	all, err := s.ownRoutes()
	for _, r := range all {
		err = errors.Join(err, failed(fmt.Sprintf("remove route %s table %d", r.destination, r.table), s.removeRoute(r)))
	}
	return err
}

func (s *session) removeAddresses() error {
	all, err := s.addresses()
	for key, h := range all {
		if !h.ours && !h.virtual {
			continue
		}
		err = errors.Join(err, failed("remove address "+key.prefix.String(), s.dropAddress(key)))
	}
	return err
}

// removeVirtual removes the interfaces of virtual MAC addresses, whose notes know their parents' settings.
func (s *session) removeVirtual() error {
	devices, err := s.links()
	if err != nil {
		return err
	}
	parents := make(map[int]string, len(devices))
	for name, d := range devices {
		parents[d.Index] = name
	}
	for _, d := range devices {
		if b, ours := boardOf(d); ours {
			err = errors.Join(err, s.removeBoard(b))
			freeParent(parents[b.parent], b.before)
		}
	}
	return err
}

func (s *session) removeBridge() error {
	devices, err := s.links()
	if err != nil {
		return err
	}
	if b, there := devices[router.BridgeName]; there && b.alias == alias {
		return failed("remove bridge "+router.BridgeName, s.removeLink(b.Index))
	}
	return nil
}

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
