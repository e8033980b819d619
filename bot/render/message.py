"""What a message shows, before anything is sent: text, embeds, buttons and files, free of any connection."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Literal

import discord

ButtonStyle = Literal["primary", "secondary", "success", "danger"]
ButtonAction = Literal[
    "cancel", "retry", "sources", "why", "again", "up", "down", "file", "reingest", "delete", "docs", "jobs", "settings"
]
"""What a button asks for; see `Button.target` for what it is asked of."""

CUSTOM_ID_PATTERN = re.compile(r"rd:(?P<action>[a-z]{2,12}):(?P<target>[0-9]{1,19})")
"""The form of every button's `custom_id`: it is all that comes back when somebody presses it, even after a restart."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button that comes back as an interaction."""

    action: ButtonAction
    target: int
    """A delivery for `cancel` and `retry`; a job for `sources`, `why`, `again`, `up` and `down`; a document for `file`,
    `reingest` and `delete`; a page, from 0, for `docs` and `jobs`."""
    label: str = ""
    style: ButtonStyle = "secondary"
    emoji: str = ""
    disabled: bool = False

    @property
    def custom_id(self) -> str:
        """The id that Discord gives back with a press."""
        return f"rd:{self.action}:{self.target}"


@dataclass(frozen=True, slots=True)
class Link:
    """A button that opens an address; only addresses Refdesk made itself, such as the link to a message."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A file that goes with a message; a picture is one whose name ends in `.png`."""

    name: str
    content: bytes
    description: str = ""
    """What the picture shows, for those who cannot see it."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message as people see it."""

    content: str = ""
    embeds: tuple[discord.Embed, ...] = ()
    buttons: tuple[tuple[Button | Link, ...], ...] = ()
    """Rows, at most five of at most five."""
    files: tuple[OutgoingFile, ...] = ()

    @property
    def suppress_embeds(self) -> bool:
        """Whether Discord is to leave out previews; with embeds of our own it must not, as the flag hides them too."""
        return not self.embeds

    def fingerprint(self) -> str:
        """Hash what is seen, so that a message is edited only when that changes."""
        seen = {
            "content": self.content,
            "embeds": [embed.to_dict() for embed in self.embeds],
            "buttons": [[repr(button) for button in row] for row in self.buttons],
            "files": [[file.name, hashlib.sha256(file.content).hexdigest()] for file in self.files],
        }
        return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()
