package setup

import "context"

// tenant is the one task that serves the wanted value; the zero value wants none.
type tenant[T comparable] struct {
	now  T
	stop func()
}

// become ends the task for another value before it starts the one for this.
func (t *tenant[T]) become(ctx context.Context, want T, run func(context.Context, T)) {
	if want == t.now {
		return
	}
	t.end()
	var none T
	if t.now = want; want == none {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx, want)
	}()
	t.stop = func() { cancel(); <-done }
}

// end waits for the task's end.
func (t *tenant[T]) end() {
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
	var none T
	t.now = none
}
