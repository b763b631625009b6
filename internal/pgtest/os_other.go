//go:build !linux

package pgtest

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {} // only Linux can

func scratch() string { return "" }
