package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pingcap/badger"
	"github.com/pingcap/badger/options"
	"github.com/pingcap/kvproto/pkg/metapb"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/config"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/lockstore"
	upd "github.com/pingcap/tidb/pkg/store/mockstore/unistore/pd"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/tikv"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/tikv/mvcc"
	pdclient "github.com/tikv/pd/client"
	"github.com/tikv/pd/client/pkg/caller"
)

// pdClient is unistore's PD client with batched timestamp requests.
type pdClient struct {
	upd.Client
	tso pdclient.Client
}

func connectPD(ctx context.Context, addr string) (upd.Client, error) {
	plain, err := upd.NewClient([]string{addr}, "store")
	if err != nil {
		return nil, err
	}
	tso, err := pdclient.NewClientWithContext(ctx, caller.Component("playground-store"), []string{addr}, pdclient.SecurityOption{})
	if err != nil {
		return nil, err
	}
	pd := &pdClient{plain, tso}
	// The client may reconnect at first.
	for range 50 {
		if _, err = timestamp(ctx, pd); err == nil {
			return pd, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("no timestamp from PD at %s: %w", addr, err)
}

func (c *pdClient) GetTS(ctx context.Context) (int64, int64, error) { return c.tso.GetTS(ctx) }

func timestamp(ctx context.Context, pd upd.Client) (uint64, error) {
	physical, logical, err := pd.GetTS(ctx)
	return uint64(physical)<<18 | uint64(logical), err
}

// engine is the store without its listeners: unistore with our region manager
// below it and our Hub between it and its database.
type engine struct {
	pd     upd.Client
	db     *badger.DB
	mvcc   *tikv.MVCCStore
	hub    *Hub
	server *server // the requests of clients
}

// openEngine makes an empty store in dir and registers it with PD, which must
// not be bootstrapped. meta's id is filled in.
func openEngine(ctx context.Context, pd upd.Client, dir string, meta *metapb.Store) (*engine, error) {
	ts, err := timestamp(ctx, pd)
	if err != nil {
		return nil, err
	}
	conf := config.DefaultConf
	conf.Server.Raft = false
	conf.Engine.DBPath = dir
	safePoint := &tikv.SafePoint{}
	db, err := openDB(filepath.Join(dir, "kv"), safePoint)
	if err != nil {
		return nil, err
	}
	bundle := &mvcc.DBBundle{DB: db, LockStore: lockstore.NewMemStore(8 << 20), StateTS: ts}
	rm, err := bootstrapCluster(ctx, pd, meta)
	if err != nil {
		return nil, err
	}
	hub := newHub(tikv.NewDBWriter(bundle), rm, pd.GetClusterID(ctx), ts)
	mvccStore := tikv.NewMVCCStore(&conf, bundle, dir, safePoint, hub, pd)
	mvccStore.DeadlockDetectSvr.ChangeRole(tikv.Leader)
	mvccStore.StartDeadlockDetection(false)
	unistore := tikv.NewServer(rm, pd, mvccStore, tikv.NewStandAlongInnerServer(bundle))
	return &engine{pd: pd, db: db, mvcc: mvccStore, hub: hub, server: &server{Server: unistore, hub: hub}}, nil
}

// resolve sends resolved timestamps until ctx ends.
func (e *engine) resolve(ctx context.Context, interval time.Duration) {
	for ctx.Err() == nil {
		time.Sleep(interval)
		if ts, err := timestamp(ctx, e.pd); err == nil {
			e.hub.advance(ts)
		}
	}
}

// openDB opens badger without a write-ahead log: nothing outlives the process.
func openDB(dir string, safePoint *tikv.SafePoint) (*badger.DB, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	o := badger.DefaultOptions
	o.Dir, o.ValueDir = dir, dir
	o.ManagedTxns, o.VolatileMode, o.SyncWrites = true, true, false
	o.ValueThreshold = 0
	o.NumCompactors = 1
	o.MaxBlockCacheSize, o.MaxIndexCacheSize = 0, 0 // read tables by mmap
	o.TableBuilderOptions.CompressionPerLevel = make([]options.CompressionType, o.TableBuilderOptions.MaxLevels)
	o.CompactionFilterFactory = safePoint.CreateCompactionFilter
	return badger.Open(o)
}
