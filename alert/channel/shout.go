package channel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// shoutLimit is how long shoutrrr may take. Its own limits differ by service, up to ten seconds for each of several requests.
const shoutLimit = 15 * time.Second

// Shouted returns the services that shoutrrr speaks for us. They are those of its services that go out through the one
// door that package shout watches, which its tests prove; what has a network of its own is not among them.
func Shouted() []string {
	return []string{
		"bark", "googlechat", "ifttt", "join", "lark", "notifiarr", "opsgenie", "pagerduty", "pushbullet", "rocketchat", "signal", "teams", "wecom", "zulip",
	}
}

// Request is what "twinpath shout" reads: never in its arguments or environment, which others on the machine can see.
type Request struct {
	URL     string
	Message Message
}

// Answer is what it writes. Empty: a service has taken the message. Nothing in it is fit to be shown before secrets are out.
type Answer struct {
	Problem string
	Status  int // of a refusal
	Body    []byte
	Partly  bool // somebody else has taken it
}

// shouted is a service that shoutrrr speaks to, in a process of its own: whatever it leaves running ends with that.
// The process opens no connection: it asks for each, and gets it as a file, from the errand, whose line it cannot get around.
type shouted struct{ url string }

func readShouted(u *url.URL) (service, error) { return shouted{u.String()}, nil }

// shouter is "twinpath shout", of the version that is running unless a test wants another.
func (c *Channel) shouter() *exec.Cmd {
	cmd := exec.Command(cmp.Or(c.Program, "/proc/self/exe"), "shout")
	cmd.Args[0] = "twinpath"
	cmd.Env = []string{"SSL_CERT_FILE=" + os.Getenv("SSL_CERT_FILE"), "SSL_CERT_DIR=" + os.Getenv("SSL_CERT_DIR")} // whom crypto/x509 trusts
	return cmd
}

func (s shouted) send(ctx context.Context, e *errand, m Message) error {
	question, err := json.Marshal(Request{s.url, m})
	if err != nil {
		return err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return fmt.Errorf("make a socket pair: %w", err)
	}
	defer ours.Close()
	answer, err := s.shout(ctx, e, question, ours, theirs)
	if err != nil {
		return err
	}
	wrong := &failure{text: clean(e.scrub(answer.Problem))}
	switch {
	case answer.Status != 0:
		wrong = refused(answer.Status, answer.Body, e.scrub)
	case answer.Problem == "":
		return nil
	}
	wrong.part = answer.Partly
	return wrong
}

// shout runs the process until it has answered, and connects it meanwhile.
func (s shouted) shout(ctx context.Context, e *errand, question []byte, ours *net.UnixConn, theirs *os.File) (answer Answer, err error) {
	cmd := e.shouter()
	cmd.ExtraFiles = []*os.File{theirs}
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start(), theirs.Close()); err != nil {
		return answer, fmt.Errorf("start shoutrrr: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	served := make(chan struct{})
	go func() {
		defer close(served)
		e.connect(ctx, ours)
	}()
	go func() {
		_, _ = in.Write(question)
		_ = in.Close()
	}()
	err = json.NewDecoder(io.LimitReader(out, 2*heard)).Decode(&answer)
	_ = cmd.Process.Kill() // it has said what it had to say
	_ = cmd.Wait()
	stop()
	_ = ours.Close()
	<-served
	switch {
	case ctx.Err() != nil:
		return answer, ctx.Err()
	case err != nil:
		return answer, errors.New("shoutrrr ended without an answer")
	}
	return answer, nil
}

// connect answers each address that comes with a connection, or with why there is none.
func (e *errand) connect(ctx context.Context, ours *net.UnixConn) {
	address := make([]byte, 512)
	for {
		n, err := ours.Read(address)
		if err != nil {
			return
		}
		words, rights := "", []byte(nil)
		file, err := e.open(ctx, string(address[:n]))
		if err != nil {
			words = err.Error()
		} else {
			rights = unix.UnixRights(int(file.Fd()))
		}
		_, _, err = ours.WriteMsgUnix(append([]byte("."), words...), rights, nil)
		if file != nil {
			_ = file.Close()
		}
		if err != nil {
			return
		}
	}
}

// open dials an address and returns the connection as a file.
func (e *errand) open(ctx context.Context, address string) (*os.File, error) {
	conn, err := e.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	socket, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, errors.New("the line's connections cannot be passed on")
	}
	return socket.File()
}

// socketPair returns two ends of which one is for another process. Messages keep their borders.
func socketPair() (*net.UnixConn, *os.File, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	near, far := os.NewFile(uintptr(ends[0]), "shout"), os.NewFile(uintptr(ends[1]), "shout")
	defer near.Close()
	conn, err := net.FileConn(near)
	if err != nil {
		_ = far.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), far, nil
}
