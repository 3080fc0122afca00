package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	lockName = "cdc-playground.lock"
	// A playground that was killed a moment ago still holds the lock until the
	// kernel has torn its parts down.
	lockPatience = 5 * time.Second
)

// Everything a playground writes is in one of these.
var subDirs = []string{"pd", "store", "tidb", "log"}

// workspace is the data directory, locked for this playground. The lock is a
// flock on a file whose descriptor the parts inherit: it is free again exactly
// when the last process of the playground is gone, however it went.
type workspace struct {
	dir       string
	temporary bool
	lock      *os.File
}

// openWorkspace makes or takes over the data directory and empties it.
func openWorkspace(dir string) (w *workspace, err error) {
	w = &workspace{dir: dir}
	if dir == "" {
		if w.dir, err = os.MkdirTemp("", "cdc-playground-"); err != nil {
			return nil, fmt.Errorf("no temporary directory: %w; set TMPDIR or give a --data-dir", err)
		}
		w.temporary = true
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make %s: %w; give another --data-dir", dir, err)
	}
	if err := w.claim(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *workspace) claim() error {
	if err := w.refuseForeign(); err != nil {
		return err
	}
	var err error
	w.lock, err = os.OpenFile(filepath.Join(w.dir, lockName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("cannot write in %s: %w; give another --data-dir", w.dir, err)
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(50 * time.Millisecond) {
		err = syscall.Flock(int(w.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if err != syscall.EWOULDBLOCK {
			return fmt.Errorf("cannot lock %s: %w; give another --data-dir", w.lock.Name(), err)
		}
		if time.Now().After(end) {
			owner, _ := os.ReadFile(w.lock.Name())
			return fmt.Errorf("%s is in use by the playground with pid %s: stop that one, or give another --data-dir",
				w.dir, strings.TrimSpace(string(owner)))
		}
	}
	if err := w.signLock(); err != nil {
		return fmt.Errorf("cannot write %s: %w; give another --data-dir", w.lock.Name(), err)
	}
	for _, d := range subDirs { // nothing is kept from an earlier run
		d = filepath.Join(w.dir, d)
		err := os.RemoveAll(d)
		if err == nil {
			err = os.Mkdir(d, 0o755)
		}
		if err != nil {
			return fmt.Errorf("cannot empty %s: %w; give another --data-dir", w.dir, err)
		}
	}
	return nil
}

// signLock tells who holds the lock, for the error message of another one.
func (w *workspace) signLock() error {
	if err := w.lock.Truncate(0); err != nil {
		return err
	}
	_, err := w.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// refuseForeign keeps us from emptying, say, /var/log: a sub-directory that
// holds something must be from a playground, which leaves its lock file.
func (w *workspace) refuseForeign() error {
	if _, err := os.Lstat(filepath.Join(w.dir, lockName)); err == nil {
		return nil
	}
	for _, d := range subDirs {
		d = filepath.Join(w.dir, d)
		if entries, err := os.ReadDir(d); err == nil && len(entries) > 0 || errors.Is(err, syscall.ENOTDIR) {
			return fmt.Errorf("%s exists and is not a playground's: give a --data-dir of its own", d)
		}
	}
	return nil
}

// close lets go of the directory, and removes it if it is a temporary one.
func (w *workspace) close() {
	if w.lock != nil {
		w.lock.Close()
	}
	if w.temporary {
		os.RemoveAll(w.dir)
	}
}

// ---- the ready file ----

// ready is the content of the ready file.
type ready struct {
	PID        int    `json:"pid"`
	DataDir    string `json:"data_dir"`
	MySQLHost  string `json:"mysql_host"`
	MySQLPort  uint   `json:"mysql_port"`
	PD         string `json:"pd"`          // URL
	Store      string `json:"store"`       // host:port, gRPC
	Control    string `json:"control"`     // URL
	TiDBStatus string `json:"tidb_status"` // URL
	Version    string `json:"version"`     // of the cluster

	PDTLS    string `json:"pd_tls,omitempty"`    // URL
	StoreTLS string `json:"store_tls,omitempty"` // host:port, gRPC
}

func (o *options) ready() ready {
	r := ready{PID: os.Getpid(), DataDir: o.DataDir, MySQLHost: host, MySQLPort: o.TiDBPort, PD: "http://" + addr(o.PDPort),
		Store: addr(o.StorePort), Control: "http://" + addr(o.ControlPort), TiDBStatus: "http://" + addr(o.TiDBStatusPort), Version: o.Version}
	if o.tls() {
		r.PDTLS, r.StoreTLS = "https://"+addr(o.PDTLSPort), addr(o.StoreTLSPort)
	}
	return r
}

// clearReadyFile removes what an earlier run may have left, lest someone takes
// it for ours, and finds out early whether the file can be written.
func clearReadyFile(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot replace the ready file: %w; give another --ready-file", err)
	}
	if err := os.WriteFile(readyTemp(path), nil, 0o644); err != nil {
		return fmt.Errorf("cannot write the ready file: %w; give another --ready-file", err)
	}
	return os.Remove(readyTemp(path))
}

// writeReadyFile makes the file appear in one step.
func writeReadyFile(path string, r ready) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(readyTemp(path), append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(readyTemp(path), path)
}

// removeReadyFile removes the file if the playground with that pid wrote it: by
// now it may be a later one's.
func removeReadyFile(path string, pid int) {
	var r ready
	if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &r) == nil && r.PID == pid {
		os.Remove(path)
	}
}

func readyTemp(path string) string { return fmt.Sprintf("%s.%d.tmp", path, os.Getpid()) }
