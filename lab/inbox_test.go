package lab

import (
	"context"
	"testing"
	"time"
)

func TestInbox(t *testing.T) {
	h, b, _ := plain(t, "lte")
	box, err := h.OpenInbox(8443)
	must(t, err)
	out, err := b.Run("curl -s -m 2 --cacert " + h.authority.file + " --resolve inbox.example:8443:" + EchoAddress + " -d hello https://inbox.example:8443/a/b")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	all, err := box.Await(ctx, "/a", 1)
	if err != nil || len(all) != 1 || all[0].Line != "lte" || all[0].Path != "/a/b" || all[0].Body != "hello" {
		t.Errorf("%v, %v", all, err)
	}
	if len(box.Taken("/b")) > 0 {
		t.Error("a prefix of another path")
	}
	if out, err := b.Run("curl -s -m 2 https://" + EchoAddress + ":8443/"); err == nil {
		t.Errorf("a stranger trusts it: %s", out)
	}
}

func TestMailbox(t *testing.T) {
	h, b, _ := plain(t, "fibre")
	m, err := h.OpenMailbox(t.Context())
	must(t, err)
	out, err := b.Feed("curl -s -S -m 5 --ssl-reqd --cacert "+h.authority.file+" --resolve mail.example:2525:"+EchoAddress+
		" --mail-from a@example.org --mail-rcpt b@example.org -T - smtp://mail.example:2525",
		"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=C3=A9llo\r\n")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	all, err := m.Await(t.Context(), 1)
	if err != nil || len(all) != 1 || all[0].Subject != "grüße" || all[0].Body != "héllo\n" || all[0].Line != "fibre" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestBroker(t *testing.T) {
	h, _, d := plain(t, "fibre")
	br, err := h.OpenBroker(t.Context(), d)
	must(t, err)
	if out, err := d.Run("mosquitto_pub -h 127.0.0.1 -u twinpath -P mosquitoes-bite -t a/b -m hello"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	all, err := br.Await(t.Context(), "a/", 1)
	if err != nil || all[0] != "a/b hello" {
		t.Errorf("%q, %v", all, err)
	}
	if out, err := d.Run("mosquitto_pub -h 127.0.0.1 -t a/b -m hello"); err == nil {
		t.Errorf("a stranger publishes: %s", out)
	}
}
