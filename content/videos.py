"""Films at other sites: which addresses we take, and what we make of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

YOUTUBE_PLAYER = "https://www.youtube-nocookie.com"
VIMEO_PLAYER = "https://player.vimeo.com"
PLAYERS = (YOUTUBE_PLAYER, VIMEO_PLAYER)
"""All that a page may frame: the Content-Security-Policy names the same."""

_YOUTUBE_HOSTS = {"youtube.com", "www.youtube.com", "m.youtube.com"}
_YOUTUBE_KEY = re.compile(r"[A-Za-z0-9_-]{11}")
_VIMEO_PATH = re.compile(r"/(?:video/)?([0-9]{1,12})(?:/([0-9a-f]{6,32}))?/?")


@dataclass(frozen=True)
class Player:
    """A film at another site."""

    site: str
    page: str  # what a plain link opens
    frame: str  # what is framed once somebody presses play


def player_of(address: str) -> Player | None:
    """Read an address that an editor pasted; None for all but those we take.

    Both players are asked not to set cookies, and are built anew from the film's
    key: nothing else of the address is kept.
    """
    try:
        parts = urlsplit(address.strip())
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.username is not None:
        return None
    if host in _YOUTUBE_HOSTS | {"www.youtube-nocookie.com", "youtu.be"}:
        return _youtube(host, parts.path, parts.query)
    if host in {"vimeo.com", "www.vimeo.com", "player.vimeo.com"}:
        return _vimeo(parts.path, parts.query)
    return None


def _youtube(host: str, path: str, query: str) -> Player | None:
    steps = path.strip("/").split("/")
    if host == "youtu.be":
        key = steps[0] if len(steps) == 1 else ""
    elif steps == ["watch"]:
        key = parse_qs(query).get("v", [""])[0]
    else:
        kind = ["embed", "shorts", "live"]
        key = steps[1] if len(steps) == 2 and steps[0] in kind else ""
    if not _YOUTUBE_KEY.fullmatch(key):
        return None
    return Player(
        site="YouTube",
        page=f"https://www.youtube.com/watch?v={key}",
        frame=f"{YOUTUBE_PLAYER}/embed/{key}?autoplay=1&cc_load_policy=1&rel=0",
    )


def _vimeo(path: str, query: str) -> Player | None:
    found = _VIMEO_PATH.fullmatch(path)
    if not found:
        return None
    number, key = found.groups()
    key = key or parse_qs(query).get("h", [""])[0]
    if key and not re.fullmatch("[0-9a-f]{6,32}", key):
        return None
    return Player(
        site="Vimeo",
        page=f"https://vimeo.com/{number}{f'/{key}' if key else ''}",
        frame=f"{VIMEO_PLAYER}/video/{number}?{f'h={key}&' if key else ''}"
        "autoplay=1&dnt=1",
    )
