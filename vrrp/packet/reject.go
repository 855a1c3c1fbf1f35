package packet

import "fmt"

// Reject is why a received packet is not an advert for us. Zero means that it is one.
type Reject uint8

const (
	Accepted            Reject = iota
	Protocol                   // neither VRRP nor CARP
	Short                      // cut off
	Long                       // bytes after the message that are no trailer known
	IPHeader                   // malformed, or a wrong header checksum
	Fragment                   // RFC 9568 §7.1: a complete packet
	AHHeader                   // malformed
	CARP                       // OpenBSD's protocol under the same number
	Version                    // RFC 9568 §7.1
	Type                       // RFC 9568 §5.2.2
	BadChecksum                // RFC 9568 §7.1
	Family                     // IPv4 for an IPv6 election or the reverse
	VRID                       // another virtual router's
	HopLimit                   // RFC 9568 §5.1.1.3
	SelfSource                 // from an address of this machine
	MulticastUnexpected        // the election has peers
	UnicastUnexpected          // the election is multicast
	OtherGroup                 // neither 224.0.0.18 nor ff02::12
	NotAPeer                   // unicast from a stranger
	Count                      // RFC 9568 erratum 8299
	IntervalZero               // RFC 9568 erratum 8301
	IntervalMismatch           // RFC 3768 §7.1
	AuthType                   // another kind of authentication, or none
	KeyUnknown                 // HMAC: no key has its id
	AuthBad                    // wrong password or signature
	AuthReplay                 // heard before

	// Rejects is how many values there are, for arrays with a place for each.
	Rejects = iota
)

var rejectNames = [Rejects]string{
	"accepted", "protocol", "short", "long", "ip-header", "fragment", "ah-header", "carp", "version", "type",
	"bad-checksum", "family", "vrid", "hop-limit", "self-source", "multicast-unexpected", "unicast-unexpected",
	"other-group", "not-a-peer", "count", "interval-zero", "interval-mismatch", "auth-type",
	"key-unknown", "auth-bad", "auth-replay",
}

var rejectSentences = [Rejects]string{
	Accepted:            "it is accepted",
	Protocol:            "it is not VRRP",
	Short:               "it is cut off",
	Long:                "it is longer than its addresses make it",
	IPHeader:            "its IP header is wrong",
	Fragment:            "it is a fragment",
	AHHeader:            "its authentication header is malformed",
	CARP:                "it is CARP, which uses the same protocol number and the same virtual MAC addresses",
	Version:             "it has another version of VRRP",
	Type:                "it is no advert",
	BadChecksum:         "its checksum is wrong",
	Family:              "it is of the other address family",
	VRID:                "it is for another virtual router",
	HopLimit:            "its hop limit is not 255, so a router may have forwarded it",
	SelfSource:          "its source is an address of this machine",
	MulticastUnexpected: "it is multicast, and here peers are configured",
	UnicastUnexpected:   "it is unicast, and here no peers are configured",
	OtherGroup:          "it was sent to another multicast group",
	NotAPeer:            "its source is not among the peers",
	Count:               "it has no virtual address",
	IntervalZero:        "its interval is zero",
	IntervalMismatch:    "its interval is not ours",
	AuthType:            "it is authenticated in another way than ours",
	KeyUnknown:          "it is signed with a key that is not configured",
	AuthBad:             "its password or signature is wrong",
	AuthReplay:          "it, or a newer one, was heard before",
}

// String returns a short name for counters: "bad-checksum".
func (r Reject) String() string {
	if int(r) >= Rejects {
		return fmt.Sprintf("reject-%d", uint8(r))
	}
	return rejectNames[r]
}

// Sentence returns a clause for people: "its checksum is wrong".
func (r Reject) Sentence() string {
	if int(r) >= Rejects {
		return "it is rejected for an unknown reason"
	}
	return rejectSentences[r]
}

// MarshalText returns the name, so that a Reject can be a key in JSON.
func (r Reject) MarshalText() ([]byte, error) {
	if int(r) >= Rejects {
		return nil, fmt.Errorf("name reject reason %d: there is no such reason", uint8(r))
	}
	return []byte(rejectNames[r]), nil
}

// UnmarshalText reads a name.
func (r *Reject) UnmarshalText(text []byte) error {
	for i, name := range rejectNames {
		if name == string(text) {
			*r = Reject(i)
			return nil
		}
	}
	return fmt.Errorf("read reject reason %q: there is no such reason", text)
}
