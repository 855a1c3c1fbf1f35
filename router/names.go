package router

import "time"

// NameView is one name in the DNS that follows a line.
type NameView struct {
	Host    string    `json:"host"`
	Address string    `json:"address,omitempty"` // that its provider was told; empty: none yet
	WAN     string    `json:"wan,omitempty"`     // whose it is
	Updated time.Time `json:"updated,omitzero"`
	Error   string    `json:"error,omitempty"` // of the newest try, when it failed
}

// NamesSeen is how the names go.
type NamesSeen struct{ Names []NameView }

func (NamesSeen) fact() {}
