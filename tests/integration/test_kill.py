"""kill -9 of the server at random moments under load: it comes back, catches up, loses nothing.

The seed of the moments is printed and can be given: CDC_SEED=N. CDC_KILLS=N sets how often.
"""

import os
import random
import subprocess
import sys
import time

import pytest

import run_case
from compare_state import compare
from harness import expectations
from harness.cases import case_named
from harness.process import die_with_parent

KILLS = int(os.environ.get("CDC_KILLS", "10"))  # for each of the workloads
DEADLINE_S = 120


class EndlessWorkload:
    """Runs a case's workload again and again, with another seed each time, in another process."""

    def __init__(self, case, target: run_case.Target):
        self.argv = [sys.executable, run_case.__file__, str(case.path)]
        self.argv.append(f"{target.host}:{target.port}")
        self.runs = 0
        self.process: subprocess.Popen | None = None

    def keep_going(self) -> None:
        """Starts the next run when the last one is over, which must have gone well."""
        if self.process is not None and self.process.poll() is None:
            return
        self.finish()
        self.runs += 1
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*self.argv, f"--seed={self.runs}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent,
        )

    def finish(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output

    def __enter__(self) -> "EndlessWorkload":
        return self

    def __exit__(self, *_) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


def let_run(workload: EndlessWorkload, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        workload.keep_going()
        time.sleep(0.02)


def let_run_until_progress(workload: EndlessWorkload, feed, deadline_s: float = 60) -> None:
    before, end = feed.checkpoint_ts(), time.monotonic() + deadline_s
    while feed.checkpoint_ts() <= before:
        assert time.monotonic() < end, f"no progress after a restart within {deadline_s:g} s"
        workload.keep_going()
        time.sleep(0.05)


def bank_total(server) -> int:
    sums = " + ".join(
        f"(SELECT SUM(bal) FROM c20_bank.{t})" for t in ("acc_int", "acc_str", "acc_nc")
    )
    return int(server.query(f"SELECT {sums}")[0][0])


def kill_again_and_again(cdc, workload: EndlessWorkload, feed, moments: random.Random) -> None:
    for _ in range(KILLS):
        if moments.random() < 0.6:  # at work
            let_run_until_progress(workload, feed)
            let_run(workload, moments.uniform(0, 2))
        else:  # anywhere between start and work
            let_run(workload, moments.uniform(0, 12))
        cdc.kill()
        let_run(workload, moments.uniform(0, 0.5))
        cdc.start(wait=False)


@pytest.mark.xdist_group("kill")
@pytest.mark.parametrize("name", ["20_bank", "22_ddl_under_load"])
def test_killed_server_loses_nothing(name, request, cdc, upstream, tidb, mariadb):
    seed = int(os.environ.get("CDC_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"CDC_SEED={seed}")
    case = case_named(name)
    for server in (upstream, tidb, mariadb):
        server.drop(case.meta["databases"])
    feeds = {s.name: cdc.cli.create(s.sink_uri()) for s in (tidb, mariadb)}
    request.addfinalizer(lambda: [feed.command("remove") for feed in feeds.values()])
    with EndlessWorkload(case, upstream.target()) as workload:
        kill_again_and_again(cdc, workload, feeds["tidb"], random.Random(seed))
        workload.finish()
    end_ts, expected = upstream.now_ts(), upstream.dump(case.meta["databases"])
    for server in (tidb, mariadb):
        feeds[server.name].wait_for(end_ts, DEADLINE_S)
        want = expectations.arriving(expected, case, [], force_replicate=False)
        have = server.dump(case.meta["databases"], like=expected)
        compare(want, have, expectations.rules_for(case, [], schema=server is tidb)).check()
        if name == "20_bank":
            assert bank_total(server) == bank_total(upstream) == 1000 * 1000
