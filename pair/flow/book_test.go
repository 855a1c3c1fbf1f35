package flow

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// shelf is what a Book is to be, without thought of memory.
type shelf struct {
	flows, before map[Flow]bool
}

func (s *shelf) apply(c Change) {
	if c.Anew {
		s.before = s.all()
		s.flows = make(map[Flow]bool)
	}
	for _, f := range c.Ended {
		delete(s.flows, f)
		delete(s.before, f)
	}
	for _, f := range c.Begun {
		s.flows[f] = true
	}
	if c.More && s.before != nil {
		return
	}
	s.before = nil
}

// all is what there is, with what is left of an earlier list.
func (s *shelf) all() map[Flow]bool {
	all := make(map[Flow]bool)
	for _, m := range []map[Flow]bool{s.flows, s.before} {
		for f := range m {
			all[f] = true
		}
	}
	return all
}

func TestBookIsTheList(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 1))
	var book Book
	s := shelf{flows: make(map[Flow]bool)}
	kernel := make(map[Flow]bool) // what is made of the news
	for step := range 3000 {
		c := Change{Anew: random.IntN(20) == 0, More: random.IntN(3) == 0}
		for range random.IntN(8) {
			c.Begun = append(c.Begun, nth(random.IntN(60)))
			c.Ended = append(c.Ended, nth(random.IntN(60)))
		}
		s.apply(c)
		news := book.Apply(c)
		if news.Anew || news.More {
			t.Fatalf("step %d: news %+v", step, news)
		}
		for _, f := range news.Ended {
			if !kernel[f] {
				t.Fatalf("step %d: %v has ended, and was not there", step, f)
			}
			delete(kernel, f)
		}
		for _, f := range news.Begun {
			if kernel[f] {
				t.Fatalf("step %d: %v has begun, and was there", step, f)
			}
			kernel[f] = true
		}
		compare(t, step, &book, s.all(), kernel)
	}
}

func compare(t *testing.T, step int, book *Book, want, kernel map[Flow]bool) {
	t.Helper()
	all := slices.Collect(book.All())
	tcp := 0
	for _, f := range all {
		if !want[f] || !kernel[f] {
			t.Fatalf("step %d: %v is in the book", step, f)
		}
		if f.Protocol == protocolTCP {
			tcp++
		}
	}
	if len(all) != len(want) || len(all) != len(kernel) || len(all) != book.Len() || len(book.TCP()) != tcp || book.tcp != tcp {
		t.Fatalf("step %d: %d flows of %d, %d of TCP of %d", step, len(all), len(want), len(book.TCP()), tcp)
	}
}

func TestBookKeepsTheOldListUntilTheNewOneIsThere(t *testing.T) {
	var book Book
	book.Apply(Change{Anew: true, Begun: some(0, 10)})
	if news := book.Apply(Change{Anew: true, More: true, Begun: some(5, 8)}); !news.Empty() || book.Len() != 10 {
		t.Errorf("%d flows in the middle of a new list, news %+v", book.Len(), news)
	}
	// The link was cut there: another list begins.
	if news := book.Apply(Change{Anew: true, More: true, Begun: some(4, 6)}); !news.Empty() || book.Len() != 10 {
		t.Errorf("%d flows in the middle of another list, news %+v", book.Len(), news)
	}
	news := book.Apply(Change{Begun: some(10, 11)})
	if len(news.Ended) != 8 || len(news.Begun) != 1 || book.Len() != 3 {
		t.Errorf("%d flows are left, news %+v", book.Len(), news)
	}
}

func TestBookIsBounded(t *testing.T) {
	var book Book
	taken := 0
	for first := 0; first < Most+10; first += Piece {
		taken += len(book.Apply(Change{Anew: first == 0, Begun: some(first, min(first+Piece, Most+10))}).Begun)
	}
	if taken != Most || book.Len() != Most || book.Missed() != 10 {
		t.Errorf("took %d, has %d, missed %d; want %d and 10", taken, book.Len(), book.Missed(), Most)
	}
	if news := book.Apply(Change{Ended: some(0, 1), Begun: some(Most, Most+1)}); len(news.Begun) != 1 || book.Missed() != 10 {
		t.Errorf("room was made for one: %d flows came, %d missed", len(news.Begun), book.Missed())
	}
	if news := book.Apply(Change{Anew: true}); len(news.Ended) != Most || book.Len() != 0 || book.Missed() != 0 || book.four != nil {
		t.Errorf("an empty list: %d ended, %d are left, %d missed", len(news.Ended), book.Len(), book.Missed())
	}
}

// The last figure is what a book takes, in bytes a flow.
func BenchmarkBook(b *testing.B) {
	flows := some(0, 100000)
	var before, after runtime.MemStats
	var book *Book
	for b.Loop() {
		book = new(Book)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for first := 0; first < len(flows); first += Piece {
			book.Apply(Change{Begun: flows[first:min(first+Piece, len(flows))]})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(book.Len()), "B/flow")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(flows)), "ns/flow")
}
