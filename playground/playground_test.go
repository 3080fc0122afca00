package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

// The tests run whole playgrounds as processes of the test binary: with this
// variable set, it is cdc-playground. Its value tells the processes of one
// playground from all others.
const familyVar = "CDC_PLAYGROUND_TEST_FAMILY"

func TestMain(m *testing.M) {
	if os.Getenv(familyVar) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// playground is one that runs in processes of its own.
type playground struct {
	t      *testing.T
	family string
	dir    string // holds TMPDIR and the ready file
	cmd    *exec.Cmd
	out    bytes.Buffer // stdout and stderr
	exited chan error
	began  time.Time
}

// start runs the program with free ports and a ready file, and more flags.
func start(t *testing.T, flags ...string) *playground {
	t.Helper()
	p := &playground{t: t, dir: t.TempDir(), exited: make(chan error, 1), began: time.Now()}
	p.family = fmt.Sprintf("%d-%s", os.Getpid(), p.dir)
	args := []string{"--ready-file", p.readyFile()}
	for _, q := range (&options{}).ports() {
		args = append(args, q.flag, "0")
	}
	p.cmd = exec.Command(os.Args[0], append(args, flags...)...) // later flags win
	p.cmd.Env = append(os.Environ(), familyVar+"="+p.family, "TMPDIR="+p.tmp())
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = time.Second
	if err := errors.Join(os.Mkdir(p.tmp(), 0o755), p.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() {
		for _, pid := range p.processes("") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return p
}

func (p *playground) tmp() string       { return filepath.Join(p.dir, "tmp") }
func (p *playground) readyFile() string { return filepath.Join(p.dir, "ready") }

// processes lists the family's living processes, or those of one part.
func (p *playground) processes(part string) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		if err != nil || !bytes.Contains(env, []byte(familyVar+"="+p.family+"\x00")) {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(d, "cmdline"))
		if argv := strings.Split(string(args), "\x00"); part != "" && (len(argv) < 2 || argv[1] != part) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(d))
		pids = append(pids, pid)
	}
	return pids
}

// eventually waits for something to become true.
func (p *playground) eventually(what string, within time.Duration, f func() bool) {
	p.t.Helper()
	for end := time.Now().Add(within); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("not in %v: %s", within, what)
		}
	}
}

func (p *playground) waitReady() ready {
	p.t.Helper()
	p.eventually("the ready file", time.Minute, func() bool {
		select {
		case err := <-p.exited:
			p.t.Fatalf("ended early: %v\n%s", err, p.out.String())
		default:
		}
		return exists(p.readyFile())
	})
	p.t.Logf("ready after %.1f s", time.Since(p.began).Seconds())
	var r ready
	b, err := os.ReadFile(p.readyFile())
	if err := errors.Join(err, json.Unmarshal(b, &r)); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// waitExit returns the exit status and the output.
func (p *playground) waitExit() (status int, out string) {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		p.t.Fatal("does not end")
	}
	return p.cmd.ProcessState.ExitCode(), p.out.String()
}

// mustLeaveNothing checks that no process, temporary directory or ready file is
// left, a moment after the end.
func (p *playground) mustLeaveNothing() {
	p.t.Helper()
	p.eventually("no process is left", 10*time.Second, func() bool { return len(p.processes("")) == 0 })
	if rest, _ := os.ReadDir(p.tmp()); len(rest) > 0 {
		p.t.Errorf("left in TMPDIR: %v", rest)
	}
	if exists(p.readyFile()) {
		p.t.Error("the ready file is still there")
	}
}

func openSQL(t *testing.T, r ready) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("root@tcp(%s:%d)/test", r.MySQLHost, r.MySQLPort))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestServesSQLWhenReadyAndLeavesNothingWhenStopped(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	p := start(t, "--data-dir", dir, "--record", filepath.Join(dir, "record.zst"), "--cluster-version", "v8.5.9")
	r := p.waitReady()
	if r.PID != p.cmd.Process.Pid || r.DataDir != dir || r.Version != "v8.5.9" {
		t.Errorf("ready file: %+v", r)
	}
	db := openSQL(t, r)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, q := range []string{"CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(20))", "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
		"ALTER TABLE t ADD INDEX (b)", "UPDATE t SET b = 'z' WHERE a = 1"} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	var got, version string
	if err := db.QueryRowContext(ctx, "SELECT GROUP_CONCAT(b ORDER BY a), VERSION() FROM t").Scan(&got, &version); err != nil || got != "z,y" {
		t.Errorf("got %q, %v", got, err)
	}
	if !strings.Contains(version, "v8.5.9") {
		t.Errorf("version %q", version)
	}

	checkFeed(t, r, "marker-text", func() {
		if _, err := db.ExecContext(ctx, "INSERT INTO t VALUES (3, 'marker-text')"); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("a second one is refused what is in use", func(t *testing.T) {
		port := strconv.Itoa(int(r.MySQLPort))
		for flag, second := range map[string]*playground{
			"--tidb-port": start(t, "--tidb-port", port),
			"--data-dir":  start(t, "--data-dir", dir),
		} {
			status, out := second.waitExit()
			if status != 1 || !strings.Contains(out, flag) || strings.Count(out, "\n") != 1 {
				t.Errorf("%s: status %d, %q", flag, status, out)
			}
			second.mustLeaveNothing()
		}
	})

	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if status, out := p.waitExit(); status != 0 || strings.Count(out, "\n") != 1 {
		t.Errorf("status %d, %q", status, out)
	}
	p.mustLeaveNothing()
	ln, err := net.Listen("tcp", addr(r.MySQLPort))
	if err != nil {
		t.Fatalf("the port is not free again: %v", err)
	}
	ln.Close()
}

// It is also the second of two playgrounds at a time.
func TestNothingSurvivesKill9EvenAPartThatIsStopped(t *testing.T) {
	t.Parallel()
	p := start(t)
	openSQL(t, p.waitReady())
	if n := len(p.processes("")); n != 5 {
		t.Errorf("%d processes, want the main one, three parts and the guard", n)
	}
	for _, pid := range p.processes("tidb") {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	_ = p.cmd.Process.Kill()
	p.waitExit()
	p.mustLeaveNothing()
}

func TestNothingSurvivesKill9DuringTheStart(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.eventually("tidb runs", 30*time.Second, func() bool { return len(p.processes("tidb")) > 0 })
	_ = p.cmd.Process.Kill()
	p.waitExit()
	p.mustLeaveNothing()
}

func TestTheEndOfAPartIsTheEndOfAll(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.eventually("the store runs", 30*time.Second, func() bool { return len(p.processes("store")) > 0 })
	for _, pid := range p.processes("store") {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	status, out := p.waitExit()
	if status != 1 || !strings.Contains(out, "store ended (signal: killed)") {
		t.Errorf("status %d, %q", status, out)
	}
	p.mustLeaveNothing()
}

func TestUnusableFilesAreRefusedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--ready-file", "--record", "--data-dir"} {
		p := start(t, flag, "/proc/nowhere/file")
		status, out := p.waitExit()
		if status != 1 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "/proc/nowhere") || !strings.Contains(out, "give another "+flag) {
			t.Errorf("%s: status %d, %q", flag, status, out)
		}
		p.mustLeaveNothing()
	}
}

func TestBadUsageIsStatus2AndOneLine(t *testing.T) {
	t.Parallel()
	p := start(t, "--nosuch")
	if status, out := p.waitExit(); status != 2 || strings.Count(out, "\n") != 1 {
		t.Errorf("status %d, %q", status, out)
	}
}
