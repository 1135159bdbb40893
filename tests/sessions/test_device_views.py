"""The test of camera, microphone, speaker and network before a call."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings as configuration
from django.test import Client
from django.urls import reverse

from sessions.room_phrases import FAULTS, act_words, fault_words, phrases
from tests.factories import BookingFactory, MemberFactory

ADDRESS = reverse("sessions:device_test")
SCRIPTS = configuration.BASE_DIR / "lms/static/lms/js/room"


def kinds_in_scripts() -> set[str]:
    """Every kind of fault that the scripts can raise, by reading them."""
    text = "".join(path.read_text() for path in sorted(SCRIPTS.glob("*.js")))
    kinds = set(re.findall(r'(?:#?fault\(|return )"([a-z-]+-[a-z]+|insecure)"', text))
    kinds |= set(re.findall(r'"(screen-[a-z]+)"', text))
    ends = re.findall(r"`\$\{kind\}-([a-z]+)`", text)
    reasons = re.findall(r'return "(denied|missing|busy)"', text)
    for device in ("microphone", "camera"):
        kinds |= {f"{device}-{end}" for end in (*ends, *reasons)}
    return kinds | {f"both-{reason}" for reason in reasons}


def test_every_fault_of_the_scripts_has_its_words_and_next_step() -> None:
    assert kinds_in_scripts() == set(FAULTS)
    for kind, fault in fault_words().items():
        assert fault["title"], kind
        assert fault["step"], kind
        assert fault["act"] == "" or fault["act"] in act_words()
        assert fault["tone"] in {"good", "info", "warn", "bad"}


def test_a_refused_device_is_allowed_in_each_family_of_browsers() -> None:
    families = {"chromium", "firefox", "safari", "iphone", "android"}

    for kind, fault in FAULTS.items():
        if kind.endswith("-denied") and kind != "screen-denied":
            assert set(fault.steps or {}) == families, kind


def test_words_of_the_other_side_name_them() -> None:
    words = phrases("Eleanor Whitcombe")

    assert words["other"]["joined"] == "Eleanor Whitcombe is here."
    assert words["notes"]["from"] == "Text note from Eleanor Whitcombe:"


@pytest.mark.django_db
def test_test_page_leads_back_to_the_call_one_came_from(client: Client) -> None:
    call = BookingFactory(ref="N_kS-ClsAbPX")
    client.force_login(call.trainee)

    response = client.get(ADDRESS, {"call": call.ref})

    assert response.context["call"] == call
    assert f'href="{call.get_absolute_url()}"' in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("ref", ["", "no-such", "\0", "x" * 500])
def test_test_page_knows_no_call_of_others(client: Client, ref: str) -> None:
    stranger = BookingFactory()
    client.force_login(MemberFactory().user)

    for asked in (ref, stranger.ref):
        response = client.get(ADDRESS, {"call": asked})

        assert response.status_code == 200
        assert response.context["call"] is None


@pytest.mark.django_db
def test_test_page_asks_the_relay_of_this_site(client: Client, settings: Any) -> None:
    settings.TURN_URLS = ["turn:relay.example.com"]
    settings.TURN_SECRET = "a-secret-of-the-relay"
    client.force_login(MemberFactory().user)

    (server,) = client.get(ADDRESS).context["config"]["ice_servers"]

    assert server["urls"] == ["turn:relay.example.com"]
    assert server["credential"]
