package provider_test

import (
	"errors"
	"testing"

	"github.com/gatelodge/gatelodge/internal/config"
	"github.com/gatelodge/gatelodge/provider"
	"github.com/gatelodge/gatelodge/provider/account"
)

// [NIST SP 800-63B-4 §3.1.1.2]: the name of the service is among what people expect.
//
// [NIST SP 800-63B-4 §3.1.1.2]: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
func TestThePasswordIsNotTheNameOfTheProvider(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Issuer, c.Theme.Name = "https://login.example.com", "Zwyvernholt"
	if err := provider.PasswordPolicy(c).Check("zwyvernholt1"); !errors.Is(err, account.ErrPasswordPersonal) {
		t.Errorf("got %v", err)
	}
	c.Theme.Name = ""
	if err := provider.PasswordPolicy(c).Check("zwyvernholt1"); err != nil {
		t.Errorf("at another provider: %v", err)
	}
}
