"""The icons that exist: a page that asks for another one shows none, in silence."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from django.utils.safestring import SafeString

from content.templatetags import frame

SPRITE = Path(__file__).parent.parent / "lms/static/lms/icons.svg"
WORD = re.compile(r"[\w-]*")
ICONS = set(re.findall(r'<symbol id="([\w-]+)"', SPRITE.read_text()))


def refuse_unknown_icons() -> None:
    """Fail whatever test draws an icon that does not exist."""
    draw: Callable[[str, str], SafeString] = frame._drawn

    @cache
    def drawn(name: str, classes: str) -> SafeString:
        is_name = WORD.fullmatch(name)  # else it is a test of what is no name at all
        assert name in ICONS or not is_name, f"icons.svg draws no {name!r}"
        return draw(name, classes)

    frame._drawn = drawn
