package lab

import (
	"strings"
	"testing"
	"time"
)

// TestPageOfAPair looks at the page of two routers, then takes the power of the one that shows it: the page goes on at the same
// address, by the other one.
func TestPageOfAPair(t *testing.T) {
	h, err := Build(t.Context(), Pair())
	must(t, err)
	t.Cleanup(h.Close)
	must(t, startPair(t.Context(), h, built(t), func(router string) string { return quickPair(router) + PairPageConfig(router) }))
	main, backup := h.Boxes[0], h.Boxes[1]
	active := func(s Status) bool { return s.All("up") && len(s.VRRP) > 0 && s.VRRP[0].State == "active" }
	await(t, main, "main serves the house", active)
	await(t, backup, "backup is up", func(s Status) bool { return s.All("up") })

	v := visit(t, browser(t, h.Devices[0]))
	v.opens(gatewayPage + "/")
	v.reads("Answered by main")
	v.reads("backup hears main")
	v.looks("status-pair", false)
	must(t, h.PowerOff("main"))
	off := time.Now()
	s := await(t, backup, "backup serves the house", active)
	v.awaits(60*time.Second, `document.body.innerText.includes("Answered by backup") && document.querySelector("main").innerText.replace(/\s+/g, " ").includes(`+quoted(s.Sentence)+`)`)
	t.Logf("the open page shows the other router %s after the power was cut", round(time.Since(off)))
	v.page.Forgive("ERR_", "status of 503")
	v.shot("status-pair-alone")
	v.audit("pair alone")
}

// TestPageOverTLS logs in where passwords are taken over TLS only.
func TestPageOverTLS(t *testing.T) {
	const secure = "https://192.168.1.1"
	_, b, d := home(t, Default(), withPage()+"tls      = [\"192.168.1.1:443\"]\n")
	await(t, b, "both lines are up", on("fibre"))
	eventually(t, "the page answers", func() bool { return pageAt(d, gatewayPage) })
	out, err := d.Run("curl -s -m 5 -o /dev/null -w %{http_code}:%{redirect_url} " + gatewayPage + "/login")
	if err != nil || !strings.HasSuffix(out, ":"+secure+"/login") {
		t.Errorf("the login without TLS answers %s (%v), want the way to %s", out, err, secure)
	}
	if out, err := d.Run("curl -s -m 5 -o /dev/null -w %{http_code} -d password=" + PagePassword + " " + gatewayPage + "/login"); err != nil || out != "403" {
		t.Errorf("a password without TLS: %s (%v), want 403", out, err)
	}
	v := visit(t, browser(t, d))
	must(t, v.page.TrustAll(t.Context()))
	v.open(secure + "/")
	v.reads("Internet works")
	v.logsIn(secure)
	v.open(secure + "/settings")
	v.reads("fingerprint")
	fingerprint := v.text("main dd code")
	out, err = d.Run("curl -s -k -m 5 -o /dev/null -v " + secure + "/")
	if err != nil || len(fingerprint) < 64 {
		t.Errorf("fingerprint %q (%v)\n%s", fingerprint, err, out)
	}
	v.shot("settings-tls")
}
