"""Every address that there is, with made-up keys."""

import re
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


def addresses() -> list[tuple[str, str]]:
    """Name and path of every pattern, ours and those of what we stand on."""
    found = []

    def walk(patterns: list[Any], prefix: str, spaces: str) -> None:
        for each in patterns:
            route = prefix + str(each.pattern)
            if isinstance(each, URLResolver):
                space = f"{each.namespace}:" if each.namespace else ""
                walk(each.url_patterns, route, spaces + space)
            elif isinstance(each, URLPattern):
                plain = re.sub(r"<(\w+:)?\w+>", "1", route)
                plain = re.sub(r"\(\?P<\w+>[^)]*\)|\([^)]*\)|[\^$?]|\\Z", "1", plain)
                found.append((f"{spaces}{each.name}", "/" + plain.replace("\\", "")))

    walk(get_resolver().url_patterns, "", "")
    return found
