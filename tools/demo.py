#!/usr/bin/env python3
"""The demo: a TiDB under load, captured into a MariaDB, and compared in the end.

Starts a playground (a TiDB cluster), a MariaDB and a cdc server on free ports of loopback, creates
a changefeed, writes for a while, shows how the changefeed keeps up, then stops writing, waits for
the checkpoint and compares the two databases table by table. The exit status says whether they are
equal. Everything is stopped in the end; KEEP=1 leaves it running until Ctrl-C.

  KEEP=1           keep the servers
  DEMO_SECONDS=20  how long to write
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "tests" / part) for part in ("integration", "tools")]

# pylint: disable=wrong-import-position
from compare_state import compare  # noqa: E402
from demo_load import ACCOUNTS, DATABASE, OPENING_BALANCE, Load  # noqa: E402
from harness.cdc import CdcServer, Changefeed  # noqa: E402
from harness.databases import MariaDb, Playground  # noqa: E402
from harness.process import Failed  # noqa: E402

CHANGEFEED = "demo"
CATCH_UP_S = 120


def say(text: str = "") -> None:
    print(text, flush=True)


class Progress:
    """One line that is rewritten on a terminal, or a line every few seconds elsewhere."""

    def __init__(self, mariadb: MariaDb, feed: Changefeed):
        self.mariadb, self.feed = mariadb, feed
        self.live = sys.stdout.isatty()
        self.shown = 0.0
        self.applied, self.at = self._applied(), time.monotonic()

    def _applied(self) -> int:
        """Rows written downstream since it started."""
        rows = self.mariadb.query(
            "SHOW GLOBAL STATUS WHERE Variable_name IN "
            "('Handler_write', 'Handler_update', 'Handler_delete')"
        )
        return sum(int(value) for _, value in rows)

    def show(self, load: Load) -> None:
        checkpoint = self.feed.checkpoint_ts()
        applied, now = self._applied(), time.monotonic()
        rate = (applied - self.applied) / max(now - self.at, 1e-3)
        self.applied, self.at = applied, now
        physical = (checkpoint >> 18) / 1000
        when = datetime.fromtimestamp(physical, timezone.utc).strftime("%H:%M:%S.%f")[:-3]
        line = (
            f"written {load.counts['rows']:>8,} rows, {load.counts['ddl']:>3} DDL | "
            f"applied {rate:>7,.0f} rows/s | lag {time.time() - physical:5.1f} s | "
            f"checkpoint {checkpoint} ({when})"
        )
        if self.live:
            print("\r\x1b[K" + line, end="", flush=True)
        elif now - self.shown >= 2:
            say(line)
            self.shown = now

    def end(self) -> None:
        if self.live:
            print(flush=True)


def write_for(seconds: float, load: Load, progress: Progress) -> None:
    load.start()
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not load.failure:
            progress.show(load)
            time.sleep(0.3)
    finally:
        load.stop()
    if load.failure:
        raise Failed(f"the load failed: {load.failure}")


def compare_all(upstream: Playground, mariadb: MariaDb) -> bool:
    """Prints a line a table; whether all are equal."""
    expected = upstream.dump([DATABASE])
    actual = mariadb.dump([DATABASE], like=expected)
    report = compare(expected, actual, limit=5)
    different = {line.split(":")[0] for line in report.lines}
    for table in sorted(expected.tables.values(), key=lambda table: table.name):
        verdict = "DIFFERENT" if table.full_name in different else "equal"
        say(f"  {table.full_name:<24} {len(table.rows):>8,} rows  {verdict}")
    if not report.equal:
        say(str(report))
    accounts = actual.tables.get((DATABASE, "account"))
    total = sum(int(balance) for _, _, balance in accounts.rows) if accounts else 0
    say(f"  the accounts hold {total:,} in all; it was {ACCOUNTS * OPENING_BALANCE:,} at the start")
    return report.equal and total == ACCOUNTS * OPENING_BALANCE


def keep(upstream: Playground, mariadb: MariaDb, cdc: CdcServer) -> None:
    say("\nEverything keeps running. In another terminal:")
    say(f"  TiDB:     mariadb -h 127.0.0.1 -P {upstream.port} -u root {DATABASE}")
    say(f"  MariaDB:  mariadb -h 127.0.0.1 -P {mariadb.port} -u root {DATABASE}")
    say(f"  cdc:      bin/cdc cli changefeed query -c {CHANGEFEED} --pd={cdc.pd}")
    say("Ctrl-C stops all of it.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        say()


def demo(folder: Path, stack: ExitStack) -> bool:
    def running(server):
        stack.callback(server.stop)
        return server.start()

    started = time.monotonic()
    upstream = running(Playground(folder, "tidb"))
    mariadb = running(MariaDb(folder))
    cdc = running(CdcServer(folder, upstream.pd))
    say(f"a TiDB cluster, a MariaDB and a cdc server: ready in {time.monotonic() - started:.1f} s")
    say(f"  TiDB 127.0.0.1:{upstream.port}  PD {upstream.pd}  MariaDB 127.0.0.1:{mariadb.port}")
    feed = cdc.cli.create(mariadb.sink_uri(), CHANGEFEED)
    say(f"changefeed {feed.id}: {mariadb.sink_uri()}")

    load = Load(upstream.host, upstream.port)
    load.prepare()
    progress = Progress(mariadb, feed)
    write_for(float(os.environ.get("DEMO_SECONDS", "20")), load, progress)
    end_ts, stopped = upstream.now_ts(), time.monotonic()
    while feed.checkpoint_ts() < end_ts and time.monotonic() - stopped < CATCH_UP_S:
        progress.show(load)
        time.sleep(0.1)
    progress.end()
    feed.wait_for(end_ts, deadline_s=1)
    say(
        "the load has ended; the checkpoint passed its end "
        f"{time.monotonic() - stopped:.1f} s later"
    )
    equal = compare_all(upstream, mariadb)
    say(
        f"{'EQUAL' if equal else 'DIFFERENT'}: {load.counts['rows']:,} rows, "
        f"{load.counts['transfers']:,} transfers, {load.counts['ddl']} DDL statements"
    )
    if os.environ.get("KEEP", "") not in ("", "0"):
        keep(upstream, mariadb, cdc)
    return equal


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="tidewire-demo-") as folder, ExitStack() as stack:
        try:
            return 0 if demo(Path(folder), stack) else 1
        except (Failed, FileNotFoundError) as error:
            say(f"\nthe demo failed: {error}")
            for log in sorted(Path(folder).glob("cdc*.log")):
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
                say(f"--- {log.name}\n" + "\n".join(lines))
            return 1
        except KeyboardInterrupt:
            say("\nstopped")
            return 130


if __name__ == "__main__":
    sys.exit(main())
