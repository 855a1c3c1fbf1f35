package vm

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// The network block device protocol, as far as QEMU needs it (NetworkBlockDevice: doc/proto.md).
const (
	nbdMagic     = 0x4e42444d41474943 // "NBDMAGIC"
	nbdOption    = 0x49484156454f5054 // "IHAVEOPT"
	nbdAnswer    = 0x3e889045565a9
	nbdRequest   = 0x25609513
	nbdReply     = 0x67446698
	nbdFixed     = 1 << 0 // newstyle handshake, fixed
	nbdNoZeroes  = 1 << 1
	nbdHasFlags  = 1 << 0
	nbdSendFlush = 1 << 2

	optionAbort, optionGo                  = 2, 7
	repAck, repInfo, repUnsupported        = 1, 3, 1<<31 + 1
	doRead, doWrite, doDisconnect, doFlush = 0, 1, 2, 3
	errIO, errInvalid                      = 5, 22
)

// mostAtOnce bounds a request, in bytes: QEMU sends 32 MiB at most.
const mostAtOnce = 32 << 20

// serve serves one machine after the other.
func (c *Cache) serve() {
	for {
		conn, err := c.listen.Accept()
		if err != nil {
			return // closed
		}
		_ = c.talk(conn) // it ends with the machine, however that ends
		_ = conn.Close()
	}
}

func (c *Cache) talk(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, 1<<20)
	if err := c.greet(in, conn); err != nil {
		return err
	}
	for {
		if err := c.serveOne(in, conn); err != nil {
			return err
		}
	}
}

var errBye = errors.New("the other side says good-bye")

// greet does the handshake, until the client wants the disk.
func (c *Cache) greet(in io.Reader, out io.Writer) error {
	if err := send(out, uint64(nbdMagic), uint64(nbdOption), uint16(nbdFixed|nbdNoZeroes)); err != nil {
		return err
	}
	var flags uint32
	if err := binary.Read(in, binary.BigEndian, &flags); err != nil {
		return err
	}
	for {
		var option struct {
			Magic          uint64
			Number, Length uint32
		}
		if err := binary.Read(in, binary.BigEndian, &option); err != nil {
			return err
		}
		if option.Magic != nbdOption || option.Length > 1<<16 {
			return errors.New("no option")
		}
		if _, err := io.CopyN(io.Discard, in, int64(option.Length)); err != nil {
			return err
		}
		answer := func(kind uint32, data ...any) error {
			length := 0
			for _, d := range data {
				length += binary.Size(d)
			}
			return send(out, append([]any{uint64(nbdAnswer), option.Number, kind, uint32(length)}, data...)...)
		}
		switch option.Number {
		case optionGo: // there is one disk only, whatever its name; information 0 is what every client needs
			err := answer(repInfo, uint16(0), uint64(c.size), uint16(nbdHasFlags|nbdSendFlush))
			return errors.Join(err, answer(repAck))
		case optionAbort:
			return errors.Join(answer(repAck), errBye)
		}
		if err := answer(repUnsupported); err != nil {
			return err
		}
	}
}

// serveOne answers one request.
func (c *Cache) serveOne(in io.Reader, out io.Writer) error {
	var r struct {
		Magic         uint32
		Flags, Kind   uint16
		Cookie, Start uint64
		Length        uint32
	}
	if err := binary.Read(in, binary.BigEndian, &r); err != nil {
		return err
	}
	if r.Magic != nbdRequest || r.Length > mostAtOnce {
		return errors.New("no request")
	}
	var data []byte
	var err error
	status := uint32(0)
	switch r.Kind {
	case doDisconnect:
		return errBye
	case doRead:
		data = make([]byte, r.Length)
		err = c.read(data, int64(r.Start))
	case doWrite:
		content := make([]byte, r.Length)
		if _, err := io.ReadFull(in, content); err != nil {
			return err
		}
		err = c.write(content, int64(r.Start))
	case doFlush:
		err = c.flush()
	default:
		status = errInvalid
	}
	if err != nil {
		status, data = errIO, nil
	}
	if err := send(out, uint32(nbdReply), status, r.Cookie); err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}

// send writes numbers of fixed size as the network has them.
func send(out io.Writer, values ...any) error {
	var text bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&text, binary.BigEndian, v); err != nil {
			return err
		}
	}
	_, err := out.Write(text.Bytes())
	return err
}
