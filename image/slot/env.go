package slot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// GRUB's environment block: a signature, lines of name=value, then # up to exactly 1024 bytes (GRUB manual,
// "Environment block").
const (
	blockSize = 1024
	signature = "# GRUB Environment Block\n"

	// sector is what a disk writes as a whole. All of ours stays within the first one, so that a power cut between the
	// block's two sectors leaves the old block or the new one.
	sector = 512
)

// Boots is how many times the boot loader starts the committed slot before it takes the other one.
const Boots = 3

// ErrEnvDamaged says that the boot loader's environment is not readable: then it starts slot A.
var ErrEnvDamaged = errors.New("the boot loader's environment is damaged")

// Env is what the boot loader and the running system tell each other.
type Env struct {
	Slot Slot // the committed one
	Try  Slot // to be started once; the boot loader clears it before it does so
	Left int  // times the committed slot is started before the other one is taken; a healthy system puts Boots back

	others []string // lines that somebody else wrote, as they are
}

func parseEnv(block []byte) (Env, error) {
	text, ok := strings.CutPrefix(string(block), signature)
	if len(block) != blockSize || !ok {
		return Env{}, ErrEnvDamaged
	}
	env := Env{Left: Boots}
	for strings.Trim(text, "#") != "" {
		var line string
		line, text = cutLine(text)
		if err := env.take(line); err != nil {
			return Env{}, fmt.Errorf("%w: %w", ErrEnvDamaged, err)
		}
	}
	if env.Slot == None {
		return Env{}, fmt.Errorf("%w: it names no slot", ErrEnvDamaged)
	}
	return env, nil
}

// cutLine cuts as GRUB does: a line ends at the first line feed that has no backslash before it.
func cutLine(text string) (line, rest string) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '\n':
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

func (e *Env) take(line string) (err error) {
	name, value, _ := strings.Cut(line, "=")
	switch name {
	case "slot":
		return e.Slot.UnmarshalText([]byte(value))
	case "try":
		return e.Try.UnmarshalText([]byte(value))
	case "left":
		if e.Left, err = strconv.Atoi(value); err != nil || e.Left < 0 {
			return fmt.Errorf("left=%q is no number of boots", value)
		}
		return nil
	}
	e.others = append(e.others, line)
	return nil
}

// block returns the bytes that GRUB reads.
func (e Env) block() ([]byte, error) {
	if e.Slot == None {
		return nil, errors.New("the boot loader's environment must name a slot")
	}
	letter, _ := e.Slot.MarshalText()
	try, _ := e.Try.MarshalText()
	text := fmt.Sprintf("%sslot=%s\ntry=%s\nleft=%d\n", signature, letter, try, e.Left)
	for _, line := range e.others {
		text += line + "\n"
	}
	if len(text) > sector {
		return nil, fmt.Errorf("the boot loader's environment has no room: %d of %d bytes", len(text), sector)
	}
	return []byte(text + strings.Repeat("#", blockSize-len(text))), nil
}
