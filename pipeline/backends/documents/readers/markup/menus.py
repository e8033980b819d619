"""Recognise the parts of a page that belong to the site: menus, cookie banners and share buttons."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from pipeline.backends.documents.readers.markup.tree import Attributes, Page, attribute, children, is_shown

MIN_MENU_LINKS = 20
"""Consecutive list items of one link each that are a menu of the site, if the page has other text."""

_MENU_ROLES = frozenset({"navigation", "menu", "menubar"})
_BANNER = re.compile(
    r"(?:^|[\s_-])(?:cookie[s]?[_-]?(?:banner|bar|consent|law|notice|notification|policy-banner|popup|overlay|info|dialog)"
    r"|(?:cc|gdpr|consent)[_-](?:banner|window|bar|popup)|onetrust-consent-sdk|onetrust-banner-sdk|CybotCookiebotDialog"
    r"|didomi-host|usercentrics-root|sharedaddy|addtoany_share_save_container|a2a_kit|addthis_toolbox"
    r"|(?:social[_-])?share[_-]?(?:bar|buttons?|icons|links)|social-sharing|skip-(?:link|to-content))(?:$|[\s_-])",
    re.IGNORECASE,
)


def is_menu(node: LexborNode, attributes: Attributes) -> bool:
    """Return whether an element is a menu of the site, a cookie banner or a row of share buttons."""
    if node.tag == "nav":
        return True
    if not attributes or node.tag == "body":
        return False
    if (attributes.get("role") or "").lower() in _MENU_ROLES:
        return True
    names = f"{attributes.get('id') or ''} {attributes.get('class') or ''}"
    return 3 < len(names) < 1000 and bool(_BANNER.search(names))


def find_link_lists(page: Page) -> set[int]:
    """Find the lists of links that are menus: those in footers, and long ones of languages or outside the content.

    Outside the content is outside the main part. In a page without one, it is before the first heading or paragraph.
    """
    main = page.select("main, [role=main], article")
    inside = {node.mem_id for node in main.css("ul, ol")} if main is not None else set()
    menus: set[int] = set()
    content_started = False
    for node in page.parser.css("ul, ol" if main is not None else "ul, ol, p, h1, h2, h3"):
        if node.tag not in ("ul", "ol"):
            content_started = content_started or bool(node.text().strip())
        elif _is_link_list(node):
            is_content = node.mem_id in inside or content_started
            if not is_content or _is_in_footer(node) or len(node.css("a[hreflang]")) >= MIN_MENU_LINKS:
                menus.add(node.mem_id)
    return menus


def _is_link_list(node: LexborNode) -> bool:
    items = [child for child in children(node) if child.tag == "li"]
    minimum = 2 if _is_in_footer(node) else MIN_MENU_LINKS
    return len(items) >= minimum and all(map(_is_one_link, items))


def _is_in_footer(node: LexborNode) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.tag == "footer" or attribute(parent, "role") == "contentinfo":
            return True
        parent = parent.parent
    return False


def _is_one_link(item: LexborNode) -> bool:
    links = item.css("a[href]")
    return len(links) == 1 and is_shown(item) and item.text().split() == links[0].text().split()
