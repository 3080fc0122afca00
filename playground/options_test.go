package main

import (
	"errors"
	"flag"
	"reflect"
	"strings"
	"testing"
)

func TestEveryBadFlagGetsOneLineThatNamesIt(t *testing.T) {
	for args, want := range map[string]string{
		"--nosuch":                          "nosuch",
		"stray":                             `"stray"`,
		"--tidb-port 70000":                 "--tidb-port 70000",
		"--tidb-port x":                     "tidb-port",
		"--tidb-port 4001 --pd-port 4001":   "--pd-port and --tidb-port are both 4001",
		"--cluster-version 8.5.4":           `--cluster-version "8.5.4"`,
		"--cluster-version v8":              `--cluster-version "v8"`,
		"--log-level loud":                  `--log-level "loud"`,
		"--resolved-ts-interval 0s":         "--resolved-ts-interval 0s",
		"--region-size -1":                  "--region-size -1",
		"--resolved-ts-interval 3parsecs":   "resolved-ts-interval",
		"--tls-cert /c --tls-key /k":        "--tls-ca",
		"--data-dir /tmp/x --record y more": `"more"`,
	} {
		_, err := parseOptions(strings.Fields(args))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %s", args, err, want)
		}
	}
	if _, err := parseOptions([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}

func TestOptionsReachThePartsUnchanged(t *testing.T) {
	o, err := parseOptions(strings.Fields("--data-dir /d --ready-file /r --record /t --tidb-port 1 --pd-port 2 --pd-peer-port 3 --store-port 4 " +
		"--control-port 5 --tidb-status-port 6 --resolved-ts-interval 7ms --region-size 8 --cluster-version v9.9.9 --log-level warn " +
		"--tls-ca /a --tls-cert /c --tls-key /k --pd-tls-port 7 --store-tls-port 8"))
	if err != nil {
		t.Fatal(err)
	}
	want := &options{DataDir: "/d", ReadyFile: "/r", Record: "/t", LogLevel: "warn", Version: "v9.9.9", ResolvedTS: 7e6, RegionSizeMiB: 8,
		TiDBPort: 1, PDPort: 2, PDPeerPort: 3, StorePort: 4, ControlPort: 5, TiDBStatusPort: 6,
		TLSCA: "/a", TLSCert: "/c", TLSKey: "/k", PDTLSPort: 7, StoreTLSPort: 8}
	got, err := decodeOptions(o.encode())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}
