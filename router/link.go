package router

// Link is one network interface as the kernel shows it.
type Link struct {
	Index   int
	Name    string
	MAC     string // "02:00:00:00:00:10", lower case; empty when it has none
	Up      bool   // switched on by the owner (IFF_UP)
	Carrier bool   // a cable or radio link is there (IFF_LOWER_UP)
	MTU     int
	Kind    string // "veth", "bridge"; empty for hardware
	Driver  string // "r8152", "rndis_host"; empty where unknown
}
