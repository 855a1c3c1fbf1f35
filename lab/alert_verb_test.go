package lab

import (
	"net/http"
	"strings"
	"testing"
)

// TestAlertTest tries the channels of the configuration, and one that is not in it.
func TestAlertTest(t *testing.T) {
	t.Parallel()
	const silent = `
[[alert.to]]
url = "ntfy://:bearer-4711-of-the-owner@inbox.example:9999/topic-4711-of-the-house"
`
	_, b, inbox := tellingHome(t, quick()+alerting+silent)
	out, done := call(t, b, "alert", "test")
	if done || !strings.Contains(out, "https://inbox.example:8443/…: ok\n") || !strings.Contains(out, "ntfy://inbox.example:9999/…: ") ||
		!strings.Contains(out, "connection refused") || strings.Contains(out, "4711") {
		t.Errorf("done %t:\n%s", done, out)
	}
	if all := opened(t, inbox.Taken("/"+inboxSecret)); len(all) != 1 || all[0].Line != "fibre" || !strings.Contains(all[0].Title, "test") {
		t.Errorf("taken: %v", all)
	}
	out, done = call(t, b, "alert", "test", "https://inbox.example:8443/another-4711")
	if !done || out != "ok\n" {
		t.Errorf("by its URL: done %t: %s", done, out)
	}
	inbox.Answer(http.StatusForbidden)
	out, done = call(t, b, "alert", "test", "https://inbox.example:8443/another-4711")
	if done || !strings.Contains(out, "403") || strings.Contains(out, "4711") {
		t.Errorf("refused: done %t: %s", done, out)
	}
	discreet(t, b, "4711-of-the", "another-4711", inboxSecret) // bare numbers are in the times of leases, too
}
