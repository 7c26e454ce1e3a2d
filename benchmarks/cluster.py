"""A campaign on a cluster whose workers are killed at random, compared with one on this machine that nobody disturbs.

Both make the same runs of the same broken systems. The findings, the numbers of the runs that show them and the shrunk plans must be the
same, every run must be counted once, and no run may be left out. It exits with 1 if anything differs.

With `--busy`, nobody is killed: the same campaign is made by one worker and by two, and printed are the steps of each, and which share of
the time its workers had a shard in hand. Where the machine is busy with other things, the second figure says more than the first.

    python benchmarks/cluster.py [--kills 50] [--every 3] [--workers 2] [--runs 4000] [--seed 3]
    python benchmarks/cluster.py --busy [--runs 4000]
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any

SYSTEMS = ("two-live-writers", "lost-wakeup", "reference")


def command(folder: pathlib.Path, options: argparse.Namespace, *more: str) -> list[str]:
    """A campaign that reports there."""
    systems = [word for name in options.systems for word in ("--system", name)]
    limits = ("--runs", str(options.runs), "--seed", str(options.seed), "--report-dir", str(folder), "--json")
    return [sys.executable, "-m", "refold.reports", "campaign", *systems, "--application", "inventory", *limits, *more]


def amounts(folder: pathlib.Path) -> dict[str, Any]:
    """What a campaign amounts to, in terms that do not depend on who made it when."""
    with sqlite3.connect(folder / "campaign.sqlite") as database:
        runs = list(
            database.execute("SELECT cell, sum(runs), sum(steps) FROM shards WHERE state = 'done' GROUP BY cell")
        )
        lost = list(database.execute("SELECT cell, first, why FROM shards WHERE state = 'lost'"))
        seen = list(database.execute("SELECT cell, anomaly, sum(runs) FROM seen GROUP BY cell, anomaly ORDER BY 1, 2"))
        finds = list(database.execute("SELECT cell, anomaly, run, about FROM finds ORDER BY cell, anomaly"))
        came = list(database.execute("SELECT cell, what, name, runs FROM came ORDER BY 1, 2, 3"))
    plans = {
        (cell, anomaly, run): json.loads((folder / "plans" / pathlib.Path(json.loads(about)["plan"]).name).read_text())[
            "actions"
        ]
        for cell, anomaly, run, about in finds
    }
    return {"runs": runs, "lost": lost, "seen": seen, "plans": plans, "came": came}


def disturbed(folder: pathlib.Path, options: argparse.Namespace) -> int:
    """The same campaign on a cluster, a worker of which is killed every few seconds; returns how many kills there were."""
    from distributed import LocalCluster

    generator = random.Random(options.seed)
    kills = 0
    with LocalCluster(
        n_workers=options.workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        campaign = subprocess.Popen(
            command(folder, options, "--cluster", cluster.scheduler_address), stdout=subprocess.DEVNULL
        )
        while campaign.poll() is None:
            time.sleep(generator.uniform(0.5, 1.5) * options.every)
            cluster.scale(options.workers)  # Dask gives up one that is away for 15 s
            present = set(cluster.scheduler.workers)
            victims = [nanny.pid for nanny in cluster.workers.values() if nanny.worker_address in present]
            if kills < options.kills and victims and campaign.poll() is None:
                with suppress(ProcessLookupError):
                    os.kill(generator.choice(victims), signal.SIGKILL)
                    kills += 1
        assert campaign.returncode == 1, f"the campaign ended with exit code {campaign.returncode}"
    return kills


def shares(address: str, begun: float, ended: float) -> dict[str, float]:
    """Worker -> the share of this time in which it had a task in hand."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        tasks = client.get_task_stream(start=begun, stop=ended)
    busy: dict[str, float] = {}
    spans: dict[str, list[float]] = {}
    for task in tasks:
        for span in task["startstops"]:
            if span["action"] == "compute":
                busy[task["worker"]] = busy.get(task["worker"], 0.0) + span["stop"] - span["start"]
                spans.setdefault(task["worker"], []).extend((span["start"], span["stop"]))
    return {worker: seconds / (max(spans[worker]) - min(spans[worker])) for worker, seconds in busy.items()}


def calm_steps(workers: int, options: argparse.Namespace) -> tuple[int, float, dict[str, float]]:
    """A campaign that nobody disturbs, on so many workers: its steps, its seconds, and how busy the workers were."""
    from distributed import Client, LocalCluster

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "calm"
        with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
            with Client(cluster.scheduler_address, set_as_default=False) as client:
                client.get_task_stream()  # from here on the scheduler keeps it
            begun = time.time()
            subprocess.run(
                command(folder, options, "--cluster", cluster.scheduler_address), stdout=subprocess.DEVNULL, check=False
            )
            ended = time.time()
            busy = shares(cluster.scheduler_address, begun, ended)
        with sqlite3.connect(folder / "campaign.sqlite") as database:
            ((steps, seconds),) = database.execute("SELECT sum(steps), max(finished) FROM shards WHERE state = 'done'")
    return steps, seconds, busy


def compare(options: argparse.Namespace) -> int:
    """One worker and several."""
    paces = []
    for workers in (1, options.workers):
        steps, seconds, busy = calm_steps(workers, options)
        paces.append(steps / seconds)
        told = ", ".join(f"{share:.0%}" for share in busy.values())
        print(
            f"{workers} workers: {steps:,} steps in {seconds:.0f} s, {steps / seconds:,.0f} a second; busy {told}",
            flush=True,
        )
    print(f"{paces[1] / paces[0]:.2f} times the steps")
    return 0


def main() -> int:
    """Both, and what differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--every", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS))
    parser.add_argument("--busy", action="store_true", help="one worker and several, without kills")
    options = parser.parse_args()
    if options.busy:
        return compare(options)
    with tempfile.TemporaryDirectory() as name:
        here, there = pathlib.Path(name) / "here", pathlib.Path(name) / "there"
        done = subprocess.run(command(here, options, "--jobs", "1"), stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == 1, f"the campaign ended with exit code {done.returncode}"
        started = time.monotonic()
        kills = disturbed(there, options)
        seconds = time.monotonic() - started
        calm, killed = amounts(here), amounts(there)
    different = [what for what in calm if calm[what] != killed[what]]
    for what in different:
        print(f"{what}: {calm[what]}\n  with kills: {killed[what]}")
    runs = sum(row[1] for row in killed["runs"])
    print(
        f"{kills} kills in {seconds:.0f} s, {runs:,} runs, {len(killed['plans'])} findings, {len(killed['lost'])} runs left out:"
        f" {'different: ' + ', '.join(different) if different else 'the same as undisturbed'}"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
