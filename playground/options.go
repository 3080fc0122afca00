package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/coreos/go-semver/semver"
)

const host = "127.0.0.1" // nothing listens anywhere else

// options are the command line. The parts get them back as JSON, with ports and
// directories filled in.
type options struct {
	DataDir   string // empty: a temporary one
	ReadyFile string // empty: none
	Record    string // empty: none
	LogLevel  string
	Version   string // as vX.Y.Z

	temporary bool // set when DataDir is one; not for the parts

	ResolvedTS    time.Duration // between two rounds of resolved timestamps
	RegionSizeMiB int64         // 0: never split by size

	PDPort, PDPeerPort, StorePort, ControlPort, TiDBPort, TiDBStatusPort uint // 0: a free one

	// PEM files. Given, PD and the store serve TLS too, on ports of its own, to
	// clients that show a certificate of the CA.
	TLSCA, TLSCert, TLSKey  string
	PDTLSPort, StoreTLSPort uint
}

func (o *options) tls() bool { return o.TLSCert != "" }

// port names one of the ports by its flag, for error messages.
type port struct {
	flag   string
	number *uint
}

func (o *options) ports() []port {
	ports := []port{
		{"--pd-port", &o.PDPort}, {"--pd-peer-port", &o.PDPeerPort}, {"--store-port", &o.StorePort},
		{"--control-port", &o.ControlPort}, {"--tidb-port", &o.TiDBPort}, {"--tidb-status-port", &o.TiDBStatusPort},
	}
	if o.tls() {
		ports = append(ports, port{"--pd-tls-port", &o.PDTLSPort}, port{"--store-tls-port", &o.StoreTLSPort})
	}
	return ports
}

func (o *options) flagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("cdc-playground", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are returned and printed once
	fs.StringVar(&o.DataDir, "data-dir", "", "working files and logs (default: a temporary directory, removed at exit)")
	fs.StringVar(&o.ReadyFile, "ready-file", "", "write the addresses to this file (JSON) when ready; removed at exit")
	fs.StringVar(&o.Record, "record", "", "write every committed transaction to this file (JSON lines, zstd)")
	fs.StringVar(&o.LogLevel, "log-level", "info", "level of the logs in data-dir/log: debug, info, warn, error")
	fs.StringVar(&o.Version, "cluster-version", "v8.5.4", "the version that PD, the store and TiDB claim")
	fs.DurationVar(&o.ResolvedTS, "resolved-ts-interval", 200*time.Millisecond, "how often resolved timestamps are sent")
	fs.Int64Var(&o.RegionSizeMiB, "region-size", 96, "split regions larger than this, in MiB (0: never)")
	fs.UintVar(&o.PDPort, "pd-port", 2379, "PD's client port (0 picks a free one, as for every port)")
	fs.UintVar(&o.PDPeerPort, "pd-peer-port", 0, "PD's peer port")
	fs.UintVar(&o.StorePort, "store-port", 20160, "the store's gRPC port")
	fs.UintVar(&o.ControlPort, "control-port", 20180, "the HTTP control port (the store's status port)")
	fs.UintVar(&o.TiDBPort, "tidb-port", 4000, "TiDB's MySQL port")
	fs.UintVar(&o.TiDBStatusPort, "tidb-status-port", 10080, "TiDB's HTTP status port")
	fs.StringVar(&o.TLSCA, "tls-ca", "", "CA of those who may connect by TLS (PEM); with --tls-cert and --tls-key PD and the store serve TLS, too")
	fs.StringVar(&o.TLSCert, "tls-cert", "", "certificate of PD and the store (PEM)")
	fs.StringVar(&o.TLSKey, "tls-key", "", "its private key (PEM)")
	fs.UintVar(&o.PDTLSPort, "pd-tls-port", 0, "PD's client port for TLS")
	fs.UintVar(&o.StoreTLSPort, "store-tls-port", 0, "the store's gRPC port for TLS")
	return fs
}

func printUsage(w io.Writer) {
	fs := (&options{}).flagSet()
	fs.SetOutput(w)
	fmt.Fprintln(w, "cdc-playground runs a TiDB cluster on loopback until it is interrupted. Flags:")
	fs.PrintDefaults()
}

// parseOptions reads and checks the command line; it touches neither the disk
// nor the network. flag.ErrHelp asks for the usage.
func parseOptions(args []string) (*options, error) {
	o := &options{}
	fs := o.flagSet()
	if err := fs.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return nil, err
		}
		return nil, fmt.Errorf("%w (--help lists the flags)", err)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q (--help lists the flags)", fs.Arg(0))
	}
	taken := map[uint]string{}
	for _, p := range o.ports() {
		if *p.number > 65535 {
			return nil, fmt.Errorf("%s %d is not a port: give 1 to 65535, or 0 for a free one", p.flag, *p.number)
		}
		if other, ok := taken[*p.number]; ok && *p.number != 0 {
			return nil, fmt.Errorf("%s and %s are both %d: give one of them another port, or 0 for a free one", other, p.flag, *p.number)
		}
		taken[*p.number] = p.flag
	}
	if v := o.Version; len(v) == 0 || v[0] != 'v' {
		return nil, fmt.Errorf("--cluster-version %q: write it as v8.5.4", v)
	} else if _, err := semver.NewVersion(v[1:]); err != nil {
		return nil, fmt.Errorf("--cluster-version %q: write it as v8.5.4", v)
	}
	switch o.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", o.LogLevel)
	}
	if o.ResolvedTS <= 0 {
		return nil, fmt.Errorf("--resolved-ts-interval %v: give a time above 0, e.g. 200ms", o.ResolvedTS)
	}
	if o.RegionSizeMiB < 0 {
		return nil, fmt.Errorf("--region-size %d: give a size in MiB, or 0 for no splits by size", o.RegionSizeMiB)
	}
	if given := []bool{o.TLSCA != "", o.TLSCert != "", o.TLSKey != ""}; given[0] != given[1] || given[1] != given[2] {
		return nil, fmt.Errorf("--tls-ca, --tls-cert and --tls-key are given together or not at all")
	}
	for _, path := range []*string{&o.DataDir, &o.ReadyFile, &o.Record, &o.TLSCA, &o.TLSCert, &o.TLSKey} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	return o, nil
}

// encode and decodeOptions carry the options over to a part.
func (o *options) encode() string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // plain fields only
	}
	return string(b)
}

func decodeOptions(s string) (*options, error) {
	o := &options{}
	return o, json.Unmarshal([]byte(s), o)
}

func addr(port uint) string { return net.JoinHostPort(host, fmt.Sprint(port)) }

func (o *options) logDir() string             { return filepath.Join(o.DataDir, "log") }
func (o *options) logFile(part string) string { return filepath.Join(o.logDir(), part+".log") }
func (o *options) outFile(part string) string { return filepath.Join(o.logDir(), part+".out") }

// logHint says where to read on after an error.
func (o *options) logHint(part string) string {
	if o.temporary {
		return " (with a --data-dir its log would be kept)"
	}
	return " (log: " + o.logFile(part) + ")"
}
