package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tidewire/playground/pd"
	"tidewire/playground/store"
	"tidewire/playground/tidb"

	"github.com/pingcap/log"
)

// The parts in the order they start; they stop in the reverse order.
var partNames = []string{"pd", "store", "tidb"}

func isPart(name string) bool { return slices.Contains(partNames, name) }

const (
	readyLine    = "ready" // what a part prints once it serves
	startTimeout = 2 * time.Minute
	stopTimeout  = 5 * time.Second
)

// ---- in the part's process ----

// runPart runs one part until its stdin ends, which is when the main process
// wants it to stop. (If that one died the kernel has killed us already.)
func runPart(name string, args []string) int {
	if len(args) != 1 {
		fmt.Fprintf(os.Stderr, "%s is for cdc-playground's own use\n", name)
		return 2
	}
	o, err := decodeOptions(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "options:", err)
		return 2
	}
	asked := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(asked)
	}()
	type result struct {
		stop func()
		err  error
	}
	started := make(chan result, 1)
	go func() {
		stop, err := launch(name, o)
		started <- result{stop, err}
	}()
	select {
	case r := <-started:
		if r.err != nil {
			fmt.Fprintln(os.Stderr, r.err)
			return 1
		}
		fmt.Println(readyLine)
		<-asked
		r.stop()
	case <-asked: // too early to have anything worth closing
	}
	return 0
}

// launch starts the part; it serves when launch returns.
func launch(name string, o *options) (stop func(), err error) {
	if name != "tidb" { // TiDB sets its own logger up
		lg, props, err := log.InitLogger(&log.Config{Level: o.LogLevel, File: log.FileLogConfig{Filename: o.logFile(name), MaxSize: 300}})
		if err != nil {
			return nil, err
		}
		log.ReplaceGlobals(lg, props)
	}
	dir := filepath.Join(o.DataDir, name)
	var pdTLS *pd.TLS
	var storeTLS *store.TLS
	if o.tls() {
		pdTLS = &pd.TLS{CA: o.TLSCA, Cert: o.TLSCert, Key: o.TLSKey, ClientAddr: addr(o.PDTLSPort), StoreAddr: addr(o.StoreTLSPort)}
		storeTLS = &store.TLS{CA: o.TLSCA, Cert: o.TLSCert, Key: o.TLSKey, Addr: addr(o.StoreTLSPort)}
	}
	switch name {
	case "pd":
		return pd.Start(pd.Config{ClientAddr: addr(o.PDPort), PeerAddr: addr(o.PDPeerPort), DataDir: dir, Version: o.Version, TLS: pdTLS})
	case "store":
		return store.Start(store.Config{Addr: addr(o.StorePort), StatusAddr: addr(o.ControlPort), PDAddr: addr(o.PDPort), DataDir: dir,
			Version: strings.TrimPrefix(o.Version, "v"), Record: o.Record, ResolvedTS: o.ResolvedTS, RegionSize: o.RegionSizeMiB << 20, TLS: storeTLS})
	case "tidb":
		return func() {}, tidb.Start(tidb.Config{Host: host, Port: o.TiDBPort, StatusPort: o.TiDBStatusPort, PDAddr: addr(o.PDPort),
			DataDir: dir, LogFile: o.logFile(name), LogLevel: o.LogLevel, Version: o.Version})
	}
	return nil, fmt.Errorf("no part is called %q", name)
}

// ---- in the main process ----

// part is the main process's view of one part.
type part struct {
	name    string
	options *options
	cmd     *exec.Cmd
	stdin   io.Closer     // closing it asks the part to stop
	ready   chan struct{} // closed when the part serves
	done    chan struct{} // closed when it has exited; err is set then
	err     error
}

// startPart runs this program again as one part, its output in a log. The part
// inherits the lock of the workspace. It must be called on the main thread.
func startPart(name string, o *options, lock *os.File) (*part, error) {
	out, err := os.Create(o.outFile(name))
	if err != nil {
		return nil, err
	}
	cmd, err := ownCommand(name, o.encode())
	if err != nil {
		return nil, err
	}
	cmd.Stderr = out
	cmd.ExtraFiles = []*os.File{lock}
	// SIGKILL also ends a part that is stopped (kill -STOP) when we die.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	p := &part{name: name, options: o, cmd: cmd, stdin: stdin, ready: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer out.Close()
		p.follow(stdout, out)
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// ownCommand is a command that runs this program, out of Ctrl-C's reach.
func ownCommand(args ...string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, nil
}

// follow copies the part's stdout to its log and waits for the ready line.
func (p *part) follow(stdout io.Reader, out io.Writer) {
	serving := false
	in := bufio.NewReader(stdout)
	for {
		line, err := in.ReadString('\n')
		if !serving && strings.TrimSpace(line) == readyLine {
			serving = true
			close(p.ready)
		} else {
			_, _ = io.WriteString(out, line)
		}
		if err != nil {
			return
		}
	}
}

// stop ends the part, by force if it does not react in time.
func (p *part) stop() {
	p.stdin.Close()
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// failure describes a part that ended on its own, with the end of its output:
// in a temporary directory its logs are about to be removed.
func (p *part) failure() error {
	const tailBytes = 2000
	tail, _ := os.ReadFile(p.options.outFile(p.name))
	if len(tail) > tailBytes {
		tail = tail[len(tail)-tailBytes:]
	}
	why := strings.TrimSpace(string(tail))
	if why == "" {
		why = "it said nothing"
	}
	how := "without a failure"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended (%s): %s%s", p.name, how, why, p.options.logHint(p.name))
}
