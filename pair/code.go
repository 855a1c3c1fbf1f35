package pair

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// alphabet has no I, L, O and U: they are read as 1, 1, 0 and V (Crockford's base 32).
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// symbols is a code's length. Of its 80 bits 32 are the first router's address, 43 the secret and 5 a check symbol, which
// finds every wrong character and every two that are swapped.
const symbols = 16

const secretBits = 43

// Code leads a second router to the offer of the first, and opens it.
type Code struct {
	Address netip.Addr // IPv4
	secret  uint64
}

// NewCode returns a code with a new secret for the router at an IPv4 address.
func NewCode(address netip.Addr) (Code, error) {
	if !address.Is4() || address.IsUnspecified() || address.IsLoopback() || address.IsMulticast() {
		return Code{}, fmt.Errorf("make a pairing code: %s is no IPv4 address of this router in the house", address)
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return Code{Address: address, secret: binary.BigEndian.Uint64(random[:]) >> (64 - secretBits)}, nil
}

// String returns the code as it is shown: four groups of four.
func (c Code) String() string {
	values := c.values()
	var text strings.Builder
	for i, v := range values {
		if i > 0 && i%4 == 0 {
			text.WriteByte('-')
		}
		text.WriteByte(alphabet[v])
	}
	return text.String()
}

// values are the symbols: 75 bits from the top, then the check.
func (c Code) values() [symbols]byte {
	address := c.Address.As4()
	high := binary.BigEndian.Uint32(address[:])
	var values [symbols]byte
	for i := range symbols - 1 {
		for bit := range 5 {
			values[i] = values[i]<<1 | c.bit(high, i*5+bit)
		}
	}
	values[symbols-1] = check(values[:symbols-1])
	return values
}

func (c Code) bit(address uint32, n int) byte {
	if n < 32 {
		return byte(address >> (31 - n) & 1)
	}
	return byte(c.secret >> (secretBits - 1 - (n - 32)) & 1)
}

// check is a weighted sum in GF(32), x⁵ = x² + 1: the n-th symbol counts xⁿ times, and no two weights are equal.
func check(values []byte) byte {
	var sum byte
	for _, v := range values { // Horner's rule
		sum = double(sum ^ v)
	}
	return sum
}

func double(v byte) byte {
	v <<= 1
	if v&32 != 0 {
		v ^= 0b100101
	}
	return v
}

// Parse reads a code as people type it. The error says what to look at.
func Parse(text string) (Code, error) {
	var values []byte
	for _, r := range strings.ToUpper(text) {
		if r == '-' || r == ' ' || r == '\t' || r == '\n' || r == '\r' {
			continue
		}
		v := strings.IndexRune(alphabet, same(r))
		if v < 0 {
			return Code{}, fmt.Errorf("%q, character %d, is in no code\nhint: a code has letters and digits only", r, len(values)+1)
		}
		if len(values) == symbols {
			return Code{}, fmt.Errorf("the code is longer than %d characters", symbols)
		}
		values = append(values, byte(v))
	}
	if len(values) < symbols {
		return Code{}, fmt.Errorf("the code has only %d of %d characters", len(values), symbols)
	}
	if check(values[:symbols-1]) != values[symbols-1] {
		return Code{}, fmt.Errorf("there is a typo in the code: compare it with the other router's page, group by group")
	}
	return decode(values)
}

func decode(values []byte) (Code, error) {
	var address uint32
	var secret uint64
	for i, v := range values[:symbols-1] {
		for bit := range 5 {
			one := uint64(v >> (4 - bit) & 1)
			if i*5+bit < 32 {
				address = address<<1 | uint32(one)
			} else {
				secret = secret<<1 | one
			}
		}
	}
	var four [4]byte
	binary.BigEndian.PutUint32(four[:], address)
	c := Code{Address: netip.AddrFrom4(four), secret: secret}
	if c.Address.IsUnspecified() || c.Address.IsLoopback() || c.Address.IsMulticast() {
		return Code{}, fmt.Errorf("the code leads to %s, where no router is", c.Address)
	}
	return c, nil
}

// same returns what somebody meant who typed a letter that no code has.
func same(r rune) rune {
	switch r {
	case 'I', 'L':
		return '1'
	case 'O':
		return '0'
	case 'U':
		return 'V'
	}
	return r
}
