"""A fragment included alone knows no token: its form would be refused with a 403."""

import re
from pathlib import Path

from django.conf import settings

KEPT_WITHOUT = {"courses/blocks/exercise.html"}  # each reader gets theirs in its place
TEMPLATES = Path(settings.BASE_DIR) / "templates"
INCLUDE = re.compile(r'{% include "(?P<name>[^"]+)"(?P<words>[^%]*) only %}')


def test_fragment_with_a_form_gets_the_token_where_it_is_included_alone():
    texts = {
        str(path.relative_to(TEMPLATES)): path.read_text()
        for path in TEMPLATES.rglob("*.html")
    }

    without = [
        (name, include["name"])
        for name, text in texts.items()
        if name not in KEPT_WITHOUT
        for include in INCLUDE.finditer(text)
        if "{% csrf_token %}" in texts[include["name"]]
        and "csrf_token=" not in include["words"]
    ]

    assert without == []
