package store

import "time"

// A batch for something urgent writes some 40 KB with what the file system adds (docs/benchmarks.md). A day that is quiet has a
// hundred; a storm may have quickBatches at once and then one each pace: 2,160 a day and some 90 MB, whatever happens.
const (
	quickBatches = 200
	pace         = 40 * time.Second
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
