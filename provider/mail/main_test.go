package mail_test

import (
	"testing"

	"github.com/gatelodge/gatelodge/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
