// cdc-playground runs a TiDB cluster (PD, one store, one TiDB) on loopback, to
// try and test change data capture against. All data is gone when it stops.
//
// The main process only supervises. Each part of the cluster is a process of
// its own, started from the same binary with the part's name as first argument:
// they can be stopped, profiled and killed one by one, and a crash of one is
// not a crash of all. README.md has the whole picture.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
)

// The kernel kills a part when the *thread* that started it ends (see
// startPart), so the main goroutine, which starts them all, stays on the main
// thread: that one lives as long as the process.
func init() { runtime.LockOSThread() }

func main() { os.Exit(run(os.Args[1:])) }

// run is the whole program; it returns the exit status: 0 after a stop that was
// asked for, 1 for a failure, 2 for a wrong command line.
func run(args []string) int {
	if len(args) > 0 && args[0] == guardName {
		return guard(args[1:])
	}
	if len(args) > 0 && isPart(args[0]) {
		return runPart(args[0], args[1:])
	}
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		printUsage(os.Stdout)
		return 0
	}
	if err != nil {
		return complain(err, 2)
	}
	if err := supervise(o); err != nil {
		return complain(err, 1)
	}
	return 0
}

func complain(err error, status int) int {
	fmt.Fprintln(os.Stderr, "cdc-playground:", err)
	return status
}
