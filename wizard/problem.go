package wizard

// Problem is one thing wrong in a text that the owner edited.
type Problem struct {
	Line int    `json:"line"` // counted from 1; 0: the text as a whole
	Key  string `json:"key,omitempty"`
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}
