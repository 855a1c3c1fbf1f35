package vrrp

import (
	"math"
	"strings"
	"testing"
)

func TestDeviceName(t *testing.T) {
	for _, c := range []struct {
		index  int
		id     uint8
		family Family
		want   string
	}{
		{7, 51, IPv4, "vr7-51-4"},
		{12, 1, IPv6, "vrc-1-6"},
		{math.MaxInt32, 255, IPv6, "vrzik0zj-255-6"},
	} {
		name := DeviceName(c.index, c.id, c.family)
		if name != c.want || len(name) > 15 {
			t.Errorf("name %q, want %q of at most 15 bytes", name, c.want)
		}
		if index, id, family, ok := ParseDeviceName(name); !ok || index != c.index || id != c.id || family != c.family {
			t.Errorf("%s reads as %d %d %v %v", name, index, id, family, ok)
		}
		if !strings.HasPrefix(name, strings.TrimSuffix(DevicePattern(c.index), "*")) {
			t.Errorf("%s does not match %s", name, DevicePattern(c.index))
		}
	}
}

func TestParseDeviceNameOfOthers(t *testing.T) {
	for _, name := range []string{"", "eth0", "vrf0", "vr-1-4", "vr7-51", "vr7-51-5", "vr7-256-4", "vr07-51-4", "vr7-051-4", "vr-7-51-4", "vr+7-51-4", "vr0-51-4", "vr7-51-4-1", "VR7-51-4"} {
		if _, _, _, ok := ParseDeviceName(name); ok {
			t.Errorf("%q is no name of ours", name)
		}
	}
}
