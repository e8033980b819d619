"""Recognise pages that are not the document: login forms, bot challenges, editors, error pages and redirects.

A page is only looked at with regular expressions; the parser reads it later, in its child process.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

MAX_PAGE_BYTES = 300_000
"""Larger pages are not checked: those of logins and challenges are small, apart from scripts."""
MAX_LOGIN_WORDS = 120
"""Shown words up to which a page with a login form is taken for a login page."""
MAX_NOTICE_WORDS = 150
"""Shown words up to which a page is taken for a challenge or an error page."""
MAX_SHELL_WORDS = 60
"""Shown words up to which a page with a captcha, or a request for JavaScript, has no other content."""
MAX_REFRESH_S = 10
"""Seconds up to which a page that sends the browser to another one is taken for a redirect."""

# An unclosed element reaches to the end, so that each of these takes linear time.
_UNSHOWN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|noscript|template|svg|head)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_TAGS = re.compile(r"<[/!?a-zA-Z][^<>]*>")
_TITLE = re.compile(r"<title\b[^<>]*>(.{0,500}?)</title", re.DOTALL | re.IGNORECASE)
_META = re.compile(r"<meta\b[^<>]{0,2000}>", re.IGNORECASE)
_NOSCRIPT = re.compile(r"<!--.*?(?:-->|\Z)|<(noscript|script|template)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_WORD = re.compile(r"[^\W\u3040-\u9fff]+|[\u3040-\u9fff]{1,2}")
_REFRESH = re.compile(r"""http-equiv\s*=\s*["']?\s*refresh""", re.IGNORECASE)
_REFRESH_TARGET = re.compile(
    r"""content\s*=\s*["']?\s*(?P<delay>\d{1,4})(?:\.\d*)?\s*[;,]\s*(?:url\s*=\s*)?["']?(?P<target>[^"'<>]{1,2000})""",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"""<input\b[^<>]{0,1000}\btype\s*=\s*["']?password""", re.IGNORECASE)
_INPUT = re.compile(r"<(?:input|button)\b", re.IGNORECASE)
_LOGIN_ADDRESS = re.compile(
    r"(?:^|[/._-])(?:log-?in|sign-?in|auth|oauth2?|sso|saml2?|cas|adfs|openid|accounts?|session)(?:[/._?-]|$)",
    re.IGNORECASE,
)
_LOGIN_TITLE = re.compile(
    r"\b(?:sign[ -]?in|log[ -]?in|anmeld(?:en|ung)|einloggen|connexion|se connecter|iniciar sesi|inloggen|accedi)"
    r"|登录|登錄|ログイン",
    re.IGNORECASE,
)
_CHALLENGE_TITLE = re.compile(
    r"just a moment|attention required! \| cloudflare|checking your browser|are you (?:a )?(?:human|robot)"
    r"|verify(?:ing)? (?:that )?you are (?:a )?human|ddos[- ](?:guard|protection)|pardon our interruption"
    r"|access to this page has been denied"
    r"|^\W*(?:robot check|human verification|security check|one more step|access denied)\W*(?:$|\|)",
    re.IGNORECASE,
)
_CHALLENGE_MARK = re.compile(
    r"_cf_chl_opt|/cdn-cgi/challenge-platform/[^\"']*orchestrate|captcha-delivery\.com|px-captcha|_Incapsula_Resource"
    r"|\b(?:g-recaptcha|h-captcha|cf-turnstile)\b|anubis_challenge",
    re.IGNORECASE,
)
_EDITOR = re.compile(r"- Google (?:Docs|Sheets|Slides|Drive)\s*$", re.IGNORECASE)
_ERROR_TITLE = re.compile(
    r"^\W*(?:error\s*)?(?:404|410)\s*(?:$|[|:\u2013-]|not\b|error|page|gone)"
    r"|\b(?:page|file) (?:was |could )?not (?:be )?found\b|^not found\b"
    r"|seite nicht gefunden|page introuvable|页面不存在|找不到",
    re.IGNORECASE,
)
_SCRIPT_NOTICE = re.compile(
    r"(?:enable|activate|turn on|requires?|needs?)\b.{0,40}\bjavascript"
    r"|javascript\b.{0,60}\b(?:enable|disabled|required)",
    re.IGNORECASE | re.DOTALL,
)
_SAVE = "Open it in a browser, save the page or export it, and add that file."


def find_refresh_target(content: bytes, media_type: str) -> str | None:
    """Return the target of a page that sends the browser to another one at once (meta refresh)."""
    page = _decode(content, media_type)
    if page is None or "refresh" not in page[:50_000].lower():
        return None
    for meta in _META.findall(_NOSCRIPT.sub(" ", page[:50_000])):
        match = _REFRESH_TARGET.search(meta) if _REFRESH.search(meta) else None
        if match and int(match["delay"]) <= MAX_REFRESH_S:
            return html.unescape(match["target"]).strip() or None
    return None


def find_obstacle(content: bytes, media_type: str, url: str, final_url: str) -> str | None:
    """Return why a page is not the document that the link names, with the fix; None for an ordinary page.

    Args:
        content: The page.
        media_type: Its Content-Type header.
        url: The link as it was added.
        final_url: The address that answered, after redirects.
    """
    page = _decode(content, media_type)
    if page is None:
        return None
    title = html.unescape(match[1]).strip() if (match := _TITLE.search(page)) else ""
    text = html.unescape(_TAGS.sub(" ", _UNSHOWN.sub(" ", page)))
    words = len(_WORD.findall(text))
    if words > MAX_NOTICE_WORDS:
        return None
    if _is_login(page, title, words, url, final_url):
        return f"asks for a login ({title or final_url}). Save the page and add the file, or share it without a login."
    return _find_notice(page, title, text, words)


def _find_notice(page: str, title: str, text: str, words: int) -> str | None:
    if _EDITOR.search(title):
        return f"is shown by an editor ({title}), which needs a browser. Export the document and add the file."
    has_check = words <= MAX_SHELL_WORDS and _CHALLENGE_MARK.search(page)
    if has_check or _CHALLENGE_TITLE.search(title):
        return f"asks for a check that the visitor is a person ({title or 'captcha'}). {_SAVE}"
    if _ERROR_TITLE.search(title):
        return f'answered with an error page ("{title}"). Check the link.'
    if words <= MAX_SHELL_WORDS and "<script" in page.lower() and _SCRIPT_NOTICE.search(text):
        return f"is made by JavaScript, which Refdesk does not run. {_SAVE}"
    return None


def _decode(content: bytes, media_type: str) -> str | None:
    """Return a page as text; None if it is no HTML or too large to be a notice."""
    if len(content) > MAX_PAGE_BYTES:
        return None
    head = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if "html" not in media_type.lower() and not head.startswith((b"<!doctype html", b"<html", b"<head")):
        return None
    return content.decode("utf-8", "replace")


def _is_login(page: str, title: str, words: int, url: str, final_url: str) -> bool:
    """Return whether a page is a login form: few words, and a password field or a redirect to an address for logins."""
    if words > MAX_LOGIN_WORDS:
        return False
    asked, answered = urlsplit(url), urlsplit(final_url)
    moved = (asked.netloc, asked.path) != (answered.netloc, answered.path)
    is_login_address = bool(_LOGIN_ADDRESS.search(f"{answered.netloc}{answered.path}"))
    if _PASSWORD.search(page):
        return bool(_LOGIN_TITLE.search(title)) or is_login_address or words <= MAX_LOGIN_WORDS // 2
    return moved and is_login_address and bool(_LOGIN_TITLE.search(title)) and bool(_INPUT.search(page))
