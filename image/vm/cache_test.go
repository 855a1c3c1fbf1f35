package vm

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// client is QEMU's end, as far as the tests need it.
type client struct {
	t      *testing.T
	conn   net.Conn
	cookie uint64
}

// cached makes a disk of 1 MiB of zeroes with a cache, and a client of it.
func cached(t *testing.T) (*Cache, *client, string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := NewCache(image)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", c.socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, &client{t: t, conn: conn}, image
}

func (c *client) send(values ...any) {
	c.t.Helper()
	if err := send(c.conn, values...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) expect(values ...any) {
	c.t.Helper()
	var want bytes.Buffer
	if err := send(&want, values...); err != nil {
		c.t.Fatal(err)
	}
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(c.conn, got); err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		c.t.Fatalf("got % x, want % x", got, want.Bytes())
	}
}

// greet asks for one thing that is not there, then for the disk.
func (c *client) greet() {
	c.t.Helper()
	const structured = 8
	c.expect(uint64(nbdMagic), uint64(nbdOption), uint16(3))
	c.send(uint32(3), uint64(nbdOption), uint32(structured), uint32(0))
	c.expect(uint64(nbdAnswer), uint32(structured), uint32(repUnsupported), uint32(0))
	c.send(uint64(nbdOption), uint32(optionGo), uint32(6), uint32(0), uint16(0)) // no name, no questions
	c.expect(uint64(nbdAnswer), uint32(optionGo), uint32(repInfo), uint32(12), uint16(0), uint64(1<<20), uint16(5))
	c.expect(uint64(nbdAnswer), uint32(optionGo), uint32(repAck), uint32(0))
}

func (c *client) do(kind uint16, at uint64, length int, data []byte) {
	c.t.Helper()
	c.cookie++
	c.send(uint32(nbdRequest), uint16(0), kind, c.cookie, at, uint32(length), data)
	c.expect(uint32(nbdReply), uint32(0), c.cookie)
}

func (c *client) read(at uint64, length int) []byte {
	c.t.Helper()
	c.do(doRead, at, length, nil)
	got := make([]byte, length)
	if _, err := io.ReadFull(c.conn, got); err != nil {
		c.t.Fatal(err)
	}
	return got
}

func TestCacheKeepsWhatWasFlushedAndForgetsTheRestInPart(t *testing.T) {
	c, guest, image := cached(t)
	guest.greet()
	old, fresh := bytes.Repeat([]byte{1}, 64*sector), bytes.Repeat([]byte{2}, 64*sector)
	guest.do(doWrite, 4096, len(old), old)
	guest.do(doFlush, 0, 0, nil)
	guest.do(doWrite, 4096, len(fresh), fresh)
	if got := guest.read(4096, len(fresh)); !bytes.Equal(got, fresh) {
		t.Error("the guest does not read what it has just written")
	}
	kept, lost, err := c.Cut(rand.New(rand.NewPCG(1, 2)))
	if err != nil || kept+lost != 64 || kept == 0 || lost == 0 {
		t.Errorf("kept %d, lost %d (%v), want some of each, 64 in all", kept, lost, err)
	}
	disk, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	for s := range 64 {
		part := disk[4096+s*sector:][:sector]
		switch {
		case bytes.Equal(part, fresh[:sector]):
			kept--
		case bytes.Equal(part, old[:sector]):
			lost--
		default:
			t.Errorf("sector %d is neither old nor new", s)
		}
	}
	if kept != 0 || lost != 0 {
		t.Errorf("the disk has %d sectors less than it said it kept, %d less than it said it lost", kept, lost)
	}
	if c.Flushes() != 1 {
		t.Errorf("%d flushes, want 1", c.Flushes())
	}
}

func TestCacheRefusesWhatItDoesNotKnow(t *testing.T) {
	_, guest, _ := cached(t)
	guest.greet()
	const trim = 4
	guest.send(uint32(nbdRequest), uint16(0), uint16(trim), uint64(7), uint64(0), uint32(512))
	guest.expect(uint32(nbdReply), uint32(errInvalid), uint64(7))
	guest.send(uint32(nbdRequest), uint16(0), uint16(doRead), uint64(8), uint64(1<<20), uint32(512)) // behind the end
	guest.expect(uint32(nbdReply), uint32(errIO), uint64(8))
	guest.send(uint32(nbdRequest), uint16(0), uint16(doDisconnect), uint64(9), uint64(0), uint32(0))
	if err := binary.Read(guest.conn, binary.BigEndian, new(byte)); err != io.EOF {
		t.Errorf("after the good-bye: %v, want EOF", err)
	}
}
