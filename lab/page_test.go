package lab

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestPageAddress(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--pair"}, ""},
		{[]string{"--page", "8080", "--play"}, "127.0.0.1:8080"},
		{[]string{"--page", "0"}, "127.0.0.1:0"},
		{[]string{"--page", "-5"}, ""},
	} {
		if got, wanted := PageAddress(c.args); got != c.want || wanted != (c.want != "") {
			t.Errorf("%v: %q, %t, want %q", c.args, got, wanted, c.want)
		}
	}
}

// A browser outside the house gets to the page as if it were the first client.
func TestServePage(t *testing.T) {
	h, b, _ := plain(t, "fibre")
	var inside net.Listener
	must(t, b.space.Do(func() (err error) {
		inside, err = net.Listen("tcp4", "192.168.1.1:80")
		return err
	}))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s of %s", r.RemoteAddr, r.Host)
	})}
	h.tasks.Go(func() { _ = server.Serve(inside) })
	h.onClose(func() { _ = server.Close() })

	outside, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	h.ServePage(outside)
	client := http.Client{Transport: new(http.Transport)}
	t.Cleanup(client.CloseIdleConnections)
	answer, err := client.Get("http://" + outside.Addr().String() + "/")
	must(t, err)
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	must(t, answer.Body.Close())
	if got := string(body); !strings.HasPrefix(got, "192.168.1.100:") || !strings.HasSuffix(got, outside.Addr().String()) {
		t.Errorf("the page was asked by %s, want the laptop, for the outer address", got)
	}
	var out strings.Builder
	must(t, Interactive(t.Context(), strings.NewReader("page\n"), &out, h))
	for _, want := range []string{"http://localhost:", PagePassword, "http://192.168.1.1/"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the prompt does not say %s: %s", want, out.String())
		}
	}
	h.Close() // with the connection still open
	if _, err := net.Dial("tcp4", outside.Addr().String()); err == nil {
		t.Error("the port is open after the house's end")
	}
}
