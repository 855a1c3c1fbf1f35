package kernel

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/twinpath/twinpath/router"
)

// usbDevices has a directory for each USB device, named by the socket that it is in (kernel Documentation/ABI/testing/sysfs-bus-usb).
const usbDevices = "/sys/bus/usb/devices"

// trait is what an interface is by its make. It lasts as long as its ifindex, and asking costs a socket and a few files each time.
type trait struct {
	name   string
	driver string
	mobile bool
}

// trait returns the name of an interface's driver, empty when it does not say, and whether it is a phone's or a modem's.
func (k *Kernel) trait(d device) (string, bool) {
	k.seen.Lock()
	defer k.seen.Unlock()
	t, known := k.traits[d.Index]
	if !known || t.name != d.Name {
		t = trait{name: d.Name, driver: driver(d.Name)}
		if d.USB != "" {
			t.mobile = mobile(t.driver, wireless(d.Name), usbText(d.USB, "idVendor"))
		}
		k.traits[d.Index] = t
	}
	return t.driver, t.mobile
}

// forget drops the traits of interfaces that are gone.
func (k *Kernel) forget(links []router.Link) {
	k.seen.Lock()
	defer k.seen.Unlock()
	if len(k.traits) == len(links) {
		return
	}
	maps.DeleteFunc(k.traits, func(index int, _ trait) bool {
		return !slices.ContainsFunc(links, func(l router.Link) bool { return l.Index == index })
	})
}

// socketOf is the USB socket that an interface's parent is in: the parent of a network interface is a function of a USB device,
// "1-1.2:1.0".
func socketOf(bus, parent string) string {
	if bus != "usb" {
		return ""
	}
	socket, _, _ := strings.Cut(parent, ":")
	return socket
}

// mobile reports whether an interface on USB is a phone's or a modem's. Most drivers are for one or the other; what comes by the
// general ones is a phone's unless it is made by somebody who makes Ethernet adapters (vendor ids of the USB IDs list).
func mobile(driver string, wireless bool, vendor string) bool {
	phones := []string{"rndis_host", "ipheth", "cdc_mbim", "qmi_wwan", "huawei_cdc_ncm", "sierra_net", "hso", "kalmia", "lg-vl600", "cdc-phonet"}
	general := []string{"cdc_ether", "cdc_ncm", "cdc_eem", "cdc_subset"}
	adapters := []string{
		"0bda", // Realtek
		"0b95", // ASIX
		"0424", // Microchip, before SMSC
		"0a46", // Davicom
		"9710", // MosChip
		"0fe6", // Corechip
		"17ef", // Lenovo
		"413c", // Dell
		"045e", // Microsoft
		"2357", // TP-Link
		"20f4", // TRENDnet
		"13b1", // Linksys
		"050d", // Belkin
	}
	switch {
	case wireless || slices.Contains(phones, driver):
		return true
	case slices.Contains(general, driver):
		return !slices.Contains(adapters, vendor)
	}
	return false
}

// wireless reports whether the driver itself says that an interface leads to a mobile network.
func wireless(name string) bool {
	text, err := os.ReadFile(filepath.Join("/sys/class/net", name, "uevent"))
	return err == nil && strings.Contains(string(text), "DEVTYPE=wwan")
}

// usbText reads an attribute of the device in a socket; empty when it has none.
func usbText(socket, attribute string) string {
	text, err := os.ReadFile(filepath.Join(usbDevices, socket, attribute))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
