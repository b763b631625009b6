package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// cheap are parameters for tests, which hash a lot.
func cheap() Argon2 { return Argon2{MemoryKiB: 64, Time: 1, Threads: 1} }

func newHasher(t *testing.T, cfg Argon2) *Hasher {
	t.Helper()
	h, err := NewHasher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func verify(t *testing.T, h *Hasher, stored, password string) (ok, outdated bool) {
	t.Helper()
	ok, outdated, err := h.Verify(t.Context(), stored, password)
	if err != nil {
		t.Fatal(err)
	}
	return ok, outdated
}

// OWASP's password storage cheat sheet: argon2id, 19 MiB, two passes, one lane.
func TestPasswordsAreHashedAsRecommended(t *testing.T) {
	t.Parallel()
	h := newHasher(t, Argon2{})
	first, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash is %s", first)
	}
	if ok, outdated := verify(t, h, first, "correct horse"); !ok || outdated {
		t.Errorf("the right password: ok %t, outdated %t", ok, outdated)
	}
	if ok, _ := verify(t, h, first, "Correct horse"); ok {
		t.Error("a wrong password is right")
	}
	second, err := h.Hash(t.Context(), "correct horse")
	if err != nil || first == second {
		t.Errorf("two hashes share a salt: %v", err)
	}
}

// The vectors were made by other programs: argon2's own tests, Python's hashlib
// and crypt, Better Auth.
func TestForeignHashesVerifyAndAreOutdated(t *testing.T) {
	t.Parallel()
	const horse = "correct horse battery staple"
	for name, test := range map[string]struct{ stored, password string }{
		"argon2id": {"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
		"argon2i":  {"$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "password"},
		"pbkdf2-sha256": {
			"$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI", horse,
		},
		"pbkdf2-sha256 without a length": {
			"$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI", horse,
		},
		"pbkdf2-sha512": {
			"$pbkdf2-sha512$i=1000,l=64$MDEyMzQ1Njc4OWFiY2RlZg$" +
				"5bTW2oeyDJyGJPcmEr+mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC+oDhRoeIja9J1iLIv9ptDJMfQ", horse,
		},
		"pbkdf2-sha1":   {"$pbkdf2-sha1$i=1000$Nsfjk7QW9XBfHdSykbSGxQ$YUbLPIvUGoByADFkW0/4VuhXOEY", horse},
		"Django":        {"pbkdf2_sha256$1000$aSaltOfDjangos22chars$jq2Or5v1L1udeyzblysMqSow8YP/gWs8XHv/uGgP2v4=", horse},
		"Django, SHA-1": {"pbkdf2_sha1$1000$MhjPqBuoyPRh$FBentoVbYsYIu8i/MI8rh96UsOo=", horse},
		"scrypt":        {"$scrypt$ln=10,r=8,p=1$Nsfjk7QW9XBfHdSykbSGxQ$+Q8H9GcdTvMJ/aT2JlpdsqVpSinU+j4SUycHPBLnRjI", horse},
		"scrypt of Kratos": {
			"$scrypt$ln=1024,r=8,p=1$Nsfjk7QW9XBfHdSykbSGxQ==$+Q8H9GcdTvMJ/aT2JlpdsqVpSinU+j4SUycHPBLnRjI=", horse,
		},
		"Firebase": { // that of Firebase's own documentation
			"$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$" +
				"lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$Bw==$" +
				"jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==", "user1password",
		},
		"SSHA":    {"{SSHA}8i0htE8WFYi2dKs6rjTNkfrv9Jd5D2Fs", horse},
		"SSHA256": {"{SSHA256}L8SrrQULMaxIXxF/dCgFkgG+1tvlW88nXR3ymzXP7Q0jxJjT2tv7Hw==", horse},
		"SSHA512": {
			"{SSHA512}TOkcFzRAUKaM9EbU6hfpXm+Q1t4mnEGmklQ+4zb+TTXjo/hZMmsQbVMODTt7+xmQxrOQkw7/YbwiMMdFS0vgF7i39h5DqJWS", horse,
		},
		"bcrypt":    {"$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", horse},
		"bcrypt 2y": {"$2y$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", horse},
		"Better Auth": {
			"2dcd8ea385891555c81f5bc4b84a330f:3225ad06f9b8aee0904a38784a3e85a94656bf77774c793bba4054bcfc1c14dc" +
				"d73e0d65c23c15e35454f0f47d48ab01540d39a1d28e8e10f011801573f056e4", horse,
		},
		"Better Auth, Unicode": {
			"1a3e6e5b6b63815181a3a616f6e9f5bd:51fce01ed855c96a18c6a0f5a1464d55c95115040a6f137656324a1b4567d432" +
				"c8945d3130cc7722e656e75dbe3882f5c9fd28424d3130575dfb03209e5755c4", "Ångström ﬁ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := CheckHash(test.stored); err != nil {
				t.Fatal(err)
			}
			h := newHasher(t, cheap())
			if ok, outdated := verify(t, h, test.stored, test.password); !ok || !outdated {
				t.Errorf("the right password: ok %t, outdated %t", ok, outdated)
			}
			if ok, _ := verify(t, h, test.stored, test.password+"x"); ok {
				t.Error("a wrong password is right")
			}
		})
	}
}

func TestHashesOfOtherParametersAreOutdated(t *testing.T) {
	t.Parallel()
	stored, err := newHasher(t, cheap()).Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	if _, outdated := verify(t, newHasher(t, cheap()), stored, "password"); outdated {
		t.Error("outdated under the same parameters")
	}
	for _, cfg := range []Argon2{
		{MemoryKiB: 128, Time: 1, Threads: 1}, {MemoryKiB: 64, Time: 2, Threads: 1}, {MemoryKiB: 64, Time: 1, Threads: 2},
	} {
		if ok, outdated := verify(t, newHasher(t, cfg), stored, "password"); !ok || !outdated {
			t.Errorf("under %+v: ok %t, outdated %t", cfg, ok, outdated)
		}
	}
}

// One hash must not be able to take the memory or the time of all.
func TestUnbearableAndMalformedHashesAreRefused(t *testing.T) {
	t.Parallel()
	const saltAndKey = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := newHasher(t, cheap())
	for _, stored := range []string{
		"", "x", "$", ":", "password", "{SSHA}x", "$1$salt$key",
		"$argon2id$v=19$m=1048576,t=2,p=1" + saltAndKey,
		"$argon2id$v=19$m=4294967295,t=2,p=1" + saltAndKey,
		"$argon2id$v=19$m=4294967296,t=2,p=1" + saltAndKey,
		"$argon2id$v=19$m=65536,t=1000,p=1" + saltAndKey,
		"$argon2id$v=19$m=65536,t=2,p=255" + saltAndKey,
		"$argon2id$v=19$m=8,t=2,p=2" + saltAndKey,
		"$argon2id$v=19$m=65536,t=0,p=1" + saltAndKey,
		"$argon2id$v=19$m=65536,t=2,p=0" + saltAndKey,
		"$argon2id$v=16$m=65536,t=2,p=1" + saltAndKey,
		"$argon2id$v=19$m=+65536,t=2,p=1" + saltAndKey,
		"$argon2id$v=19$m=65536,t=2,p=1,x=1" + saltAndKey,
		"$argon2id$v=19$m=65536,t=2,p=1" + saltAndKey + "$",
		"$argon2id$m=65536,t=2,p=1" + saltAndKey,
		"$argon2d$v=19$m=65536,t=2,p=1" + saltAndKey,
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=65536,t=2,p=1$$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$pbkdf2-sha256$i=999999999" + saltAndKey,
		"$pbkdf2-sha256$i=0" + saltAndKey,
		"$pbkdf2-sha256$i=1000,l=64" + saltAndKey,
		"$pbkdf2-sha256$1000" + saltAndKey,
		"$pbkdf2-md5$i=1000" + saltAndKey,
		"pbkdf2_sha256$999999999$salt$jq2Or5v1L1udeyzblysMqSow8YP/gWs8XHv/uGgP2v4=",
		"pbkdf2_sha256$-1$salt$jq2Or5v1L1udeyzblysMqSow8YP/gWs8XHv/uGgP2v4=",
		"pbkdf2_md5$1000$salt$jq2Or5v1L1udeyzblysMqSow8YP/gWs8XHv/uGgP2v4=",
		"$scrypt$ln=21,r=8,p=1" + saltAndKey,
		"$scrypt$ln=63,r=8,p=1" + saltAndKey,
		"$scrypt$ln=14,r=8,p=1000" + saltAndKey,
		"$scrypt$ln=14,r=4611686018427387904,p=1" + saltAndKey,
		"$scrypt$ln=4611686018427387904,r=8,p=1" + saltAndKey,
		"$scrypt$ln=0,r=8,p=1" + saltAndKey,
		"$scrypt$ln=-1,r=8,p=1" + saltAndKey,
		"$scrypt$ln=14,r=0,p=1" + saltAndKey,
		"$scrypt$ln=1000,r=8,p=1" + saltAndKey,
		"$firescrypt$ln=30,r=8,p=1$42xEC+ixf3L2lw==$AAAA$Bw==$AAAA",
		"{SSHA}", "{SSHA}8i0htE8WFYi2dKs6rjTNkfrv9Jc=", "{MD5}8i0htE8WFYi2dKs6rjTNkfrv9Jd5D2Fs", "{SSHA",
		"$2b$31$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS",
		"$2b$05$abcdefghijklmnopqrstuu",
		"$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuSx",
		strings.Repeat("g", 32) + ":" + strings.Repeat("0", 128),
		strings.Repeat("0", 32) + ":" + strings.Repeat("0", 126),
	} {
		err := CheckHash(stored)
		if err == nil {
			t.Errorf("%q is allowed", stored)
		} else if len(stored) > 10 && strings.Contains(err.Error(), stored[len(stored)-10:]) {
			t.Errorf("the error repeats the hash: %v", err)
		}
		if _, _, err := h.Verify(t.Context(), stored, "password"); err == nil {
			t.Errorf("%q is verified", stored)
		}
	}
	if _, err := NewHasher(Argon2{MemoryKiB: 1 << 20}); err == nil {
		t.Error("a hasher makes hashes that it would not verify")
	}
}

func FuzzCheckHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI")
	f.Add("$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9A==$Bw==$jxspr8Ki0RYycVU8zykbdA==")
	f.Add("{SSHA}8i0htE8WFYi2dKs6rjTNkfrv9Jd5D2Fs")
	f.Add("pbkdf2_sha1$1000$MhjPqBuoyPRh$FBentoVbYsYIu8i/MI8rh96UsOo=")
	f.Fuzz(func(_ *testing.T, stored string) { _ = CheckHash(stored) })
}

// RFC 8265 §4.2.2: keyboards differ in how they compose a letter.
func TestPasswordsAreComposed(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap())
	stored, err := h.Hash(t.Context(), "cafe\u0301")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := verify(t, h, stored, "caf\u00e9"); !ok {
		t.Error("the composed letter is another password")
	}
	if ok, _ := verify(t, h, stored, "cafe"); ok {
		t.Error("the accent does not matter")
	}
}

// NIST SP 800-63B-4 §3.1.1.2: long ones and all of Unicode, space included.
func TestPasswordsMayBeAnythingThatCanBeTyped(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap())
	for _, password := range []string{" ", "a b", "пароль", "🗝️🚪", strings.Repeat("é", maxPassword)} {
		if _, err := h.Hash(t.Context(), password); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
	for _, password := range []string{"", "a\x00b", "a\nb", "\x7f", "\xff", strings.Repeat("a", maxPassword+1)} {
		if _, err := h.Hash(t.Context(), password); err == nil {
			t.Errorf("%q is a password", password)
		}
	}
}

// occupy takes a slot, as a password that is being hashed does.
func occupy(t *testing.T, h *Hasher) {
	t.Helper()
	if err := errors.Join(h.enter(), h.begin(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func vacate(h *Hasher) {
	h.end()
	h.leave()
}

func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := cheap()
		cfg.Concurrency, cfg.QueueLimit = 2, 3
		h := newHasher(t, cfg)
		for range cfg.Concurrency {
			occupy(t, h)
		}
		waited := make(chan error)
		for range cfg.QueueLimit {
			go func() {
				_, err := h.Hash(t.Context(), "password")
				waited <- err
			}()
		}
		synctest.Wait()
		if _, err := h.Hash(t.Context(), "password"); !errors.Is(err, ErrBusy) {
			t.Errorf("beyond the queue: %v, want ErrBusy", err)
		}
		if _, _, err := h.Verify(t.Context(), h.decoy, "password"); !errors.Is(err, ErrBusy) {
			t.Errorf("beyond the queue: %v, want ErrBusy", err)
		}
		for range cfg.Concurrency {
			vacate(h)
		}
		for range cfg.QueueLimit {
			if err := <-waited; err != nil {
				t.Errorf("within the queue: %v", err)
			}
		}
		if len(h.slots)+len(h.queue) != 0 {
			t.Error("a place is never given back")
		}
	})
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.Concurrency = 1
	h := newHasher(t, cfg)
	occupy(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "password"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want the context's end", err)
	}
	vacate(h)
	if len(h.slots)+len(h.queue) != 0 {
		t.Error("a place is never given back")
	}
}

func BenchmarkVerify(b *testing.B) {
	h, err := NewHasher(Argon2{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := h.Verify(b.Context(), h.decoy, "password"); err != nil {
			b.Fatal(err)
		}
	}
}
