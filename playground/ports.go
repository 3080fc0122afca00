package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// heldPorts reserves ports from the moment they are picked until the parts have
// exited. Picking a free port and listening on it are seconds and a process
// apart; without the reservation another program could get it in between.
//
// It works by binding a socket with SO_REUSEADDR that never listens. Linux then
// keeps the port out of what it gives to "port 0" and to outgoing connections,
// while a part, whose listener has SO_REUSEADDR as all of Go's, can bind it.
type heldPorts []int // file descriptors

// holdPorts fills in the ports that are 0 and reserves all of them.
func holdPorts(ports []port) (held heldPorts, err error) {
	defer func() {
		if err != nil {
			held.release()
		}
	}()
	// The given ones first, so that a free one picked is not among them.
	for _, given := range []bool{true, false} {
		for _, p := range ports {
			if (*p.number != 0) != given {
				continue
			}
			fd, number, err := bindLoopback(*p.number)
			if err != nil {
				return held, describePortError(p, err)
			}
			held, *p.number = append(held, fd), number
		}
	}
	return held, nil
}

func (h heldPorts) release() {
	for _, fd := range h {
		_ = syscall.Close(fd)
	}
}

func bindLoopback(number uint) (fd int, bound uint, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		if err != nil {
			_ = syscall.Close(fd)
		}
	}()
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, 0, err
	}
	sa := &syscall.SockaddrInet4{Port: int(number)}
	copy(sa.Addr[:], net.ParseIP(host).To4())
	if err = syscall.Bind(fd, sa); err != nil {
		return 0, 0, err
	}
	got, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, 0, err
	}
	return fd, uint(got.(*syscall.SockaddrInet4).Port), nil
}

func describePortError(p port, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d is in use: give another %s, or 0 for a free one", *p.number, p.flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d needs privileges: give a %s above 1023, or 0 for a free one", *p.number, p.flag)
	}
	return fmt.Errorf("port %d (%s): %w", *p.number, p.flag, err)
}
