"""Render messages as HTML that looks like a chat client, with Discord's Markdown subset, and as text."""
# ruff: noqa: INP001

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from pathlib import Path

import discord

from bot.render.message import Button, Link, Menu, OutgoingMessage

CSS = Path(__file__).with_name("chat.css")
_FENCE = re.compile(r"```(?:([a-zA-Z0-9_+\-.#]+)\n)?\n*([\s\S]+?)\n*```\n?")
BLOCKS = (("> ", "blockquote"), ("-# ", "small"), ("- ", "li"))
_INLINE = re.compile(
    r"\\(?P<escaped>[^0-9A-Za-z\s])|`(?P<code>[^`\n]+)`|\[(?P<label>[^\]\n]+)\]\((?P<url>https://[^\s)]+)\)"
    r"|\*\*(?P<bold>.+?)\*\*|\*(?P<italic>[^*\s][^*]*?)\*|<#(?P<channel>\d+)>|<@&?(?P<person>\d+)>|<t:(?P<time>\d+):R>"
    r"|</(?P<command>[^:\n]+):\d+>"
)


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message with its surroundings in the chat."""

    shown: OutgoingMessage
    command: str = ""
    """The slash command it answers, if any."""
    person: str = "Mika"
    """Who used the command."""
    author: str = ""
    """The person who wrote the message; empty: the bot."""
    private: bool = False
    time: str = "Today at 18:04"
    private_note: str = "Only you can see this · <b>Dismiss message</b>"
    used_word: str = "used"
    names: tuple[tuple[str, str], ...] = ()
    """Names of channels and users by ID."""
    relative_time: str = "2 minutes ago"


def page(posts: list[PostedMessage]) -> str:
    """Render a page of messages."""
    body = "\n".join(_message(post) for post in posts)
    css = CSS.read_text(encoding="utf-8")
    return f"<!doctype html><meta charset=utf-8><style>{css}</style><body>{body}</body>"


def as_text(post: PostedMessage) -> str:
    """Render a message as text: what a reader sees, with the Markdown as it is sent."""
    shown = post.shown
    lines = [f"{post.author or 'Refdesk'}{f' · /{post.command}' if post.command else ''}:"]
    lines += shown.content.splitlines()
    for embed in shown.embeds:
        lines += filter(None, (embed.title and f"# {embed.title}", *(embed.description or "").splitlines()))
        lines += [f"({embed.footer.text})"] if embed.footer.text else []
    lines += [f"[file {file.name}: {file.description}]" for file in shown.files]
    lines += [" ".join(map(_button_text, row)) for row in shown.buttons]
    lines += [re.sub(r"<[^>]+>", "", post.private_note)] if post.private else []
    return "\n".join(f"{'' if n == 0 else '    '}{line}" for n, line in enumerate(lines))


def _button_text(button: Button | Link | Menu) -> str:
    if isinstance(button, Menu):
        options = (f"{option.label} ({option.description})".removesuffix(" ()") for option in button.options)
        return f"[{button.label} ⌄ {' | '.join(options)}]"
    emoji = "" if isinstance(button, Link) else button.emoji
    return f"[{' '.join(filter(None, (emoji, button.label)))}{' ↗' if isinstance(button, Link) else ''}]"


def _message(post: PostedMessage) -> str:
    command = ""
    if post.command:
        command = (
            f"<div class=command><span class=mini></span><span class=who>{post.person}</span> "
            f"{post.used_word} <span class=slash>/{post.command}</span></div>"
        )
    shown = post.shown
    parts = [
        f"<div>{_author(post)}<span class=time>{post.time}</span></div>",
        f"<div class=content>{_markdown(shown.content, post)}</div>",
        *(_embed(embed, post) for embed in shown.embeds),
        *(_file(f.name, len(f.content)) for f in shown.files if not f.name.endswith(".png")),
        *(f"<div class=row>{''.join(_button(button) for button in row)}</div>" for row in shown.buttons),
    ]
    if post.private:
        parts.append(f"<div class=only>👁 {post.private_note}</div>")
    avatar = f"<div class='avatar person'>{post.author[0]}</div>" if post.author else "<div class=avatar>R</div>"
    return f"<div class=message>{command}{avatar}<div>{''.join(parts)}</div></div>"


def _author(post: PostedMessage) -> str:
    if post.author:
        return f"<span class=name>{post.author}</span> "
    return "<span class=name>Refdesk</span><span class=app>APP</span>"


def _embed(embed: discord.Embed, post: PostedMessage) -> str:
    colour = embed.colour.value if embed.colour else 0
    parts = [f"<div class=title>{_inline(embed.title, post)}</div>"] if embed.title else []
    parts.append(f"<div class=description>{_markdown(embed.description or '', post)}</div>")
    if embed.image.url:
        name = embed.image.url.removeprefix("attachment://")
        content = next(file.content for file in post.shown.files if file.name == name)
        parts.append(f'<img src="data:image/png;base64,{base64.b64encode(content).decode()}">')
    if embed.footer.text:
        parts.append(f"<div class=footer>{html.escape(embed.footer.text)}</div>")
    return f'<div class=embed style="border-color:#{colour:06x}">{"".join(parts)}</div>'


def _button(button: Button | Link | Menu) -> str:
    if isinstance(button, Menu):
        return f"<span class=menu>{html.escape(button.label)}<span>⌄</span></span>"
    if isinstance(button, Link):
        return f"<span class=button>{html.escape(button.label)}&nbsp;↗</span>"
    style = f"button {button.style}{' off' if button.disabled else ''}"
    return f'<span class="{style}">{html.escape(" ".join(filter(None, (button.emoji, button.label))))}</span>'


def _file(name: str, size: int) -> str:
    return (
        f"<div class=file><span class=paper></span><div><a>{html.escape(name)}</a>"
        f"<div class=size>{size / 1000:.1f} KB</div></div></div>"
    )


def _markdown(text: str, post: PostedMessage) -> str:
    parts, at = [], 0
    for match in _FENCE.finditer(text):
        parts.append(_lines(text[at : match.start()].removesuffix("\n"), post))
        parts.append(f"<pre><code>{html.escape(match[2])}</code></pre>")
        at = match.end()
    parts.append(_lines(text[at:], post))
    return "".join(parts)


def _lines(text: str, post: PostedMessage) -> str:
    parts: list[str] = []
    for line in text.split("\n") if text else ():
        tag, marker = next(((tag, mark) for mark, tag in BLOCKS if line.startswith(mark)), ("p", ""))
        inside = _inline(line.removeprefix(marker), post)
        parts.append(f"<{tag}>{inside or '&nbsp;'}</{tag}>")
    return "".join(parts)


def _inline(text: str, post: PostedMessage) -> str:
    parts, at = [], 0
    names = dict(post.names)
    for match in _INLINE.finditer(text):
        parts.append(html.escape(text[at : match.start()], quote=False))
        at = match.end()
        kind, value = match.lastgroup, match[match.lastgroup or 0]
        if kind == "escaped":
            parts.append(html.escape(value))
        elif kind == "code":
            parts.append(f"<code>{html.escape(value)}</code>")
        elif kind == "url":
            parts.append(f"<a>{_inline(match['label'], post)}</a>")
        elif kind == "time":
            parts.append(f"<span class=moment>{post.relative_time}</span>")
        elif kind == "command":
            parts.append(f"<span class=mention>/{html.escape(value)}</span>")
        elif kind in {"channel", "person"}:
            prefix = "#" if kind == "channel" else "@"
            parts.append(f"<span class=mention>{prefix}{html.escape(names.get(value, value))}</span>")
        else:
            tag = "b" if kind == "bold" else "i"
            parts.append(f"<{tag}>{_inline(value, post)}</{tag}>")
    parts.append(html.escape(text[at:], quote=False))
    return "".join(parts)
