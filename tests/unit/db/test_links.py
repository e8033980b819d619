"""Links that are stored: none of them contains a password."""

import pytest

from db.jobs import NewJob, submit_all
from db.links import require_no_credentials
from pipeline.errors import LinkNotAllowed


@pytest.mark.parametrize(
    "link",
    [
        "https://user:word@a.example/page",
        "http://user@a.example",
        "HTTPS://user:@a.example",
        " https://user:word@a.example",
        "https:\\\\user:word@a.example",
        "ftp://user:word@a.example/file",
    ],
)
def test_credentials__are_rejected_before_anything_is_stored(link):
    with pytest.raises(LinkNotAllowed) as raised:
        submit_all(None, [NewJob(1, "ingest", {"url": link})])  # type: ignore[arg-type]
    assert "word@" not in str(raised.value)


@pytest.mark.parametrize(
    "link", ["https://a.example/@user", "https://a.example/?to=user@a.example", "https://a.example/#@x", "", "a@b"]
)
def test_credentials__an_at_sign_elsewhere_is_allowed(link):
    require_no_credentials(link)
