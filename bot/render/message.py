"""Values that describe a message before it is sent: text, embeds, buttons and files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Literal

import discord

ButtonStyle = Literal["primary", "secondary", "success", "danger"]
ButtonAction = Literal[
    "cancel",
    "retry",
    "sources",
    "why",
    "again",
    "add",
    "helper",
    "dohelper",
    "nohelper",
    "more",
    "moreall",
    "thorough",
    "thoroughall",
    "servers",
    "up",
    "down",
    "wrong",
    "incomplete",
    "outdated",
    "file",
    "reingest",
    "delete",
    "docs",
    "jobs",
    "gaps",
    "answergap",
    "dismissgap",
    "eraseme",
    "settings",
]
"""Action of a button; see `Button.target` for the object it applies to."""
MenuAction = Literal["method", "methodall", "opendoc", "openjob", "opengap", "server"]
"""Action of a menu."""
MAX_MENU_OPTIONS = 25
"""Discord's limit for a menu."""
MAX_OPTION_UNITS = 100
"""Discord's limit for the label and the description of a menu's entry, in UTF-16 units."""

CUSTOM_ID_PATTERN = re.compile(r"rd:(?P<action>[a-z]{2,12}):(?P<target>[0-9]{1,19})")
"""Format of every `custom_id`, the only state that Discord returns when a button is pressed."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button whose press arrives as an interaction."""

    action: ButtonAction
    target: int
    """ID of a delivery for `cancel` and `retry`, of a document for `file`, `reingest` and `delete`; a page number, from
    0, for `docs`, `jobs` and `gaps`; of a question for `answergap` and `dismissgap`; for `eraseme`, 1 to keep
    the documents; otherwise the ID of a job."""
    label: str = ""
    style: ButtonStyle = "secondary"
    emoji: str = ""
    disabled: bool = False

    @property
    def custom_id(self) -> str:
        """The ID that Discord returns when the button is pressed."""
        return f"rd:{self.action}:{self.target}"


@dataclass(frozen=True, slots=True)
class Link:
    """A button that opens a URL; only for URLs that Refdesk built, such as links to messages."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class MenuOption:
    """An entry of a menu."""

    label: str
    value: str
    """Returned by Discord when the user selects the entry."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu in which the user selects one entry; it takes a row of its own."""

    action: MenuAction
    target: int
    label: str
    """Shown until an entry is selected."""
    options: tuple[MenuOption, ...]
    """1 to `MAX_MENU_OPTIONS` entries."""

    @property
    def custom_id(self) -> str:
        """The ID that Discord returns when an entry is selected."""
        return f"rd:{self.action}:{self.target}"


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A file attached to a message; names that end in `.png` are pictures."""

    name: str
    content: bytes
    description: str = ""
    """Alternative text of the picture for screen readers."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """The visible content of one message."""

    content: str = ""
    embeds: tuple[discord.Embed, ...] = ()
    buttons: tuple[tuple[Button | Link | Menu, ...], ...] = ()
    """At most five rows of at most five buttons or one menu."""
    files: tuple[OutgoingFile, ...] = ()
    notified_role: str = ""
    """ID of the role whose mention in `content` notifies its members; empty: mentions notify no role."""
    notified_user: str = ""
    """ID of the user whom a mention in `content` notifies; empty: mentions notify no user."""

    @property
    def suppress_embeds(self) -> bool:
        """Whether to suppress link previews; not possible with `embeds`, because the flag hides these as well."""
        return not self.embeds

    def fingerprint(self) -> str:
        """Return a hash of the visible content, so that messages are edited only when it changes."""
        visible = {
            "content": self.content,
            "embeds": [embed.to_dict() for embed in self.embeds],
            "buttons": [[repr(button) for button in row] for row in self.buttons],
            "files": [[file.name, hashlib.sha256(file.content).hexdigest()] for file in self.files],
        }
        return hashlib.sha256(json.dumps(visible, sort_keys=True, default=str).encode()).hexdigest()
