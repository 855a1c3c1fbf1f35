package site

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkStatus is what a reader of the API costs, and BenchmarkPage one of the page with three lines and a day of data.
func BenchmarkStatus(b *testing.B) { benchmark(b, "/api/v1/status") }
func BenchmarkPart(b *testing.B)   { benchmark(b, "/part") }
func BenchmarkPage(b *testing.B)   { benchmark(b, "/") }

func benchmark(b *testing.B, target string) {
	s := show(b, pictures()["three"])
	handler, r := s.Handler(), request(http.MethodGet, target, "")
	r.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		w.Body = nil
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
