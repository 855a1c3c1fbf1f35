package drill

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/twinpath/twinpath/pathmtu"
)

// sizes finds the largest packet that comes through, there and back, unfragmented. That larger ones vanish without a word is what
// makes pages hang; it is no fault when the fetch, whose segments were as large as the line lets them be, came through.
func (p *prover) sizes(ctx context.Context, fetched bool) (string, error) {
	most := min(p.Line.MTU, pathmtu.Internet)
	found, err := pathmtu.Measure(ctx, pathmtu.Line{
		Control: p.Line.Control, Targets: witnesses(p.target, p.Line.Targets), RTT: p.proof.RTT, Most: most,
	})
	if err != nil {
		if fetched {
			return err.Error(), nil // the megabyte came through: whoever answers pings has no time for large ones
		}
		return "", err
	}
	p.proof.MTU, p.proof.Hole = found.MTU, found.Hole
	switch {
	case !found.Hole && found.MTU < most:
		return fmt.Sprintf("%d bytes; the line says so of larger ones", found.MTU), nil
	case !found.Hole:
		return fmt.Sprintf("%d bytes", found.MTU), nil
	case fetched:
		return fmt.Sprintf("%d bytes; larger ones vanish without a word, but the fetch came through", found.MTU), nil
	}
	return "", fmt.Errorf("packets of more than %d bytes vanish without a word", found.MTU)
}

// witnesses are the target that has answered, and one more of its family.
func witnesses(target netip.Addr, all []string) []netip.Addr {
	two := []netip.Addr{target}
	for _, text := range all {
		if a, err := netip.ParseAddr(text); err == nil && a != target && a.Is4() == target.Is4() && len(two) < 2 {
			two = append(two, a)
		}
	}
	return two
}
