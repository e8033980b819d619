"""Settings of the embedded PostgreSQL."""

import pytest

from embedded.postgres import compute_memory_options


@pytest.mark.parametrize(
    ("memory_mb", "shared_buffers", "maintenance_work_mem"),
    [(1_000, "128MB", "166MB"), (12_000, "750MB", "2000MB"), (256_000, "2048MB", "8192MB")],
)
def test_memory_options__fit_the_machine(memory_mb: int, shared_buffers: str, maintenance_work_mem: str) -> None:
    assert compute_memory_options(memory_mb) == {
        "shared_buffers": shared_buffers,
        "maintenance_work_mem": maintenance_work_mem,
    }
