"""Films: sought through, with captions; from elsewhere only when somebody says so."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from content import sending
from tests.bodies import every_block
from tests.browser.journeys import Journey
from tests.factories import MemberFactory, TopicPageFactory

ELSEWHERE = ("vimeo", "youtube", "youtu.be")
SEEK = """async (film) => {
  film.muted = true;
  await film.play();
  film.currentTime = 4;
  await new Promise((done) => film.addEventListener("seeked", done, {once: true}));
  film.pause();
  const [captions] = film.textTracks;
  return [Math.floor(film.currentTime), captions.mode, captions.activeCues[0]?.text];
}"""


@pytest.fixture
def reader(journey: Journey) -> Page:
    topic = TopicPageFactory(body=every_block())
    page = journey.signed_in(MemberFactory().user.email)
    page.goto(topic.url)
    return page


def test_uploaded_film_is_sought_through_with_captions(
    reader: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "LARGEST_PART", 2048)  # of its 9 kB
    parts: list[str] = []
    reader.on("response", lambda each: parts.append(each.headers.get("content-range")))

    reader.reload()
    seen = reader.locator("video").evaluate(SEEK)

    assert seen == [4, "showing", "A clock counts up to six seconds."]
    assert "bytes 0-2047/8950" in parts
    assert len([part for part in parts if part]) > 3


def test_film_elsewhere_plays_when_somebody_presses_play(
    journey: Journey, reader: Page
) -> None:
    asked: list[Request] = []

    def answer(route: Route) -> None:
        asked.append(route.request)
        body = "<!doctype html><title>Film</title>Film"
        route.fulfill(body=body, content_type="text/html")

    reader.context.route(lambda url: any(each in url for each in ELSEWHERE), answer)
    reader.reload()
    reader.wait_for_load_state("networkidle")
    assert asked == []

    play = reader.get_by_role("button", name="Play: A handover in two minutes")
    play.focus()
    reader.keyboard.press("Space")

    film = reader.frame_locator("iframe[title='A handover in two minutes']")
    expect(film.get_by_text("Film")).to_be_visible()
    assert [each.url for each in asked] == [
        "https://player.vimeo.com/video/76979871?autoplay=1&dnt=1"
    ]
    assert asked[0].headers["referer"] == f"{journey.url}/"  # no page's name
    assert {each["domain"] for each in reader.context.cookies()} == {"localhost"}


def test_film_elsewhere_is_a_link_without_script(journey: Journey) -> None:
    topic = TopicPageFactory(body=every_block())
    user: Any = MemberFactory().user
    reader = journey.signed_in(user.email, java_script_enabled=False)

    reader.goto(topic.url)

    link = reader.get_by_role("link", name="Play: Words that calm")
    expect(link).to_have_attribute(
        "href", "https://www.youtube.com/watch?v=aaaaaaaaaaa"
    )
