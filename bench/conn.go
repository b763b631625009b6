package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
)

// conn is a persistent HTTP/1.1 connection of one client. It knows as much of
// HTTP as the provider's answers need, so that it costs little beside them.
type conn struct {
	net.Conn
	reader *bufio.Reader
	body   bytes.Buffer
}

func dial(address string) (*conn, error) {
	c, err := net.Dial("tcp", address) //nolint:noctx // on this machine
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, reader: bufio.NewReader(c)}, nil
}

// response is what is looked at of an answer. Its body is good until the next.
type response struct {
	status   int
	location string
	cookies  []string // name=value
	body     []byte
}

// send sends the request and reads the answer.
func (c *conn) send(request []byte) (response, error) {
	if _, err := c.Write(request); err != nil {
		return response{}, err
	}
	return c.read()
}

// ok makes an error of an answer with another status than 200.
func ok(r response, err error) (response, error) {
	if err == nil && r.status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", r.status, r.body)
	}
	return r, err
}

func (c *conn) read() (r response, err error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return r, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return r, errors.New("no status line")
	}
	if r.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return r, err
	}
	length, err := c.readHeader(&r)
	if err != nil {
		return r, err
	}
	c.body.Reset()
	if length < 0 {
		_, err = io.Copy(&c.body, httputil.NewChunkedReader(c.reader))
		if err == nil {
			_, err = c.reader.ReadSlice('\n') // the empty trailer
		}
	} else {
		_, err = io.CopyN(&c.body, c.reader, int64(length))
	}
	r.body = c.body.Bytes()
	return r, err
}

// readHeader returns the length of the body, -1 if it comes in chunks.
func (c *conn) readHeader(r *response) (length int, err error) {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		name, value, ok := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		if !ok {
			return length, nil
		}
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		case "Transfer-Encoding":
			length = -1
		case "Location":
			r.location = string(value)
		case "Set-Cookie":
			cookie, _, _ := bytes.Cut(value, []byte(";"))
			r.cookies = append(r.cookies, string(cookie))
		}
	}
}
