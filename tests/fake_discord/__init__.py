"""A fake Discord."""

from tests.fake_discord.driver import FakeDiscord
from tests.fake_discord.errors import DriverError
from tests.fake_discord.people import Choice, Person
from tests.fake_discord.recording import Problem, Request, Upload
from tests.fake_discord.registration import validate_registration

__all__ = ["Choice", "DriverError", "FakeDiscord", "Person", "Problem", "Request", "Upload", "validate_registration"]
