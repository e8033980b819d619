from benchmarks.crowd import COLUMNS, CrowdRun, _format_row


def test_row__contains_the_waits_and_the_requests():
    run = CrowdRun("mention", 3, 1, [0.1, 0.2, 0.3], [5.0, 6.0, 7.0], [0.0, 0.5, 2.0], edits=7, posts=3, rejected=0)
    row = dict(zip(COLUMNS, _format_row(run), strict=True))
    assert (row["asked by"], row["people"], row["query workers"]) == ("mention", "3", "1")
    assert (row["first text p50, s"], row["answer p50, s"]) == ("0.2", "6.0")
    assert (row["delay p50, s"], row["delay max, s"]) == ("0.5", "2.0")
    assert (row["edits"], row["new messages"], row["429"]) == ("7", "3", "0")
