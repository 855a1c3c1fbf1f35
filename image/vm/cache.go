package vm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Cache is a disk whose own cache forgets when the power is cut, as that of a hard disk, an SSD or a card does: what the
// guest has written since its last flush is only promised. After a cut some of these sectors are on the disk and some
// are not, in no order, so that a write of many sectors may be torn and a later one may outlive an earlier one. A sector
// itself is old or new. It does not play a disk that calls a flush done which is not, nor one that harms sectors nobody wrote.
//
// To QEMU it is a server of the network block device protocol.
type Cache struct {
	file   *os.File
	size   int64
	dir    string
	listen net.Listener

	mu      sync.Mutex
	sectors map[int64][sector]byte // by number: written, and not yet flushed
	flushes int

	serving sync.WaitGroup
}

// enough is how many sectors wait at most: a disk's cache is finite, too. 32 MiB.
const enough = 32 << 20 / sector

// NewCache makes a disk with a cache of a disk image. It serves until Close.
func NewCache(image string) (*Cache, error) {
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	c := &Cache{file: file, sectors: map[int64][sector]byte{}}
	if err := c.open(); err != nil {
		_ = file.Close()
		_ = os.RemoveAll(c.dir)
		return nil, fmt.Errorf("serve %s: %w", image, err)
	}
	c.serving.Go(c.serve)
	return c, nil
}

func (c *Cache) open() error {
	stat, err := c.file.Stat()
	if err != nil {
		return err
	}
	c.size = stat.Size()
	if c.dir, err = os.MkdirTemp("", "vm-disk-"); err != nil {
		return err
	}
	c.listen, err = net.Listen("unix", c.socket())
	return err
}

func (c *Cache) socket() string { return filepath.Join(c.dir, "socket") }

// Close writes what waits, as a disk does that is switched off in good order. No machine may be running with it.
func (c *Cache) Close() error {
	err := c.listen.Close()
	c.serving.Wait()
	return errors.Join(err, c.flush(), c.file.Close(), os.RemoveAll(c.dir))
}

// Cut is the power cut, after the machine's: each sector that waits reaches the disk by chance. It returns how many did,
// and how many are lost. The same numbers of chance and the same writes give the same disk.
func (c *Cache) Cut(chance *rand.Rand) (kept, lost int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	share := chance.Float64()
	for _, number := range c.waiting() {
		if chance.Float64() >= share {
			lost++
			continue
		}
		kept++
		err = errors.Join(err, c.settle(number))
	}
	clear(c.sectors)
	return kept, lost, err
}

// Flushes is how often a guest has asked for what it wrote to be on the disk.
func (c *Cache) Flushes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flushes
}

func (c *Cache) waiting() []int64 {
	numbers := make([]int64, 0, len(c.sectors))
	for number := range c.sectors {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

func (c *Cache) settle(number int64) error {
	content := c.sectors[number]
	_, err := c.file.WriteAt(content[:], number*sector)
	return err
}

func (c *Cache) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushes++
	return c.drain()
}

func (c *Cache) drain() (err error) {
	for _, number := range c.waiting() {
		err = errors.Join(err, c.settle(number))
	}
	clear(c.sectors)
	return err
}

func (c *Cache) read(into []byte, at int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.file.ReadAt(into, at); err != nil {
		return err
	}
	if len(c.sectors) == 0 {
		return nil
	}
	for done := 0; done < len(into); done += sector {
		if content, there := c.sectors[(at+int64(done))/sector]; there {
			copy(into[done:], content[:])
		}
	}
	return nil
}

func (c *Cache) write(from []byte, at int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sectors) > enough {
		if err := c.drain(); err != nil {
			return err
		}
	}
	for done := 0; done < len(from); done += sector {
		c.sectors[(at+int64(done))/sector] = [sector]byte(from[done:])
	}
	return nil
}
