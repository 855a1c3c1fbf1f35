package front

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// What the sockets of the process are for, as its arguments say.
const (
	plainDoor  = "http"
	secureDoor = "https"
)

// The files that the process finds open: its connection to the daemon, then one socket per argument.
const (
	connFile  = 3
	firstDoor = 4
)

// Inheritance is what the daemon leaves to the process.
type Inheritance struct {
	Conn   net.Conn // to the daemon
	Plain  []net.Listener
	Secure []net.Listener // for TLS
}

// Inherited takes over, in the process, what its arguments name.
func Inherited(args []string) (Inheritance, error) {
	if len(args) == 0 {
		return Inheritance{}, errors.New("this process is started by the daemon only")
	}
	var all Inheritance
	daemon := os.NewFile(connFile, "daemon")
	conn, err := net.FileConn(daemon)
	if err != nil {
		return Inheritance{}, fmt.Errorf("this process is started by the daemon only: %w", err)
	}
	_ = daemon.Close() // conn is a copy
	all.Conn = conn
	for i, kind := range args {
		file := os.NewFile(uintptr(firstDoor+i), kind)
		listener, err := net.FileListener(file)
		if err != nil {
			return Inheritance{}, fmt.Errorf("use socket %d: %w", firstDoor+i, err)
		}
		_ = file.Close()
		if kind == secureDoor {
			all.Secure = append(all.Secure, listener)
			continue
		}
		all.Plain = append(all.Plain, listener)
	}
	return all, nil
}
