package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// The guard is a small process beside the parts. It waits until the main
// process and all parts are gone, and then removes what must not outlive them:
// the ready file and a temporary data directory. After a regular stop nothing
// is left to do; it is there for kill -9.

const guardName = "guard"

// duties are what the guard is told.
type duties struct {
	PID       int    // of the main process
	DataDir   string // its lock tells when all are gone
	Temporary bool   // remove the directory
	ReadyFile string
}

func startGuard(d duties) (*exec.Cmd, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	cmd, err := ownCommand(guardName, string(b))
	if err != nil {
		return nil, err
	}
	return cmd, cmd.Start()
}

// guard is the guard's main function.
func guard(args []string) int {
	var d duties
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &d) != nil {
		return 2
	}
	// A lock file that is gone was removed by the main process at its end.
	if f, err := os.OpenFile(filepath.Join(d.DataDir, lockName), os.O_RDWR, 0); err == nil {
		for syscall.Flock(int(f.Fd()), syscall.LOCK_EX) == syscall.EINTR {
		}
		defer f.Close()
	}
	// The lock was inherited by all parts, but for one that the main process
	// was just about to start; the kernel has killed that one by now or does
	// soon, so try again for what it may have written meanwhile.
	for i := 0; i < 3; i++ {
		if d.Temporary {
			os.RemoveAll(d.DataDir)
		}
		removeReadyFile(d.ReadyFile, d.PID)
		if _, err := os.Lstat(d.DataDir); !d.Temporary || err != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0
}
