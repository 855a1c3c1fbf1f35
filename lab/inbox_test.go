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
