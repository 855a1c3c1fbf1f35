package shout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// parent is the process that has the network.
type parent struct {
	mu   sync.Mutex
	conn *net.UnixConn
}

func reach(file *os.File) (*parent, error) {
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("reach the parent: %w", err)
	}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.New("reach the parent: not a unix socket")
	}
	return &parent{conn: socket}, nil
}

// dial asks the parent for a connection, one at a time. The context of a request ends with the process.
func (p *parent) dial(_ context.Context, _, address string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.conn.Write([]byte(address)); err != nil {
		return nil, err
	}
	words, rights := make([]byte, 1024), make([]byte, unix.CmsgSpace(4))
	n, m, _, _, err := p.conn.ReadMsgUnix(words, rights)
	if err != nil {
		return nil, err
	}
	if m == 0 {
		return nil, errors.New(string(words[min(n, 1):n]))
	}
	files, err := passed(rights[:m])
	if err != nil {
		return nil, err
	}
	defer files.Close()
	return net.FileConn(files)
}

func passed(rights []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil, errors.New("the parent passed no connection")
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 1 {
		return nil, errors.New("the parent passed no connection")
	}
	return os.NewFile(uintptr(files[0]), "connection"), nil
}
