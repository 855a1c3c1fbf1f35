package pair

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAMessageIsTakenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := NewGate(time.Now)
		seal := func(challenge []byte) []byte {
			sealed, err := Seal("secret of the pair", "letters", challenge, []byte("fibre is down"))
			if err != nil {
				t.Fatal(err)
			}
			return sealed
		}
		want := func(what string, sealed []byte, wanted error) {
			t.Helper()
			body, err := gate.Open("secret of the pair", "letters", sealed)
			var again Challenge
			switch {
			case wanted == nil && (err != nil || string(body) != "fibre is down"):
				t.Errorf("%s: %q, %v", what, body, err)
			case wanted != nil && !errors.As(err, &again) && !errors.Is(err, wanted):
				t.Errorf("%s: %q, %v; want %v", what, body, err, wanted)
			}
		}
		want("no challenge", seal(make([]byte, challengeSize)), Challenge{})
		_, err := gate.Open("secret of the pair", "letters", seal(make([]byte, challengeSize)))
		var challenge Challenge
		if !errors.As(err, &challenge) {
			t.Fatalf("no challenge, but %v", err)
		}
		one := seal(challenge)
		want("the first time", one, nil)
		want("again", one, Challenge{})
		want("another one", seal(challenge), nil)
		time.Sleep(lifetime)
		want("a minute later", seal(challenge), nil)
		time.Sleep(lifetime)
		want("two minutes later", seal(challenge), Challenge{})
		want("the first again", one, Challenge{})
		if _, err := gate.Open("another secret", "letters", one); !errors.Is(err, errSeal) {
			t.Errorf("another secret: %v", err)
		}
		if _, err := gate.Open("secret of the pair", "receipt", one); !errors.Is(err, errSeal) {
			t.Errorf("another kind: %v", err)
		}
		want("with a new challenge", seal(gate.challenge(gate.minute())), nil)
		if len(gate.nonce) != 1 {
			t.Errorf("%d nonces are kept, want that of the challenge that is still good", len(gate.nonce))
		}
	})
}

func TestEveryBitOfAMessageCounts(t *testing.T) {
	gate := NewGate(time.Now)
	sealed, err := Seal("secret", "letters", gate.challenge(0), []byte("fibre is down"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if body, err := gate.Open("secret", "letters", bad); err == nil {
			t.Fatalf("bit %d: %q", i, body)
		}
	}
	for n := range sealed {
		if body, err := gate.Open("secret", "letters", sealed[:n]); err == nil {
			t.Fatalf("cut to %d bytes: %q", n, body)
		}
	}
	if _, err := gate.Open("secret", "letters", sealed); err != nil {
		t.Errorf("as it was: %v", err)
	}
	if _, err := gate.Open("", "letters", sealed); err == nil || !strings.Contains(err.Error(), "no [pair] secret") {
		t.Errorf("without a secret: %v", err)
	}
}

// office is a Post's end that takes letters, as the page serves it.
func office(t *testing.T, p *Post) (port string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != Letters.path {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		text, _ := io.ReadAll(r.Body)
		answer, err := p.Receive(text)
		var again Challenge
		switch {
		case errors.As(err, &again):
			http.Error(w, again.Again(), http.StatusConflict)
		case err != nil:
			http.Error(w, err.Error(), http.StatusForbidden)
		default:
			_, _ = w.Write(answer)
		}
	}))
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return port
}

var loopback = netip.MustParseAddr("127.0.0.1")

func TestLettersReachTheOtherRouter(t *testing.T) {
	var got []string
	there := NewPost(Letters, func(letters []byte) ([]byte, error) {
		got = append(got, string(letters))
		return []byte("told " + string(letters)), nil
	})
	there.Use(netip.MustParseAddr("192.0.2.1"), "secret")
	here := NewPost(Letters, nil)
	here.port = office(t, there)
	if _, err := here.Forward(t.Context(), []byte("a")); err == nil || err.Error() != "there is no other router" {
		t.Errorf("alone: %v", err)
	}
	here.Use(loopback, "secret")
	for _, text := range []string{"a", "b"} {
		if receipt, err := here.Forward(t.Context(), []byte(text)); err != nil || string(receipt) != "told "+text {
			t.Errorf("%s: %q, %v", text, receipt, err)
		}
	}
	if strings.Join(got, " ") != "a b" {
		t.Errorf("it got %q", got)
	}
	here.Use(loopback, "another secret")
	if receipt, err := here.Forward(t.Context(), []byte("c")); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("with another secret: %q, %v", receipt, err)
	}
}

func TestAnAnswerOfSomebodyElseIsNoReceipt(t *testing.T) {
	there := NewPost(Letters, func([]byte) ([]byte, error) { return []byte("told"), nil })
	there.Use(netip.Addr{}, "secret")
	var recorded []byte
	real := office(t, there)
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if recorded != nil {
			_, _ = w.Write(recorded)
			return
		}
		response, err := http.Post("http://127.0.0.1:"+real+Letters.path, "", r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode == http.StatusOK {
			recorded = text
		}
		w.WriteHeader(response.StatusCode)
		_, _ = w.Write(text)
	}))
	defer liar.Close()
	here := NewPost(Letters, nil)
	here.Use(loopback, "secret")
	_, here.port, _ = net.SplitHostPort(liar.Listener.Addr().String())
	if _, err := here.Forward(t.Context(), []byte("a")); err != nil {
		t.Fatalf("passed on: %v", err)
	}
	if _, err := here.Forward(t.Context(), []byte("b")); err == nil || !strings.Contains(err.Error(), "is not the other router") {
		t.Errorf("an old answer is taken for a new one: %v", err)
	}
}

// TestOwnLettersAreNotTakenForTheOthers has somebody at the other router's address pass on what we send him to ourselves.
func TestOwnLettersAreNotTakenForTheOthers(t *testing.T) {
	taken := 0
	here := NewPost(Letters, func([]byte) ([]byte, error) {
		taken++
		return []byte("told"), nil
	})
	here.Use(loopback, "secret")
	here.port = office(t, here)
	if receipt, err := here.Forward(t.Context(), []byte("a")); err == nil || !strings.Contains(err.Error(), "it is this router") || taken > 0 {
		t.Errorf("%q, %v; it took %d letters of its own", receipt, err, taken)
	}
}
