// Package smtptest is a mail server for tests, [RFC 5321]: it takes mails as a real one
// does, by TLS and with a password if it is told to, and fails where the test wants it
// to.
//
// [RFC 5321]: https://www.rfc-editor.org/rfc/rfc5321
package smtptest

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Options are how the server behaves.
type Options struct {
	// TLS has the server offer STARTTLS, or speak TLS at once with Implicit.
	TLS      *tls.Config
	Implicit bool
	// User and Password, if set, must be given before a mail.
	User, Password string
	// Extensions are further lines of the answer to EHLO.
	Extensions []string
	// Reply answers a command, in capitals, with another line than the usual one,
	// or, with Cut, by ending the connection. "" is the usual answer. There are two
	// more: GREETING, before any, and END, after a message, which is kept unless the
	// reply is a refusal.
	Reply func(command, argument string) string
}

// Cut ends the connection instead of a reply.
const Cut = "cut"

// Server is a mail server that keeps what it takes.
type Server struct {
	// Addr is host:port.
	Addr string

	options  Options
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	messages []Message
	arrived  chan struct{} // closed when a message arrives, and replaced
	seen     int           // how many of the messages Next has looked at
	conns    map[net.Conn]bool
}

// New starts a server. It ends with the test.
func New(tb testing.TB, o Options) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{Addr: l.Addr().String(), options: o, listener: l, conns: map[net.Conn]bool{}, arrived: make(chan struct{})}
	if o.Implicit {
		s.listener = tls.NewListener(l, o.TLS)
	}
	s.running.Go(s.accept)
	tb.Cleanup(s.Close)
	return s
}

// Close ends the server and all its connections.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.running.Wait()
}

// Messages are those that were taken, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// patience is how long a mail may take that should take moments.
const patience = 20 * time.Second

// Next waits for the next mail to the address, after those that it has passed.
func (s *Server) Next(tb testing.TB, to string) Letter {
	tb.Helper()
	late := time.After(patience)
	for {
		s.mu.Lock()
		for s.seen < len(s.messages) {
			m := s.messages[s.seen]
			if s.seen++; m.To == to {
				s.mu.Unlock()
				return m.Letter(tb)
			}
		}
		arrived := s.arrived
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-late:
			tb.Fatalf("no mail to %s among %d", to, len(s.Messages()))
		}
	}
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.conns == nil {
			_ = conn.Close()
		} else {
			s.conns[conn] = true
		}
		s.mu.Unlock()
		s.running.Go(func() {
			_ = (&session{server: s, conn: conn, text: textproto.NewConn(conn)}).serve()
			_ = conn.Close()
		})
	}
}

// session is a connection.
type session struct {
	server  *Server
	conn    net.Conn
	text    *textproto.Conn
	secure  bool
	known   bool
	message Message
}

var errCut = errors.New("cut")

// answer sends the usual line, or the one that the test wants, and returns it.
func (s *session) answer(command, argument, usual string) (string, error) {
	line := ""
	if s.server.options.Reply != nil {
		line = s.server.options.Reply(command, argument)
	}
	switch line {
	case Cut:
		return "", errCut
	case "":
		line = usual
	}
	return line, s.text.PrintfLine("%s", line)
}

func (s *session) serve() error {
	s.secure = s.server.options.Implicit
	if _, err := s.answer("GREETING", "", "220 mail.example ESMTP"); err != nil {
		return err
	}
	for {
		line, err := s.text.ReadLine()
		if err != nil {
			return err
		}
		command, argument, _ := strings.Cut(line, " ")
		if err := s.obey(strings.ToUpper(command), argument); err != nil {
			return err
		}
	}
}

func (s *session) obey(command, argument string) error {
	usual := "250 2.0.0 fine"
	switch command {
	case "EHLO", "HELO":
		usual = s.hello()
	case "STARTTLS":
		return s.startTLS()
	case "AUTH":
		usual = s.auth(argument)
	case "MAIL":
		s.message = Message{From: addressIn(argument), Secure: s.secure}
		if s.server.options.Password != "" && !s.known {
			usual = "530 5.7.0 who are you?"
		}
	case "RCPT":
		s.message.To = addressIn(argument)
	case "DATA":
		return s.data()
	case "QUIT":
		_, err := s.answer(command, argument, "221 2.0.0 bye")
		return errors.Join(err, errCut)
	case "NOOP", "RSET":
	default:
		usual = "502 5.5.2 what?"
	}
	_, err := s.answer(command, argument, usual)
	return err
}

func (s *session) hello() string {
	lines := append([]string{"mail.example", "ENHANCEDSTATUSCODES", "8BITMIME"}, s.server.options.Extensions...)
	if s.server.options.TLS != nil && !s.secure {
		lines = append(lines, "STARTTLS")
	}
	if s.server.options.Password != "" {
		lines = append(lines, "AUTH PLAIN")
	}
	return "250-" + strings.Join(lines, "\r\n250-") + "\r\n250 SIZE 1000000"
}

func (s *session) startTLS() error {
	if _, err := s.answer("STARTTLS", "", "220 2.0.0 go on"); err != nil {
		return err
	}
	conn := tls.Server(s.conn, s.server.options.TLS)
	if err := conn.Handshake(); err != nil {
		return err
	}
	s.text, s.secure = textproto.NewConn(conn), true
	return nil
}

func (s *session) auth(argument string) string {
	o := s.server.options
	want := base64.StdEncoding.EncodeToString([]byte("\x00" + o.User + "\x00" + o.Password))
	if argument != "PLAIN "+want {
		return "535 5.7.8 wrong user or password"
	}
	s.known = true
	return "235 2.7.0 welcome"
}

func (s *session) data() error {
	line, err := s.answer("DATA", "", "354 go on")
	if err != nil || !strings.HasPrefix(line, "3") {
		return err
	}
	content, err := s.text.ReadDotBytes()
	if err != nil {
		return err
	}
	s.message.Data = string(content)
	line, err = s.answer("END", s.message.To, "250 2.0.0 taken")
	if line == "" || strings.HasPrefix(line, "2") { // also if it is cut: the client cannot know
		s.server.keep(s.message)
	}
	return err
}

// addressIn is the address in FROM:<address> or TO:<address>.
func addressIn(argument string) string {
	_, rest, _ := strings.Cut(argument, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}
