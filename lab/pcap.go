package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"time"
)

// Tcpdump is what tcpdump says of everything recorded from a moment on, one packet a line: a judge of
// checksums and lengths that neither the engine nor the lab has written.
func (r *Recorder) Tcpdump(from time.Time) (string, error) {
	cmd := exec.Command("tcpdump", "-n", "-v", "-r", "-")
	cmd.Stdin = bytes.NewReader(pcap(r.Since(from)))
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("tcpdump: %w: %s", err, tail(errors.String()))
	}
	return string(out), nil
}

// pcap is packets in the format of a capture file (pcap-savefile(5)).
func pcap(all []Advert) []byte {
	const ethernet = 1
	file := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	file = binary.LittleEndian.AppendUint16(file, 2)
	file = binary.LittleEndian.AppendUint16(file, 4)
	for _, word := range []uint32{0, 0, 65535, ethernet} {
		file = binary.LittleEndian.AppendUint32(file, word)
	}
	for _, a := range all {
		size := uint32(len(a.Frame))
		for _, word := range []uint32{uint32(a.Time.Unix()), uint32(a.Time.Nanosecond() / 1000), size, size} {
			file = binary.LittleEndian.AppendUint32(file, word)
		}
		file = append(file, a.Frame...)
	}
	return file
}
