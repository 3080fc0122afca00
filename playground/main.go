// cdc-playground runs a TiDB cluster (PD, one store, one TiDB) on loopback, for
// trying change data capture against it. All data is gone when it stops.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tidewire/playground/pd"
	"tidewire/playground/store"
	"tidewire/playground/tidb"

	"github.com/pingcap/log"
)

const host = "127.0.0.1"

type options struct {
	dataDir, readyFile, logLevel, version string

	pdPort, pdPeerPort, storePort, controlPort, tidbPort, tidbStatusPort uint

	record     string
	resolvedTS time.Duration
	regionSize int64
}

func parse(args []string) *options {
	o := &options{}
	fs := flag.NewFlagSet("cdc-playground", flag.ExitOnError)
	fs.StringVar(&o.dataDir, "data-dir", "", "working files and logs (default: a temporary directory, removed at exit)")
	fs.UintVar(&o.pdPort, "pd-port", 2379, "PD's client port (0 picks a free one, as for every port)")
	fs.UintVar(&o.pdPeerPort, "pd-peer-port", 0, "PD's peer port")
	fs.UintVar(&o.storePort, "store-port", 20160, "the store's gRPC port")
	fs.UintVar(&o.controlPort, "control-port", 20180, "the HTTP control port (the store's status port)")
	fs.UintVar(&o.tidbPort, "tidb-port", 4000, "TiDB's MySQL port")
	fs.UintVar(&o.tidbStatusPort, "tidb-status-port", 10080, "TiDB's HTTP status port")
	fs.StringVar(&o.record, "record", "", "write every committed transaction to this file (JSON lines, zstd)")
	fs.StringVar(&o.readyFile, "ready-file", "", "write the addresses to this file (JSON) when ready; removed at exit")
	fs.StringVar(&o.logLevel, "log-level", "info", "level of the logs in data-dir/log")
	fs.StringVar(&o.version, "cluster-version", "v8.5.4", "the version that PD, the store and TiDB claim")
	fs.DurationVar(&o.resolvedTS, "resolved-ts-interval", 200*time.Millisecond, "how often resolved timestamps are sent")
	fs.Int64Var(&o.regionSize, "region-size", 96, "split regions larger than this, in MiB (0: never)")
	_ = fs.Parse(args)
	if fs.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "unexpected argument:", fs.Arg(0))
		os.Exit(2)
	}
	return o
}

func main() {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		component(os.Args[1], parse(os.Args[2:]))
		return
	}
	if err := run(parse(os.Args[1:])); err != nil {
		fmt.Fprintln(os.Stderr, "cdc-playground:", err)
		os.Exit(1)
	}
}

// ---- the child processes ----

func addr(port uint) string { return net.JoinHostPort(host, fmt.Sprint(port)) }

// component runs one part of the cluster until its stdin ends, which is when
// the parent is gone or wants it to stop. It prints "ready" once it serves.
func component(name string, o *options) {
	logFile := filepath.Join(o.dataDir, "log", name+".log")
	if name != "tidb" { // TiDB sets its own logger up
		lg, props, err := log.InitLogger(&log.Config{Level: o.logLevel, File: log.FileLogConfig{Filename: logFile, MaxSize: 300}})
		exitOn(err)
		log.ReplaceGlobals(lg, props)
	}
	stop := func() {}
	var err error
	switch name {
	case "pd":
		stop, err = pd.Start(pd.Config{ClientAddr: addr(o.pdPort), PeerAddr: addr(o.pdPeerPort), DataDir: filepath.Join(o.dataDir, "pd"), Version: o.version})
	case "store":
		stop, err = store.Start(store.Config{Addr: addr(o.storePort), StatusAddr: addr(o.controlPort), PDAddr: addr(o.pdPort),
			DataDir: filepath.Join(o.dataDir, "store"), Version: strings.TrimPrefix(o.version, "v"), Record: o.record,
			ResolvedTS: o.resolvedTS, RegionSize: o.regionSize << 20})
	case "tidb":
		err = tidb.Start(tidb.Config{Host: host, Port: o.tidbPort, StatusPort: o.tidbStatusPort, PDAddr: addr(o.pdPort),
			DataDir: filepath.Join(o.dataDir, "tidb"), LogFile: logFile, LogLevel: o.logLevel, Version: o.version})
	default:
		err = fmt.Errorf("unknown component %q", name)
	}
	exitOn(err)
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	os.Exit(0)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// ---- the parent ----

type child struct {
	name  string
	cmd   *exec.Cmd
	stdin io.Closer
	ready chan struct{}
	done  chan error
}

// start runs this program again as one component, with its output in a log.
func start(name string, o *options, args []string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, err := os.Create(filepath.Join(o.dataDir, "log", name+".out"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, append([]string{name}, args...)...)
	cmd.Stderr = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the parent
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{name: name, cmd: cmd, stdin: stdin, ready: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		isReady := false
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if !isReady && lines.Text() == "ready" {
				isReady = true
				close(c.ready)
				continue
			}
			fmt.Fprintln(out, lines.Text())
		}
		c.done <- cmd.Wait()
		out.Close()
	}()
	return c, nil
}

func (c *child) stop() {
	c.stdin.Close()
	select {
	case <-c.done:
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// failure describes a child that ended on its own.
func (c *child) failure(o *options, err error) error {
	file := filepath.Join(o.dataDir, "log", c.name+".out")
	tail, _ := os.ReadFile(file)
	if len(tail) > 2000 {
		tail = tail[len(tail)-2000:]
	}
	return fmt.Errorf("%s ended: %v (see %s.log)\n%s", c.name, err, strings.TrimSuffix(file, ".out"), tail)
}

// prepare picks ports and makes the directories.
func prepare(o *options) (cleanup func(), err error) {
	cleanup = func() {}
	for _, p := range []*uint{&o.pdPort, &o.pdPeerPort, &o.storePort, &o.controlPort, &o.tidbPort, &o.tidbStatusPort} {
		ln, err := net.Listen("tcp", addr(*p))
		if err != nil {
			return cleanup, err
		}
		*p = uint(ln.Addr().(*net.TCPAddr).Port)
		defer ln.Close() // kept until all are picked
	}
	if o.record != "" {
		if o.record, err = filepath.Abs(o.record); err != nil {
			return cleanup, err
		}
	}
	if o.dataDir == "" {
		if o.dataDir, err = os.MkdirTemp("", "cdc-playground-"); err != nil {
			return cleanup, err
		}
		cleanup = func() { os.RemoveAll(o.dataDir) }
	} else if o.dataDir, err = filepath.Abs(o.dataDir); err != nil {
		return cleanup, err
	}
	for _, d := range []string{"pd", "store", "tidb", "log"} { // nothing is kept from an earlier run
		d = filepath.Join(o.dataDir, d)
		if err := errors.Join(os.RemoveAll(d), os.MkdirAll(d, 0o755)); err != nil {
			return cleanup, err
		}
	}
	return cleanup, nil
}

func run(o *options) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	began := time.Now()
	cleanup, err := prepare(o)
	if err != nil {
		return err
	}
	defer cleanup()
	args := []string{"--data-dir", o.dataDir, "--log-level", o.logLevel, "--cluster-version", o.version, "--record", o.record,
		"--resolved-ts-interval", o.resolvedTS.String(), "--region-size", fmt.Sprint(o.regionSize),
		"--pd-port", fmt.Sprint(o.pdPort), "--pd-peer-port", fmt.Sprint(o.pdPeerPort), "--store-port", fmt.Sprint(o.storePort),
		"--control-port", fmt.Sprint(o.controlPort), "--tidb-port", fmt.Sprint(o.tidbPort), "--tidb-status-port", fmt.Sprint(o.tidbStatusPort)}
	ended := make(chan error, 3)
	for _, name := range []string{"pd", "store", "tidb"} {
		c, err := start(name, o, args)
		if err != nil {
			return err
		}
		defer c.stop()
		select {
		case <-c.ready:
		case err := <-c.done:
			c.done <- err
			return c.failure(o, err)
		case <-signals:
			return nil
		case <-time.After(2 * time.Minute):
			return fmt.Errorf("%s is not ready after 2 minutes", name)
		}
		go func() {
			err := <-c.done
			c.done <- err
			ended <- c.failure(o, err)
		}()
	}
	if err := announce(o, time.Since(began)); err != nil {
		return err
	}
	if o.readyFile != "" {
		defer os.Remove(o.readyFile)
	}
	select {
	case <-signals:
		return nil
	case err := <-ended:
		return err
	}
}

// announce prints the ready line and writes the ready file.
func announce(o *options, took time.Duration) error {
	fmt.Printf("ready in %.1f s: mysql -h %s -P %d -u root | PD http://%s | store %s | control http://%s | logs %s\n",
		took.Seconds(), host, o.tidbPort, addr(o.pdPort), addr(o.storePort), addr(o.controlPort), filepath.Join(o.dataDir, "log"))
	if o.readyFile == "" {
		return nil
	}
	b, _ := json.MarshalIndent(map[string]any{"mysql_host": host, "mysql_port": o.tidbPort, "pd": "http://" + addr(o.pdPort),
		"store": addr(o.storePort), "control": "http://" + addr(o.controlPort), "tidb_status": "http://" + addr(o.tidbStatusPort),
		"data_dir": o.dataDir, "pid": os.Getpid()}, "", "  ")
	tmp := o.readyFile + ".tmp"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, o.readyFile)
}
