"""Run chaos tests from the command line; the package describes them."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterable, Sequence

from tests.chaos.cluster import open_cluster
from tests.chaos.run import RunResult, run

MAX_MINUTES = 4.0


def main() -> int:
    """Run each seed, print the table, and return 1 if an invariant was broken."""
    # The processes are sessions of their own, so they must also be stopped when this process is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seeds = _parse_seeds(os.environ.get("CHAOS_SEED", ""))
    faults, per_round = int(os.environ.get("CHAOS_FAULTS", "100")), int(os.environ.get("CHAOS_ROUND", "50"))
    minutes = float(os.environ.get("CHAOS_MINUTES", MAX_MINUTES))
    results: list[RunResult] = []
    with open_cluster() as cluster:
        if not cluster.disk:
            print("The fault “disk full” is left out: only root can mount a small disk.", flush=True)
        for seed in seeds:
            result = run(cluster, seed, faults=faults, per_round=per_round, minutes=minutes)
            results.append(result)
            print(
                f"seed {seed}: {len(result.injections)} faults in {result.seconds:.0f} s,"
                f" {sum(result.jobs.values())} jobs, {len(result.broken)} invariants broken",
                flush=True,
            )
            if result.broken:
                for line in result.broken[:20]:
                    print(f"  BROKEN {line}", flush=True)
                print(cluster.installation.log_tail())
                break
    print_table(results)
    return int(any(result.broken for result in results))


def print_table(results: Sequence[RunResult]) -> None:
    """Print how often each fault was injected and how long it took until its effects were gone."""
    injected = [(result, number, each) for result in results for number, each in enumerate(result.injections)]
    columns = ("count", "held", "jobs", "ended", "job p50", "p95", "service p50", "p95")
    print("\n" + " ".join([f"{'fault':42}", *(f"{column:>{max(6, len(column))}}" for column in columns)]))
    for name in [*sorted({each.fault for _, _, each in injected}), "all"]:
        chosen = [(result, number, each) for result, number, each in injected if name in (each.fault, "all")]
        ended = [s for result, number, _ in chosen for s in result.recovery_s.get(number, ())]
        service = [result.service_s[number] for result, number, _ in chosen if number in result.service_s]
        held = sum(bool(each.hit) for _, _, each in chosen)
        hit = sum(len(each.hit) for _, _, each in chosen)
        print(
            f"{name:42} {len(chosen):6} {held:6} {hit:6} {len(ended):6}"
            f" {_quantile(ended, 0.5):>8} {_quantile(ended, 0.95):>6}"
            f" {_quantile(service, 0.5):>12} {_quantile(service, 0.95):>6}"
        )
    print(
        "held: the victim held a lease or a claim. jobs: those it held; ended: those that were done. Times in seconds."
    )
    print(f"jobs that were hit and needed another attempt: {sum(result.hit_again for result in results)}")
    total = sum((result.jobs for result in results), start=type(results[0].jobs)())
    print("; ".join(f"{name}: {count}" for name, count in sorted(total.items())))
    print(
        f"invariants broken: {sum(len(result.broken) for result in results)}; seeds {[each.seed for each in results]}"
    )


def _quantile(values: Iterable[float], share: float) -> str:
    ordered = sorted(values)
    return f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))]:.1f}" if ordered else "-"


def _parse_seeds(text: str) -> list[int]:
    if not text:
        return [random.SystemRandom().randrange(1_000_000)]
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


if __name__ == "__main__":
    sys.exit(main())
