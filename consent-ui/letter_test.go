package consentui

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// letterExamples is a mail of each kind, as it is sent.
func letterExamples() map[string]Mail {
	at := time.Date(2026, 11, 24, 16, 30, 0, 0, time.UTC)
	all := map[string]Mail{}
	for kind := range letterKinds() {
		m := Mail{
			Kind: kind, Languages: []string{"en"}, Name: "Ada Lovelace", Device: Device{"Firefox", "Linux"},
			Network: "192.0.2.7", At: at, ExpiresAt: at.Add(30 * time.Minute),
		}
		switch kind {
		case "confirm_sign_up":
			m.Name, m.Code, m.Link = "", "ABCD-2345", "https://id.example/link?token=t0ken"
		case "sign_in_link", "verify_email":
			m.Code, m.Link = "ABCD-2345", "https://id.example/link?token=t0ken"
		case "reset_password":
			m.Link = "https://id.example/link?token=t0ken"
		case "factor_added":
			m.Factor = "totp"
		case "factor_removed":
			m.Factor = "passkey"
		case "deletion_planned":
			m.Due, m.Link = at.Add(14*24*time.Hour), "https://id.example/account"
		}
		all[kind] = m
	}
	return all
}

func TestLettersReadAsRecorded(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for kind, m := range letterExamples() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			letter, err := p.Letter(m)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{".txt": "Subject: " + letter.Subject + "\n\n" + letter.Text, ".html": letter.HTML}
			for ext, text := range got {
				golden := filepath.Join("testdata", "letters", kind+ext)
				if *update {
					if err := os.WriteFile(golden, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), text); diff != "" {
					t.Errorf("run with -update if this is meant (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// Each language has every letter, in its own direction.
func TestLettersAreInTheLanguageOfThePerson(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, texts := range p.Languages() {
		for kind, m := range letterExamples() {
			m.Languages = []string{texts.Lang}
			letter, err := p.Letter(m)
			if err != nil {
				t.Fatal(err)
			}
			if letter.Lang != texts.Lang || !strings.Contains(letter.HTML, `<html lang="`+texts.Lang+`" dir="`+texts.Dir+`">`) {
				t.Errorf("%s for somebody who reads %s is in %s", kind, texts.Lang, letter.Lang)
			}
			if left := regexp.MustCompile(`\{[a-z]+\}`).FindString(letter.Subject + letter.Text); left != "" {
				t.Errorf("%s in %s has %s", kind, texts.Lang, left)
			}
		}
	}
}

// From right to left, what is written the other way keeps to itself, and to its place.
func TestValuesKeepTheirPlaceFromRightToLeft(t *testing.T) {
	t.Parallel()
	m := letterExamples()["new_device"]
	m.Languages = []string{"ar"}
	letter, err := newPages(t).Letter(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"id.example", "192.0.2.7", "Ada Lovelace"} {
		if !strings.Contains(letter.Text, "\u2068"+value+"\u2069") || strings.Contains(letter.Text, "\u2068\u2068") {
			t.Errorf("%s is not by itself: %q", value, letter.Text)
		}
	}
	if strings.ContainsAny(letter.Subject, "\u2068\u2069") {
		t.Errorf("the subject has what no header needs: %q", letter.Subject)
	}
}

// Nothing in a letter tells anybody that it was opened, nor is fetched at all.
func TestLettersFetchNothing(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	fetch := regexp.MustCompile(`(?i)<(img|link|script|iframe|object|embed|video|audio|source|base|meta http)|url\(|@import|\ssrc=|background=`)
	for kind, m := range letterExamples() {
		letter, err := p.Letter(m)
		if err != nil {
			t.Fatal(err)
		}
		if found := fetch.FindString(letter.HTML); found != "" {
			t.Errorf("%s has %q", kind, found)
		}
		for _, href := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(letter.HTML, -1) {
			if href[1] != letter.Link || m.Link != "" && href[1] != m.Link {
				t.Errorf("%s leads to %s, want only %s", kind, href[1], letter.Link)
			}
		}
	}
}

// A notice leads to the account, unless it is no longer that of whoever gets it; what
// whoever runs the provider did came from no device.
func TestNoticesLeadToTheAccount(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for kind, want := range map[string]string{
		"password_changed": "https://id.example/account", "factor_removed": "https://id.example/account", "email_changed": "",
	} {
		letter, err := p.Letter(Mail{Kind: kind, At: time.Date(2026, 11, 24, 16, 30, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		if letter.Link != want || !strings.Contains(letter.Text, "When: 24 November 2026, 16:30\u00a0UTC.") {
			t.Errorf("%s leads to %q, want %q:\n%s", kind, letter.Link, want, letter.Text)
		}
	}
}

// What a stranger enters is shown to whoever owns the address that they enter: it is
// neither a header nor HTML, and leads nowhere.
func TestStrangersWriteNothingIntoLetters(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for _, attack := range []string{
		"Ada\r\nBcc: eve@evil.example", `<a href="//evil.example">Click</a>`, "you won, see evil.example",
		"\u202eelpmaxe.live", "https://evil.example", strings.Repeat("long ", 100),
	} {
		for kind, m := range letterExamples() {
			m.Name, m.App, m.Network = attack, attack, "192.0.2.7"
			letter, err := p.Letter(m)
			if err != nil {
				t.Fatal(err)
			}
			all := letter.Subject + letter.Text + letter.HTML
			for _, bad := range []string{"evil.example", "\u202e", "\r", strings.Repeat("long ", 20)} {
				if strings.Contains(all, bad) {
					t.Errorf("%s: %q has become %q", kind, attack, bad)
				}
			}
			if strings.Contains(letter.Subject, "\n") {
				t.Errorf("%s: the subject has several lines", kind)
			}
		}
	}
}

// https://wicg.github.io/sms-one-time-codes/#format: the last line binds the code to
// our host. Whoever reads the mail finds the code and the link on lines of their own.
func TestCodesAreBoundToOurHost(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	for kind, m := range letterExamples() {
		letter, err := p.Letter(m)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimRight(letter.Text, "\n"), "\n")
		if bound := lines[len(lines)-1] == "@id.example #"+m.Code; bound != (m.Code != "") {
			t.Errorf("%s with the code %q ends with %q", kind, m.Code, lines[len(lines)-1])
		}
		for _, own := range []string{m.Link, m.Code} {
			if own != "" && !slices.Contains(lines, own) {
				t.Errorf("%s has no line %q", kind, own)
			}
		}
	}
}
