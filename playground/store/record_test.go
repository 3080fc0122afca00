package store

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func number10(n uint64) string { return strconv.FormatUint(n, 10) }

func line(x *testTxn, muts string) string {
	return fmt.Sprintf(`{"start_ts":%d,"commit_ts":%d,"muts":[%s]}`, x.start, x.commitTS, muts)
}

func TestRecordFileHoldsAllTransactionsInCommitOrder(t *testing.T) {
	c := newTestCluster(t)
	file := filepath.Join(t.TempDir(), "record.zst")
	rec, err := newRecorder(c.hub, file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { rec.run(ctx); close(done) }()
	slow := c.begin("b", "2", "a", "1").mustPrewrite()
	quick := c.begin("c", "3").mustRun()
	c.tick()
	if err := slow.commit(); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, strings.Split(strings.TrimSpace(string(b)), "\n"), line(quick, `["P","63","33"]`), line(slow, `["P","61","31"],["P","62","32"]`))
}
