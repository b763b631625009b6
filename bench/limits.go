package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// printLimits prints how much cryptography the machine does a second on all its
// processors, and nothing else, at this moment: what no provider can exceed, and by
// which figures of different machines, or hours of a shared one, can be compared.
func printLimits(out io.Writer, d time.Duration) error {
	say("measuring the machine")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	digest := make([]byte, 32)
	sign := func(key crypto.Signer) func() {
		return func() { _, _ = key.Sign(rand.Reader, digest, crypto.SHA256) }
	}
	fmt.Fprintf(out, "Limits of the machine, a second: %s signatures of RS256, %s of ES256, %s hashes of argon2id\n",
		thousands(rate(sign(rsaKey), d)), thousands(rate(sign(ecKey), d)),
		thousands(rate(func() { argon2.IDKey([]byte(password), digest, 2, 19<<10, 1, 32) }, d)))
	return nil
}

// rate is how often all processors together do it in a second.
func rate(do func(), d time.Duration) int {
	var done atomic.Int64
	var running sync.WaitGroup
	start := now()
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for ok := true; ok; ok = now().Sub(start) < d {
				do()
				done.Add(1)
			}
		})
	}
	running.Wait()
	return int(float64(done.Load()) / now().Sub(start).Seconds())
}
