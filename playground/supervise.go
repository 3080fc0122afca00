package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// supervise runs a whole playground. It returns nil after a stop by signal, and
// the reason if the playground could not start or lost a part. Nothing that it
// started is left when it returns.
func supervise(o *options) error {
	began := time.Now()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second signal ends us at once; the kernel and the guard clean up then.
	stopAsked := func() error { signal.Stop(signals); return nil }

	held, err := holdPorts(o.ports())
	if err != nil {
		return err
	}
	defer held.release()
	work, err := openWorkspace(o.DataDir)
	if err != nil {
		return err
	}
	o.DataDir, o.temporary = work.dir, work.temporary
	waitForGuard := func() {}
	defer func() { work.close(); waitForGuard() }() // in this order: it waits for the lock
	// Both files may be in the data directory.
	if err := checkRecordFile(o.Record); err != nil {
		return err
	}
	if err := clearReadyFile(o.ReadyFile); err != nil {
		return err
	}
	guard, err := startGuard(duties{PID: os.Getpid(), DataDir: work.dir, Temporary: work.temporary, ReadyFile: o.ReadyFile})
	if err != nil {
		return fmt.Errorf("cannot start the guard process: %w", err)
	}
	waitForGuard = func() { _ = guard.Wait() }

	ended := make(chan *part, len(partNames))
	for _, name := range partNames {
		p, err := startPart(name, o, work.lock)
		if err != nil {
			return err
		}
		defer p.stop()
		go func() { <-p.done; ended <- p }()
		select {
		case <-p.ready:
		case p := <-ended:
			return p.failure()
		case <-signals:
			return stopAsked()
		case <-time.After(startTimeout):
			return fmt.Errorf("%s is not ready after %v%s", name, startTimeout, o.logHint(name))
		}
	}
	if o.ReadyFile != "" {
		defer removeReadyFile(o.ReadyFile, os.Getpid())
		if err := writeReadyFile(o.ReadyFile, o.ready()); err != nil {
			return fmt.Errorf("cannot write the ready file: %w; give another --ready-file", err)
		}
	}
	r := o.ready()
	fmt.Printf("ready in %.1f s: mysql -h %s -P %d -u root | PD %s | store %s | control %s | logs %s\n",
		time.Since(began).Seconds(), r.MySQLHost, r.MySQLPort, r.PD, r.Store, r.Control, o.logDir())
	select {
	case <-signals:
		return stopAsked()
	case p := <-ended:
		return p.failure()
	}
}

// checkRecordFile finds out now what the store would only tell later.
func checkRecordFile(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(filepath.Clean(path))
	if err != nil {
		return fmt.Errorf("cannot write the record: %w; give another --record", err)
	}
	return f.Close()
}
