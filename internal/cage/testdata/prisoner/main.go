// Command prisoner enters the cage and says what it can still do, one line each.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/twinpath/twinpath/internal/cage"
)

func main() {
	inside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fresh, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		panic(err)
	}
	version, err := cage.Cage{Files: 64, Nice: 5}.Enter()
	fmt.Println("landlock", version, err)
	try := func(what string, err error) { fmt.Printf("%s: %v\n", what, err) }
	_, err = os.ReadFile("/etc/passwd")
	try("read a file", err)
	_, err = os.ReadDir("/")
	try("read a directory", err)
	try("write a file", os.WriteFile(os.Args[1], []byte("x"), 0o600))
	try("run a program", exec.Command("/bin/true").Run())
	_, err = net.Listen("tcp", "127.0.0.1:0")
	try("listen", err)
	try("listen without an address", unix.Listen(fresh, 1))
	try("connect by sending", unix.Sendto(fresh, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Port: 25, Addr: [4]byte{127, 0, 0, 1}}))
	try("become two", fork())
	try("signal another process", unix.Kill(os.Getppid(), 0))
	try("signal a thread of another process", unix.Tgkill(os.Getppid(), os.Getppid(), 0))
	_, err = net.Dial("unix", "/run/socket")
	try("open a unix socket", err)
	_, err = net.Dial("udp", "127.0.0.1:53")
	try("open a UDP socket", err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)
	try("open an MPTCP socket", err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	try("open a TCP socket", err)
	try("connect one that is open", unix.Connect(fresh, &unix.SockaddrInet4{Port: 80, Addr: [4]byte{127, 0, 0, 1}}))
	_, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	try("open a packet socket", err)
	try("switch an interface off", off(inside, "lo"))
	capabilities()
	niceness()
}

func fork() error {
	child, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if child == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

func off(by net.Listener, name string) error {
	raw, err := by.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	outer := raw.Control(func(fd uintptr) { err = unix.IoctlIfreq(int(fd), unix.SIOCSIFFLAGS, request) })
	return errors.Join(outer, err)
}

func capabilities() {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var all [2]unix.CapUserData
	err := unix.Capget(&head, &all[0])
	fmt.Println("capabilities", all, err)
	bound, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_NET_ADMIN, 0, 0, 0)
	fmt.Println("bounding set", bound, err)
}

// niceness is that of every thread: new ones are made from any.
func niceness() {
	all := make(chan int)
	for range 8 {
		go func() {
			n, _ := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the niceness, as the kernel says it
			all <- 20 - n
		}()
	}
	for range 8 {
		if n := <-all; n < 5 {
			fmt.Println("niceness", n)
		}
	}
}
