package vrrp

import (
	"strconv"
	"strings"
)

// DeviceName is the name of the interface that carries a virtual MAC address on the interface with this index:
// "vr7-51-4" for VRID 51 and IPv4. Indexes are written to base 36, which keeps every name within the 15 bytes of IFNAMSIZ.
func DeviceName(index int, id uint8, family Family) string {
	version := "4"
	if family == IPv6 {
		version = "6"
	}
	return devicePrefix(index) + strconv.Itoa(int(id)) + "-" + version
}

// DevicePattern matches the names of all virtual MAC interfaces on the interface with this index, as nftables
// and the shell write patterns.
func DevicePattern(index int) string { return devicePrefix(index) + "*" }

// ParseDeviceName is the inverse of DeviceName.
func ParseDeviceName(name string) (index int, id uint8, family Family, ok bool) {
	rest, ok := strings.CutPrefix(name, "vr")
	words := strings.Split(rest, "-")
	if !ok || len(words) != 3 {
		return 0, 0, NoFamily, false
	}
	n, err := strconv.ParseInt(words[0], 36, 32)
	vrid, wrong := strconv.ParseUint(words[1], 10, 8)
	family = map[string]Family{"4": IPv4, "6": IPv6}[words[2]]
	// Only what DeviceName writes: no signs, no zeros in front.
	if err != nil || wrong != nil || n <= 0 || DeviceName(int(n), uint8(vrid), family) != name {
		return 0, 0, NoFamily, false
	}
	return int(n), uint8(vrid), family, true
}

func devicePrefix(index int) string { return "vr" + strconv.FormatInt(int64(index), 36) + "-" }
