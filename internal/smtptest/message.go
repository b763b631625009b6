package smtptest

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"testing"
)

// Message is a mail that the server has taken.
type Message struct {
	// From and To are the envelope's.
	From, To string
	// Secure: it came by TLS.
	Secure bool
	// Data is all of it, as it came.
	Data string
}

// Letter is what a mail says.
type Letter struct {
	Header     mail.Header
	Subject    string
	Text, HTML string
	Link, Code string
	Types      []string
}

// Letter reads the mail as a mail program does.
func (m Message) Letter(tb testing.TB) Letter {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatalf("%v in the mail\n%s", err, m.Data)
		}
	}
	read, err := mail.ReadMessage(strings.NewReader(m.Data))
	must(err)
	l := Letter{Header: read.Header}
	l.Subject, err = new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	must(err)
	_, parameters, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	must(err)
	parts := multipart.NewReader(read.Body, parameters["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		must(err)
		content, err := io.ReadAll(quotedprintable.NewReader(part))
		must(err)
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		must(err)
		l.Types = append(l.Types, kind)
		text := strings.ReplaceAll(string(content), "\r\n", "\n")
		if kind == "text/html" {
			l.HTML = text
		} else {
			l.Text = text
		}
	}
	l.Link = regexp.MustCompile(`(?m)^https?://\S+$`).FindString(l.Text)
	l.Code = regexp.MustCompile(`(?m)^[A-Z2-9]{4}-[A-Z2-9]{4}$`).FindString(l.Text)
	return l
}
