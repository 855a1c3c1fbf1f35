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

// divertChunk is how many elements are changed in one transaction, for which other changes of the ruleset wait. The kernel takes its time after each that
// removes some, however few (16 ms on a busy machine, seen 2026-11-22).
const divertChunk = 2000

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
	begun := editsOf(nil, c.Begun, false)
	for _, e := range begun {
		delete(k.stale[n], string(e.key))
	}
	edits := editsOf(nil, c.Ended, true)
	if !c.More {
		for key := range k.stale[n] {
			edits = append(edits, edit{[]byte(key), true})
		}
		k.stale[n] = nil
	}
	edits = append(edits, begun...) // a flow may have ended and begun again
	for part := range slices.Chunk(edits, divertChunk) {
		err := commitEdits(list, part, false)
		if errors.Is(err, unix.ENOENT) { // one that is to go was not there: with all of them put there first, each is
			err = commitEdits(list, part, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
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

// edit is an element that comes, or goes. The family is known by the key's length.
type edit struct {
	key  []byte
	gone bool
}

func editsOf(edits []edit, flows []flow.Flow, gone bool) []edit {
	for i := range flows {
		edits = append(edits, edit{keyOf(&flows[i]), gone})
	}
	return edits
}

func keyOf(f *flow.Flow) []byte {
	var key []byte
	if f.Is4() {
		key = append(append(make([]byte, 0, key4), f.Source[12:]...), f.Destination[12:]...)
	} else {
		key = append(append(make([]byte, 0, key6), f.Source[:]...), f.Destination[:]...)
	}
	key = append(key, f.Protocol, 0, 0, 0)
	key = append(binary.BigEndian.AppendUint16(key, f.From), 0, 0)
	return append(binary.BigEndian.AppendUint16(key, f.To), 0, 0)
}

// commitEdits makes changes in one transaction; again puts what is to go there first.
func commitEdits(list string, edits []edit, again bool) error {
	conn := nftConnect()
	for _, six := range []bool{false, true} {
		set := &nftables.Set{Table: ourDiverted(), Name: list + map[bool]string{false: "4", true: "6"}[six]}
		for _, pass := range []struct {
			gone, put bool
			send      func(*nftables.Set, []nftables.SetElement) error
		}{{true, again, conn.SetAddElements}, {true, true, conn.SetDeleteElements}, {false, true, conn.SetAddElements}} {
			if !pass.put {
				continue
			}
			for part := range slices.Chunk(elementsOf(edits, six, pass.gone), setChunk) {
				if err := pass.send(set, part); err != nil {
					return err
				}
			}
		}
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("change %d flows in the sets %s: %w", len(edits), list, err)
	}
	return nil
}

func elementsOf(edits []edit, six, gone bool) (elements []nftables.SetElement) {
	for _, e := range edits {
		if e.gone == gone && (len(e.key) == key6) == six {
			elements = append(elements, nftables.SetElement{Key: e.key})
		}
	}
	return elements
}
