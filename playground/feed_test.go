package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pingcap/kvproto/pkg/cdcpb"
	"github.com/pingcap/kvproto/pkg/metapb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// checkFeed subscribes to all regions over gRPC, runs write, and waits until a
// row with that text and then a resolved ts above its commit have come.
func checkFeed(t *testing.T, r ready, text string, write func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(r.Store, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := cdcpb.NewChangeDataClient(conn).EventFeedV2(metadata.AppendToOutgoingContext(ctx, "features", "stream-multiplexing"))
	if err != nil {
		t.Fatal(err)
	}
	var status struct {
		ClusterID  uint64 `json:"cluster_id"`
		ResolvedTS uint64 `json:"resolved_ts"`
	}
	var list struct {
		Regions []struct {
			ID      uint64 `json:"id"`
			Version uint64 `json:"version"`
		} `json:"regions"`
	}
	getJSON(t, r.Control+"/status", &status)
	getJSON(t, r.Control+"/regions", &list)
	for _, reg := range list.Regions {
		if err := stream.Send(&cdcpb.ChangeDataRequest{Header: &cdcpb.Header{ClusterId: status.ClusterID, TicdcVersion: "8.5.4"}, RequestId: 1,
			RegionId: reg.ID, RegionEpoch: &metapb.RegionEpoch{ConfVer: 1, Version: reg.Version}, CheckpointTs: status.ResolvedTS}); err != nil {
			t.Fatal(err)
		}
	}
	write()
	var region, commitTS uint64
	for {
		m, err := stream.Recv()
		if err != nil {
			t.Fatalf("%v (row seen: %v)", err, region != 0)
		}
		for _, e := range m.Events {
			if e.GetError() != nil {
				t.Fatal(e.GetError())
			}
			for _, row := range e.GetEntries().GetEntries() {
				if bytes.Contains(row.Value, []byte(text)) && row.CommitTs > 0 && strings.HasPrefix(string(row.Key), "t") {
					region, commitTS = e.RegionId, row.CommitTs
				}
			}
		}
		if region != 0 && m.ResolvedTs != nil && m.ResolvedTs.Ts > commitTS {
			for _, id := range m.ResolvedTs.Regions {
				if id == region {
					return
				}
			}
		}
	}
}

func getJSON(t *testing.T, url string, v any) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}
