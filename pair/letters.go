package pair

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Kind is what a Post carries.
type Kind struct {
	letters, receipt string // what is sealed: an answer is none that could be taken for a letter
	path             string // the verb by which they come
	most             int    // bytes that are taken at once, and of an answer
}

// The kinds of letters: what people are to be told, and who in the house has which address.
var (
	Letters = Kind{letters: "letters", receipt: "receipt", path: "/api/v1/pair/letters", most: 64 << 10}
	Leases  = Kind{letters: "leases", receipt: "leases known", path: "/api/v1/pair/leases", most: 256 << 10}
)

// Post carries letters between the two routers of a pair. It is safe for concurrent use.
type Post struct {
	kind Kind
	take func(letters []byte) (receipt []byte, err error)
	gate *Gate
	http *http.Client
	port string // of the other router's page; empty: HTTP's own

	mu        sync.Mutex
	peer      netip.Addr
	secret    string
	challenge []byte // the other router's newest
}

// NewPost returns a Post without a peer. Take is for letters that have come; what it returns goes back.
func NewPost(kind Kind, take func(letters []byte) (receipt []byte, err error)) *Post {
	return &Post{kind: kind, take: take, gate: NewGate(time.Now), http: neighbour(), challenge: make([]byte, challengeSize)}
}

// Use takes the other router's address and the secret of the pair; an address that is not valid: there is none.
func (p *Post) Use(peer netip.Addr, secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peer, p.secret = peer, secret
}

func (p *Post) known() (netip.Addr, string, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peer, p.secret, p.challenge
}

// Receive opens what the other router has posted, and returns the sealed answer. An error that is a Challenge has to go back as what it
// wants, with status 409.
func (p *Post) Receive(sealed []byte) ([]byte, error) {
	_, secret, _ := p.known()
	letters, err := p.gate.Open(secret, p.kind.letters, sealed)
	if err != nil {
		return nil, err
	}
	receipt, err := p.take(letters)
	if err != nil {
		return nil, err
	}
	// Only who has sealed these letters waits for this answer: it names their nonce in place of a challenge.
	return Seal(secret, p.kind.receipt, answering(sealed), receipt)
}

// answering is the challenge that an answer to a sealed message meets.
func answering(sealed []byte) []byte {
	c := make([]byte, challengeSize)
	copy(c, sealed[1+challengeSize:letterHead])
	return c
}

// Forward posts letters to the other router, and returns its answer.
func (p *Post) Forward(ctx context.Context, letters []byte) ([]byte, error) {
	const patience = 8 * time.Second // the other router may have to wait for its disk
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for range 2 {
		peer, secret, challenge := p.known()
		if !peer.IsValid() {
			return nil, errors.New("there is no other router")
		}
		sealed, err := Seal(secret, p.kind.letters, challenge, letters)
		if err != nil {
			return nil, fmt.Errorf("seal letters: %w", err)
		}
		answer, err := p.post(ctx, peer, sealed)
		if c := (Challenge)(nil); errors.As(err, &c) {
			// Both routers have the same key: who sends our own letters back to us must not have us take them for the other's.
			if p.gate.made(c) {
				return nil, fmt.Errorf("hand letters to %s: it is this router that answers there", peer)
			}
			p.mu.Lock()
			p.challenge = c
			p.mu.Unlock()
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("hand letters to %s: %w", peer, err)
		}
		receipt, err := unseal(secret, p.kind.receipt, answer)
		if err != nil || !bytes.Equal(answer[1:1+challengeSize], answering(sealed)) {
			return nil, fmt.Errorf("hand letters to %s: what answers there is not the other router", peer)
		}
		return receipt, nil
	}
	return nil, errors.New("hand letters to the other router: it takes no answer to its challenge")
}

// post is one request. A Challenge as its error has to be answered.
func (p *Post) post(ctx context.Context, peer netip.Addr, sealed []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, pageOf(peer, p.port)+p.kind.path, bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := p.http.Do(request)
	if err != nil {
		return nil, plain(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, int64(p.kind.most)))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode == http.StatusOK:
		if len(text) <= letterHead {
			return nil, errors.New("its answer is cut short")
		}
		return text, nil
	case response.StatusCode == http.StatusConflict:
		if c, err := hex.DecodeString(strings.TrimSpace(string(text))); err == nil && len(c) == challengeSize {
			return nil, Challenge(c)
		}
	}
	return nil, fmt.Errorf("it answers %s", response.Status)
}

// pageOf is where a router of the house has its page.
func pageOf(peer netip.Addr, port string) string {
	host := peer.WithZone("").String()
	switch {
	case port != "":
		host = net.JoinHostPort(host, port)
	case peer.Is6():
		host = "[" + host + "]"
	}
	return "http://" + host
}
