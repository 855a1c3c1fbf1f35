package router

// Link is one network interface as the kernel shows it.
type Link struct {
	Index   int
	Name    string
	MAC     string // "02:00:00:00:00:10", lower case; empty when it has none
	Own     string // the address that it came with, where that is known; MAC may be another by now
	Up      bool   // switched on by the owner (IFF_UP)
	Carrier bool   // a cable or radio link is there (IFF_LOWER_UP)
	MTU     int
	Kind    string // "veth", "bridge"; empty for hardware
	Driver  string // "r8152", "rndis_host"; empty where unknown
	USB     string // the socket that its device is in, as in /sys/bus/usb/devices: "1-1.2"; empty: none
	Mobile  bool   // it is a phone's or a modem's
}

// identity is the Ethernet address that an interface is known by, whatever it uses for the time being.
func (l Link) identity() string {
	if l.Own != "" {
		return l.Own
	}
	return l.MAC
}
