package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/pair/flow"
)

// divertChunk is how many elements go into one transaction, for which other changes of the ruleset wait: some 3 ms of a small machine.
const divertChunk = 500

// DivertKept takes a change of the other router's list into the kernel, which must have a Diversion. A list that begins anew is compared with what the kernel
// has: what stays in it is never missing, and what is no longer in it goes with the last piece.
func (k *Kernel) DivertKept(c flow.Change) error { return k.divertList(0, listKept, c) }

// DivertOwn does the same for the flows of this router that must not go to the other one.
func (k *Kernel) DivertOwn(c flow.Change) error { return k.divertList(1, listOwn, c) }

func (k *Kernel) divertList(n int, list string, c flow.Change) error {
	k.diverting.Lock()
	defer k.diverting.Unlock()
	if c.Anew {
		stale, err := listed(list)
		if err != nil {
			return err
		}
		k.stale[n] = stale
	}
	begun, ended := keysOf(c.Begun), keysOf(c.Ended)
	for _, keys := range begun {
		for _, key := range keys {
			delete(k.stale[n], string(key))
		}
	}
	if !c.More {
		for key := range k.stale[n] {
			ended[len(key) == key6] = append(ended[len(key) == key6], []byte(key))
		}
		k.stale[n] = nil
	}
	return errors.Join(changeList(list+"4", begun[false], ended[false]), changeList(list+"6", begun[true], ended[true]))
}

// listed are the keys of both families that a list has in the kernel.
func listed(list string) (map[string]bool, error) {
	keys := map[string]bool{}
	for _, digit := range []string{"4", "6"} {
		elements, err := nftConnect().GetSetElements(&nftables.Set{Table: ourDiverted(), Name: list + digit})
		if err != nil {
			return nil, fmt.Errorf("read set %s%s: %w", list, digit, err)
		}
		for _, e := range elements {
			keys[string(e.Key)] = true
		}
	}
	return keys, nil
}

// Lengths of keys: addresses, the protocol and two numbers, each in whole registers.
const (
	key4 = 4 + 4 + 3*4
	key6 = 16 + 16 + 3*4
)

// keysOf are the keys of flows, those of IPv6 under true.
func keysOf(flows []flow.Flow) map[bool][][]byte {
	keys := map[bool][][]byte{}
	for i := range flows {
		f := &flows[i]
		var key []byte
		if f.Is4() {
			key = append(append(make([]byte, 0, key4), f.Source[12:]...), f.Destination[12:]...)
		} else {
			key = append(append(make([]byte, 0, key6), f.Source[:]...), f.Destination[:]...)
		}
		key = append(key, f.Protocol, 0, 0, 0)
		key = append(binary.BigEndian.AppendUint16(key, f.From), 0, 0)
		key = append(binary.BigEndian.AppendUint16(key, f.To), 0, 0)
		keys[len(key) == key6] = append(keys[len(key) == key6], key)
	}
	return keys
}

// changeList adds and removes elements, some at a time.
func changeList(set string, begun, ended [][]byte) error {
	s := &nftables.Set{Table: ourDiverted(), Name: set}
	for part := range slices.Chunk(begun, divertChunk) {
		if err := changeElements(s, part, nil); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(ended, divertChunk) {
		err := changeElements(s, nil, part)
		if errors.Is(err, unix.ENOENT) { // one was not there: with all of them added first, each is
			err = changeElements(s, part, part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func changeElements(s *nftables.Set, begun, ended [][]byte) error {
	conn := nftConnect()
	if len(begun) > 0 {
		if err := conn.SetAddElements(s, elementsOf(begun)); err != nil {
			return err
		}
	}
	if len(ended) > 0 {
		if err := conn.SetDeleteElements(s, elementsOf(ended)); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("change set %s by %d and %d flows: %w", s.Name, len(begun), len(ended), err)
	}
	return nil
}

func elementsOf(keys [][]byte) []nftables.SetElement {
	elements := make([]nftables.SetElement, len(keys))
	for i, key := range keys {
		elements[i].Key = key
	}
	return elements
}
