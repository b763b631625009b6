package authorize

import (
	"context"
	"slices"
	"strings"

	"github.com/gatelodge/gatelodge/provider/claims"
	"github.com/gatelodge/gatelodge/provider/factor"
	"github.com/gatelodge/gatelodge/provider/oauth"
	"github.com/gatelodge/gatelodge/storage"
)

// demand is how a person has to have signed in.
type demand struct {
	// least is the level that the provider or the client wants at all times, and
	// wish the one that the request would like, 0 without one.
	least, wish int
	// essential are the levels that the request insists on having one of, in order;
	// none without such a claim.
	essential []int
	// claim is how the claim acr is asked for.
	claim *claims.Wish
}

// level is that of a sign-in by the methods.
func level(amr []string) int { return claims.Level(claims.ACR(amr)) }

// acr, [OpenID Connect Core §5.5.1.1] and acr_values, §3.1.2.1: what is essential is
// a demand, anything else a wish.
//
// [OpenID Connect Core §5.5.1.1]: https://openid.net/specs/openid-connect-core-1_0.html#acrSemantics
func checkACR(h *Handler, _ context.Context, f *flow) error {
	f.demand.least = claims.Level(f.client.Metadata.RequiredACR)
	if h.Factors.Required {
		f.demand.least = max(f.demand.least, claims.Level(claims.ACRMultiFactor))
	}
	wished := strings.Fields(f.request.Form.Get("acr_values"))
	if len(wished) == 0 {
		wished = f.client.Metadata.DefaultACRValues
	}
	values, essential := f.demand.claim.Strings()
	if !essential {
		wished = append(slices.Clone(wished), values...)
	}
	if known := levels(wished); len(known) > 0 {
		f.demand.wish = known[0]
	}
	if !essential || len(values) == 0 {
		return nil
	}
	if f.demand.essential = levels(values); len(f.demand.essential) == 0 {
		return oauth.Refuse(oauth.UnmetAuthenticationRequirements, "no sign-in here has an acr of those demanded")
	}
	return nil
}

// levels are those of the values that are ours, in order.
func levels(values []string) []int {
	var known []int
	for _, v := range values {
		if l := claims.Level(v); l > 0 {
			known = append(known, l)
		}
	}
	slices.Sort(known)
	return known
}

// needed is the level that is missing to somebody who has one, or their own if
// nothing is, or nothing could help.
func (d demand) needed(has int) int {
	least := max(has, d.least)
	if len(d.essential) == 0 {
		return least
	}
	for _, l := range d.essential {
		if l >= least {
			return l
		}
	}
	return least
}

// owes: the person has not proved all yet that they have to. Whoever has a second
// factor owes it.
func (f *flow) owes(amr []string, has storage.Factors) bool {
	l := level(amr)
	return factor.Has(has) && !factor.Multi(amr) || l < f.demand.needed(l)
}

// short: the session of who is signed in does not do for the request, or it would
// like a better one.
func (f *flow) short() bool {
	l := level(f.who.Session.AMR)
	return l < f.demand.needed(l) || f.wishful()
}

// wishful: the request would like a second factor, and there has been none.
func (f *flow) wishful() bool {
	return !f.signedIn && f.demand.wish >= claims.Level(claims.ACRMultiFactor) && !factor.Multi(f.who.Session.AMR)
}

// met: the session has an acr of those demanded.
func (f *flow) met() bool {
	return len(f.demand.essential) == 0 || slices.Contains(f.demand.essential, level(f.who.Session.AMR))
}
