package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestGivenDirectoryIsEmptiedAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	w, err := openWorkspace(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "store", "old"), "x")
	write(t, filepath.Join(dir, "mine"), "x")
	w.close()
	if w, err = openWorkspace(dir); err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if exists(filepath.Join(dir, "store", "old")) || !exists(filepath.Join(dir, "store")) || !exists(filepath.Join(dir, "mine")) {
		t.Error("want empty sub-directories and no change elsewhere")
	}
}

func TestTemporaryDirectoryIsRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	w, err := openWorkspace("")
	if err != nil {
		t.Fatal(err)
	}
	w.close()
	if exists(w.dir) {
		t.Error(w.dir, "is still there")
	}
}

func TestSomeoneElsesDirectoryIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "log", "messages")
	write(t, precious, "x")
	_, err := openWorkspace(dir)
	if err == nil || !strings.Contains(err.Error(), "not a playground's") || !exists(precious) {
		t.Error(err)
	}
}

func TestUnusableDirectoryIsNamedWithAWayOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	for _, dir := range []string{file, filepath.Join(file, "sub"), "/proc/playground"} {
		_, err := openWorkspace(dir)
		if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "--data-dir") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestReadyFileIsOnlyRemovedByItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ready")
	o := &options{PDPort: 1, TiDBPort: 2}
	if err := writeReadyFile(path, o.ready()); err != nil {
		t.Fatal(err)
	}
	removeReadyFile(path, os.Getpid()+1)
	if !exists(path) {
		t.Fatal("removed for another pid")
	}
	removeReadyFile(path, os.Getpid())
	if exists(path) {
		t.Fatal("not removed")
	}
}

func TestStaleReadyFileIsClearedAndABadPathIsFoundEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ready")
	write(t, path, "stale")
	if err := clearReadyFile(path); err != nil || exists(path) {
		t.Error(err)
	}
	for _, bad := range []string{filepath.Join(path, "no", "dir"), "/proc/ready"} {
		if err := clearReadyFile(bad); err == nil || !strings.Contains(err.Error(), "--ready-file") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestHeldPortsAreOursToListenOnAndNobodyElses(t *testing.T) {
	var a, b uint
	held, err := holdPorts([]port{{"--a", &a}, {"--b", &b}})
	if err != nil {
		t.Fatal(err)
	}
	defer held.release()
	if a == 0 || b == 0 || a == b {
		t.Fatal(a, b)
	}
	for range 500 { // nobody is given them by chance
		ln, err := net.Listen("tcp", addr(0))
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		if p := uint(ln.Addr().(*net.TCPAddr).Port); p == a || p == b {
			t.Fatal("a held port was handed out")
		}
	}
	ln, err := net.Listen("tcp", addr(a))
	if err != nil {
		t.Fatal("the part itself could not listen:", err)
	}
	defer ln.Close()
	_, err = holdPorts([]port{{"--tidb-port", &a}})
	if want := fmt.Sprintf("port %d is in use: give another --tidb-port", a); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
