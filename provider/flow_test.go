package provider_test

import (
	"testing"

	"github.com/gatelodge/gatelodge/internal/providertest"
)

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	p := providertest.New(t, providertest.Options{Log: t.Output()})
	tokens := p.Tokens(t)
	t.Log(tokens)
}
