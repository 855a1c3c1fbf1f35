package store

import "time"

// A batch writes some 30 KB with what the file system adds (docs/benchmarks.md). A quiet day has some hundred for something urgent; a
// storm may have quickBatches at once and then one each pace: 45 MB a day, however long it lasts.
const (
	quickBatches = 300
	pace         = time.Minute
)

// allowance says when an urgent batch may be written.
type allowance struct{ full time.Time } // when all quick batches will be there again

func newAllowance(now time.Time) allowance { return allowance{now} }

// when is when a batch that is wanted at a time may be written.
func (a *allowance) when(wanted time.Time) time.Time {
	if there := a.full.Add(-(quickBatches - 1) * pace); there.After(wanted) {
		return there
	}
	return wanted
}

// spend counts a batch.
func (a *allowance) spend(now time.Time) {
	if a.full.Before(now) {
		a.full = now
	}
	a.full = a.full.Add(pace)
}
