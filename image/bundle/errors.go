package bundle

import (
	"errors"
	"fmt"
)

// What can be wrong with a whole update file; WrongBoardError, DamagedError and CutShortError say more.
var (
	ErrNotUpdate   = errors.New("not a Twinpath update file")
	ErrLaterFormat = errors.New("the update file has a format that only a later Twinpath knows\nhint: install an update from between first")
	// A changed manifest looks the same as a foreign key: either way nobody we know has signed it.
	ErrUnknownKey = errors.New("the update file is signed by an unknown key, or its first lines were changed")
)

// WrongBoardError says that an update is made for another machine.
type WrongBoardError struct{ Arch, Board, WantArch, WantBoard string }

func (e WrongBoardError) Error() string {
	return fmt.Sprintf("the update is for another board: it is for %s-%s, this is %s-%s", e.Board, e.Arch, e.WantBoard, e.WantArch)
}

// DamagedError says that the payload is not the signed one.
type DamagedError struct {
	At     int64 // bytes of the payload read when it was found out
	Longer bool  // there are more bytes than were signed
}

func (e DamagedError) Error() string {
	if e.Longer {
		return fmt.Sprintf("the update file is damaged: it goes on after its %d signed bytes", e.At)
	}
	return fmt.Sprintf("the update file is damaged: its %d bytes are not the signed ones\nhint: load it again", e.At)
}

// CutShortError says that an update file ends too early.
type CutShortError struct {
	Has, Wants int64 // bytes of the payload; Wants 0: it ends within its first lines
}

func (e CutShortError) Error() string {
	if e.Wants == 0 {
		return "the update file is cut short: it ends within its first lines\nhint: load it again"
	}
	return fmt.Sprintf("the update file is cut short: %d of %d bytes are there\nhint: load it again", e.Has, e.Wants)
}
