package lab

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// fetchHost is where rehearsals fetch their megabyte from, unless a config says otherwise.
const fetchHost = "speed.cloudflare.com"

// megabyte answers every page with a million bytes.
func megabyte(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000000")
	_, _ = w.Write(make([]byte, 1_000_000)) // the reader went away: nobody to tell
}

// answerStream is answer over TCP, where each message comes behind its length.
func (i *internet) answerStream(conn net.Conn) {
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, q); err != nil {
			return
		}
		a := i.answer(q, netip.AddrPort{})
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil || a == nil {
			return
		}
	}
}

// Narrow makes packets of more than so many bytes vanish without a word on a provider's line: a path MTU black hole. 0 ends it.
func (h *House) Narrow(isp string, bytes int) error {
	if err := h.change(isp, func(w *weather) { w.narrow = bytes }); err != nil {
		return err
	}
	l, err := h.Line(isp)
	if err != nil {
		return err
	}
	// Down the line it is the link: a filter would see the kernel's large buffers and not the packets that they become.
	if bytes == 0 {
		bytes = 1500
	}
	return ip(l.space, fmt.Sprintf("link set access mtu %d", bytes))
}

// Stall makes a provider drop what HTTPS brings after so many bytes.
func (h *House) Stall(isp string, bytes int) error {
	return h.change(isp, func(w *weather) { w.stall = bytes })
}

// BlockTLS makes a provider drop everything to port 443.
func (h *House) BlockTLS(isp string) error {
	return h.change(isp, func(w *weather) { w.noTLS = true })
}

// hinder adds the rules of what only large or long traffic notices. tooBig is the ICMP message that would say so.
func (w weather) hinder(add func(chain, rule string, args ...any), tooBig string) {
	if w.narrow > 0 {
		add("forward", `iifname "access" meta length > %d drop`, w.narrow)
		add("output", "%s drop", tooBig)
	}
	if w.stall > 0 {
		add("forward", `iifname "uplink" tcp sport 443 quota over %d bytes drop`, w.stall)
	}
	if w.noTLS {
		add("forward", `iifname "access" tcp dport 443 drop`)
	}
}
