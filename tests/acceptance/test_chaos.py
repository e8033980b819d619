"""A short run of `make chaos`: no invariant is broken by a few faults in real processes."""

from __future__ import annotations

from tests.chaos.cluster import open_cluster
from tests.chaos.run import run


def test_faults__break_no_invariant() -> None:
    with open_cluster() as cluster:
        result = run(cluster, 7, faults=12, per_round=12, minutes=1)
        assert result.broken == [], cluster.installation.log_tail()
    assert len(result.injections) == 12
    assert any(injection.hit for injection in result.injections)
