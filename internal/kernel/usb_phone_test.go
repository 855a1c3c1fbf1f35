package kernel

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinpath/twinpath/router"
)

// phone is the interface of the phone that image/vmtest has plugged into the machine.
func phone(t *testing.T, k *Kernel) (router.Link, bool) {
	t.Helper()
	links, err := k.Links()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(links, func(l router.Link) bool { return l.USB != "" })
	if i < 0 {
		return router.Link{}, false
	}
	return links[i], true
}

// again waits for the phone to come back as another interface.
func again(t *testing.T, k *Kernel, before router.Link) router.Link {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if l, there := phone(t, k); there && l.Index != before.Index {
			return l
		}
	}
	t.Fatalf("%s did not come back", before.Name)
	return router.Link{}
}

func TestARealPhoneIsPluggedInAgain(t *testing.T) {
	if !slices.Contains(strings.Split(os.Getenv("TWINPATH_NEEDS"), ","), "phone") {
		t.Skip("this machine has no phone on USB: image/vmtest runs it")
	}
	k := New(slog.New(slog.DiscardHandler))
	first, there := phone(t, k)
	if !there {
		t.Fatal("there is no phone")
	}
	if first.USB != "1-1" || !first.Mobile || first.Driver == "" {
		t.Errorf("the phone is %+v, want that of socket 1-1, mobile, with a driver", first)
	}
	usb := NewUSB()
	if err := usb.Replug(t.Context(), first.USB); err != nil {
		t.Fatal(err)
	}
	second := again(t, k, first)
	if second.USB != first.USB || second.MAC != first.MAC || !second.Mobile {
		t.Errorf("after that it is %+v, before it was %+v", second, first)
	}
	switch err := usb.Cycle(t.Context(), first.USB); {
	case errors.Is(err, router.ErrNoSwitch):
		if l, there := phone(t, k); !there || l.Index != second.Index {
			t.Error("its power cannot be switched, and yet it was")
		}
	case err != nil:
		t.Error(err)
	default:
		again(t, k, second)
	}
	if err := usb.Replug(t.Context(), "1-2"); err == nil {
		t.Error("an empty socket has a device")
	}
}
