package main

import (
	"fmt"
	"io"
)

// cpioWriter writes the kernel's initramfs format, "newc" (Documentation/driver-api/early-userspace/buffer-format.rst): everything
// is root's, has no time, and is written in the order given, so that the same files give the same bytes.
type cpioWriter struct {
	w    io.Writer
	size int64
	node int
	err  error
}

// File types of the mode field, octal as in stat(2).
const (
	cpioFile   = 0o100000
	cpioDir    = 0o040000
	cpioLink   = 0o120000
	cpioDevice = 0o020000
)

func (c *cpioWriter) write(p []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(p)
		c.size += int64(len(p))
	}
}

func (c *cpioWriter) pad() {
	c.write(make([]byte, -c.size&3))
}

// entry adds one file; body is a link's target, too. major and minor are a device's numbers.
func (c *cpioWriter) entry(name string, mode uint32, body []byte, major, minor int) {
	c.node++
	c.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.node, mode, 0, 0, 1, 0, len(body), 0, 0, major, minor, len(name)+1, 0))
	c.write(append([]byte(name), 0))
	c.pad()
	c.write(body)
	c.pad()
}

// close ends the archive and returns the first error.
func (c *cpioWriter) close() error {
	c.node = -1
	c.entry("TRAILER!!!", 0, nil, 0, 0)
	return c.err
}
