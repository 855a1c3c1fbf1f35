// Package packet is VRRP's bytes: adverts in both versions and families, their checksums and authentication, and
// the frames that announce a virtual address.
package packet

// Reject is why a received packet is not an advert for us. Zero means that it is one.
type Reject uint8
