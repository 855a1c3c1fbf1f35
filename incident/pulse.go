package incident

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// pulse is how often is noted that this router runs: after a power cut its last sign of life is at most this old. Each note costs an
// SD card a few blocks, so that more often would be a good part of what a day may write.
const pulse = 5 * time.Minute

// Pulse is where a Recorder notes that it runs, for the run after it. PulseFile is the real one.
type Pulse interface {
	Load() (string, error)
	Save(string) error // durable on return
}

// PulseFile is a file that is written in place: one block, and no other of the file system's for a new name.
type PulseFile struct{ Path string }

// noteSize is within one sector: it is written whole or not at all.
const noteSize = 128

// Load implements Pulse. What is not there is empty.
func (f PulseFile) Load() (string, error) {
	text, err := os.ReadFile(f.Path)
	if os.IsNotExist(err) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// Save implements Pulse.
func (f PulseFile) Save(note string) error {
	file, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("note that this router runs: %w", err)
	}
	defer file.Close()
	if _, err = fmt.Fprintf(file, "%-*s\n", noteSize-1, note); err == nil {
		err = file.Sync()
	}
	if err != nil {
		return fmt.Errorf("note that this router runs: %w", err)
	}
	return nil
}

// takePulse reads when the run before last ran, and has the book say how it ended.
func (r *Recorder) takePulse() time.Time {
	if r.ports.Pulse == nil {
		return time.Time{}
	}
	note, err := r.ports.Pulse.Load()
	if err != nil {
		r.ports.Log.Warn("when this router last ran is not known", "err", err)
	}
	var at, how, boot string
	_, _ = fmt.Sscan(note, &at, &how, &boot)
	last, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return time.Time{} // the first run, or a note that was torn
	}
	r.book.Restarted(last, how == "ended", boot != r.ports.Boot)
	return last
}

// beat notes that this router runs until ctx ends, and then that it was ended.
func (r *Recorder) beat(ctx context.Context) {
	if r.ports.Pulse == nil {
		return
	}
	ticker := time.NewTicker(pulse)
	defer ticker.Stop()
	for how := "runs"; ; {
		note := strings.Join([]string{r.ports.Now().UTC().Format(time.RFC3339), how, r.ports.Boot}, " ")
		if err := r.ports.Pulse.Save(note); err != nil {
			r.ports.Log.Warn("the next start will not know when this one ended", "err", err)
		}
		if how == "ended" {
			return
		}
		select {
		case <-ctx.Done():
			how = "ended"
		case <-ticker.C:
		}
	}
}
