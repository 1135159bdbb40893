"""Every form that changes something carries the server's token."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.test_access import TABLE, make_world

FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL | re.IGNORECASE)
POSTS = re.compile(r"""<form\b[^>]*method=["']?post""", re.IGNORECASE)
BY_LINK_ALONE = {"people:notice_off"}  # signed: a mail program posts there too


@pytest.mark.asked_elsewhere  # at the walls: each address, by each of these
@pytest.mark.django_db
def test_every_form_that_posts_carries_the_token(client: Client) -> None:
    world = make_world()
    without: set[str] = set()
    looked_at = 0

    for who in ("tess", "manager", "trainer", "staff"):
        client.logout()
        client.force_login(world.people[who])
        for name, entry in TABLE.items():
            if entry.method != "get" or name in BY_LINK_ALONE or "/" in name:
                continue
            response: Any = client.get(reverse(name, args=entry.args(world)))
            for (
                close
            ) in response._resource_closers:  # close() itself ends the connection
                close()
            if response.streaming or "html" not in response.get("Content-Type", ""):
                continue
            for form in FORM.findall(response.text):
                if POSTS.match(form):
                    looked_at += 1
                    if 'name="csrfmiddlewaretoken"' not in form:
                        without.add(f"{name}: {form[:120]}")

    assert without == set()
    assert looked_at > 100
