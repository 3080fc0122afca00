// Package tests drives the simulator with TiKV's own Go client: what it takes for a TiKV must behave as one.
//
// Needs bin/tikv-simulator, or SIMULATOR with the path of the program.
package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	tikverr "github.com/tikv/client-go/v2/error"
	"github.com/tikv/client-go/v2/kv"
	"github.com/tikv/client-go/v2/txnkv"
	"github.com/tikv/client-go/v2/txnkv/transaction"
)

const patience = 60 * time.Second

type simulator struct {
	PD      string   `json:"pd"`
	Stores  []string `json:"stores"`
	Control string   `json:"control"`
}

// start runs a simulator for the time of a test.
func start(t *testing.T, flags ...string) *simulator {
	t.Helper()
	program := os.Getenv("SIMULATOR")
	if program == "" {
		program = "../../../bin/tikv-simulator"
	}
	directory := t.TempDir()
	ready := filepath.Join(directory, "ready")
	flags = append(flags, "--pd-port=0", "--store-port=0", "--control-port=0",
		"--data-dir="+directory, "--ready-file="+ready)
	command := exec.Command(program, flags...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		t.Fatalf("%v: run `make build` first", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	})
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(ready)
		if err != nil {
			continue
		}
		var sim simulator
		if err := json.Unmarshal(text, &sim); err != nil {
			t.Fatal(err)
		}
		return &sim
	}
	t.Fatal("the simulator does not start")
	return nil
}

func (s *simulator) post(t *testing.T, path string) {
	t.Helper()
	response, err := http.Post(s.Control+path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, response.Status)
	}
}

func open(t *testing.T, sim *simulator) *txnkv.Client {
	t.Helper()
	client, err := txnkv.NewClient([]string{sim.PD})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// write runs one transaction with the given commit protocol.
func write(client *txnkv.Client, pairs map[string]string, prepare func(*transaction.KVTxn)) error {
	txn, err := client.Begin()
	if err != nil {
		return err
	}
	if prepare != nil {
		prepare(txn)
	}
	for key, value := range pairs {
		if value == "" {
			err = txn.Delete([]byte(key))
		} else {
			err = txn.Set([]byte(key), []byte(value))
		}
		if err != nil {
			return err
		}
	}
	return txn.Commit(context.Background())
}

func read(t *testing.T, client *txnkv.Client, key string) string {
	t.Helper()
	txn, err := client.Begin()
	if err != nil {
		t.Fatal(err)
	}
	value, err := txn.Get(context.Background(), []byte(key))
	if tikverr.IsErrNotFound(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func TestCommitsInEveryWay(t *testing.T) {
	sim := start(t)
	client := open(t, sim)
	sim.post(t, fmt.Sprintf("/split?key=%x", "m"))
	ways := map[string]func(*transaction.KVTxn){
		"two phases":   nil,
		"one phase":    func(txn *transaction.KVTxn) { txn.SetEnable1PC(true) },
		"async commit": func(txn *transaction.KVTxn) { txn.SetEnableAsyncCommit(true) },
		"pessimistic":  func(txn *transaction.KVTxn) { txn.SetPessimistic(true) },
	}
	for name, prepare := range ways {
		t.Run(name, func(t *testing.T) {
			if err := write(client, map[string]string{"a": name, "b": name, "z": name}, prepare); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"a", "b", "z"} {
				if got := read(t, client, key); got != name {
					t.Errorf("%s is %q", key, got)
				}
			}
		})
	}
}

func TestScansAcrossRegions(t *testing.T) {
	sim := start(t, "--stores=5")
	client := open(t, sim)
	pairs := map[string]string{}
	for i := range 500 {
		pairs[fmt.Sprintf("key%03d", i)] = fmt.Sprint(i)
	}
	if err := write(client, pairs, nil); err != nil {
		t.Fatal(err)
	}
	for i := 50; i < 500; i += 50 {
		sim.post(t, fmt.Sprintf("/split?key=%x", fmt.Sprintf("key%03d", i)))
	}
	sim.post(t, "/scatter")
	txn, err := client.Begin()
	if err != nil {
		t.Fatal(err)
	}
	scan, err := txn.Iter([]byte("key"), []byte("kez"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for ; scan.Valid(); count++ {
		if want := fmt.Sprintf("key%03d", count); string(scan.Key()) != want {
			t.Fatalf("%s instead of %s", scan.Key(), want)
		}
		if err := scan.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if count != 500 {
		t.Errorf("%d keys", count)
	}
}

func TestPessimisticLockKeepsOthersOut(t *testing.T) {
	client := open(t, start(t))
	ctx := context.Background()
	first, err := client.Begin()
	if err != nil {
		t.Fatal(err)
	}
	first.SetPessimistic(true)
	if err := first.LockKeys(ctx, kv.NewLockCtx(first.StartTS(), kv.LockAlwaysWait, time.Now()), []byte("k")); err != nil {
		t.Fatal(err)
	}
	second, err := client.Begin()
	if err != nil {
		t.Fatal(err)
	}
	second.SetPessimistic(true)
	err = second.LockKeys(ctx, kv.NewLockCtx(second.StartTS(), kv.LockNoWait, time.Now()), []byte("k"))
	if err == nil {
		t.Fatal("both have the lock")
	}
	if err := first.Set([]byte("k"), []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if got := read(t, client, "k"); got != "first" {
		t.Errorf("k is %q", got)
	}
}

func TestResolvesLocksOfAClientThatDied(t *testing.T) {
	sim := start(t)
	client := open(t, sim)
	if err := write(client, map[string]string{"k": "before"}, nil); err != nil {
		t.Fatal(err)
	}
	sim.post(t, fmt.Sprintf("/lock?key=%x&ttl_ms=100", "k"))
	if got := read(t, client, "k"); got != "before" {
		t.Errorf("k is %q", got)
	}
	if err := write(client, map[string]string{"k": "after"}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestMoneyStaysWhateverBreaks is the bank test: transfers by several clients, with faults all the time.
func TestMoneyStaysWhateverBreaks(t *testing.T) {
	const accounts, workers, each = 40, 4, 60
	sim := start(t, "--stores=4")
	client := open(t, sim)
	ctx := context.Background()
	name := func(i int) string { return fmt.Sprintf("account%02d", i) }
	initial := map[string]string{}
	for i := range accounts {
		initial[name(i)] = "1000"
	}
	if err := write(client, initial, nil); err != nil {
		t.Fatal(err)
	}
	sim.post(t, fmt.Sprintf("/split?key=%x", name(10)))
	sim.post(t, fmt.Sprintf("/split?key=%x", name(20)))
	sim.post(t, "/nemesis?seed=3&interval_ms=50&down_ms=100")
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			random := rand.New(rand.NewSource(int64(worker)))
			for range each {
				// A conflict, or a fault that the client gave up on: the money is where it was, or moved.
				_ = transfer(ctx, client, random, name, accounts)
			}
		})
	}
	wait.Wait()
	sim.post(t, "/nemesis?on=0")
	txn, err := client.Begin()
	if err != nil {
		t.Fatal(err)
	}
	total, moved := 0, false
	for i := range accounts {
		value, err := txn.Get(ctx, []byte(name(i)))
		if err != nil {
			t.Fatal(err)
		}
		var balance int
		fmt.Fscan(bytes.NewReader(value), &balance)
		total += balance
		moved = moved || balance != 1000
	}
	if total != 1000*accounts || !moved {
		t.Errorf("%d in all, moved %v", total, moved)
	}
}

func transfer(ctx context.Context, client *txnkv.Client, random *rand.Rand, name func(int) string, accounts int) error {
	from := random.Intn(accounts)
	to := (from + 1 + random.Intn(accounts-1)) % accounts
	txn, err := client.Begin()
	if err != nil {
		return err
	}
	txn.SetEnable1PC(random.Intn(2) == 0)
	txn.SetEnableAsyncCommit(random.Intn(2) == 0)
	for account, change := range map[int]int{from: -1, to: 1} {
		value, err := txn.Get(ctx, []byte(name(account)))
		if err != nil {
			return err
		}
		var balance int
		fmt.Fscan(bytes.NewReader(value), &balance)
		if err := txn.Set([]byte(name(account)), []byte(fmt.Sprint(balance+change))); err != nil {
			return err
		}
	}
	return txn.Commit(ctx)
}
