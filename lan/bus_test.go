package lan

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestARealOneTakesLeases: those of the other router, in place of its own, and it tells that they have changed.
func TestARealOneTakesLeases(t *testing.T) {
	state, w := t.TempDir(), alone(t)
	d := real(t, state, w)
	now := time.Now()
	one := Lease{Until: now.Add(time.Hour), MAC: "02:00:00:00:00:0a", Address: hosts(w, 150), Name: "laptop", Client: "01:02:00:00:00:00:0a"}
	two := Lease{Until: now.Add(2 * time.Hour), MAC: "02:00:00:00:00:0b", Address: hosts(w, 151)}
	must(t, d.give(one, now))
	must(t, d.give(two, now))
	select {
	case <-d.changed():
	case <-time.After(10 * time.Second):
		t.Error("it does not tell")
	}
	has := func(want ...Lease) {
		t.Helper()
		var lines string
		for _, l := range want {
			lines += l.line()[strings.IndexByte(l.line(), ' '):]
		}
		wait(t, "the file has "+lines, func() bool {
			all, err := readLeases(Leases(state), now)
			must(t, err)
			got := ""
			for _, l := range all {
				if l.Until.Sub(now) < 59*time.Minute {
					t.Fatalf("it ends at %s", l.Until)
				}
				got += l.line()[strings.IndexByte(l.line(), ' '):]
			}
			return got == lines
		})
	}
	has(one, two)
	other := two
	other.MAC, other.Name = "02:00:00:00:00:0c", "tv"
	must(t, d.give(other, now))
	must(t, d.forget(one.Address))
	has(other)
	if err := d.ask([]string{"no address"}); err == nil || !strings.HasPrefix(err.Error(), "dnsmasq refuses it: ") {
		t.Errorf("nonsense: %v", err)
	}
	d.end()
	if err := d.ask(nil); err == nil {
		t.Error("one that has ended takes servers")
	}
}

// program0 comes to a bus as libdbus does, and has a name.
func program0(t *testing.T, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	in := bufio.NewReader(conn)
	say := func(text, answer string) {
		t.Helper()
		_, err := conn.Write([]byte(text))
		must(t, err)
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, answer) {
			t.Fatalf("%q is answered %q (%v), want %s", text, line, err, answer)
		}
	}
	say("\x00AUTH EXTERNAL 30\r\n", "OK ")
	say("NEGOTIATE_UNIX_FD\r\n", "ERROR")
	_, err = conn.Write([]byte("BEGIN\r\n"))
	must(t, err)
	for i, member := range []string{"Hello", "RequestName"} {
		_, err := conn.Write(message{kind: methodCall, serial: uint32(i + 1), member: member}.bytes())
		must(t, err)
		m, err := readMessage(in)
		if err != nil || m.kind != methodReturn || m.reply != uint32(i+1) {
			t.Fatalf("%s: %+v, %v", member, m, err)
		}
	}
	return conn, in
}

func TestTheFirstWordIsThatOfTheServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	b, err := openBus(path, setServers([]string{"192.0.2.1@wan0"}))
	must(t, err)
	defer b.close()
	conn, in := program0(t, path)
	if m, err := readMessage(in); err != nil || m.member != "SetDomainServers" {
		t.Errorf("%+v, %v", m, err)
	}
	done := make(chan error, 1)
	go func() { done <- b.do(message{kind: methodCall, member: "ClearCache"}) }()
	m, err := readMessage(in)
	must(t, err)
	_, err = conn.Write(message{kind: methodReturn, serial: 9, reply: m.serial}.bytes())
	must(t, err)
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() { done <- b.do(message{kind: methodCall, member: "ClearCache"}) }()
	_, err = readMessage(in)
	must(t, err)
	must(t, conn.Close()) // it is killed
	if err := <-done; err == nil {
		t.Error("who is gone has answered")
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(setServers([]string{"192.0.2.1@wan0", "2001:db8::1"}).bytes())
	f.Add(message{kind: methodReturn, serial: 3, reply: 2, body: new(body).text(":1.1")}.bytes())
	f.Fuzz(func(_ *testing.T, text []byte) {
		in := bufio.NewReader(bytes.NewReader(text))
		for {
			if _, err := readMessage(in); err != nil {
				return
			}
		}
	})
}

// TestMessagesOfTheOtherByteOrder: libdbus writes that of its machine.
func TestMessagesOfTheOtherByteOrder(t *testing.T) {
	text := []byte{'B', signal, 0, 1}
	text = binary.BigEndian.AppendUint32(text, 0)
	text = binary.BigEndian.AppendUint32(text, 7)
	text = binary.BigEndian.AppendUint32(text, 8+6)
	text = append(text, fieldMember, 1, 's', 0)
	text = binary.BigEndian.AppendUint32(text, 5)
	text = append(text, "Added\x00\x00\x00"...)
	m, err := readMessage(bufio.NewReader(bytes.NewReader(text)))
	if err != nil || m.member != "Added" || m.serial != 7 || m.kind != signal {
		t.Errorf("%+v, %v", m, err)
	}
}
