"""The names of the application's logins."""

from db.logins import describe_login


def test_login_of_an_owner_with_a_long_name():
    names = {describe_login(f"postgresql://{'é' * length}:x@host/d", "worker").name for length in (22, 23, 24, 31)}
    assert len(names) == 4
    assert all(len(name.encode()) <= 63 for name in names)
