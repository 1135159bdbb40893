"""Reading a topic on two devices: the place, and what is ticked meanwhile."""

from __future__ import annotations

from playwright.sync_api import expect

from courses.models import TopicPage
from tests.browser.journeys import Journey
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    ProgrammePageFactory,
    TopicPageFactory,
)

AT_REST = "() => document.querySelector('.block:nth-of-type(7)').scrollIntoView()"
COME_BACK = """() => {
  dispatchEvent(new Event("focus"));
  return document.querySelector(".topic-read");
}"""


def test_topic_is_read_on_two_devices(journey: Journey) -> None:
    programme = ProgrammePageFactory(title="User Support")
    text = f"<p>{'Read on, line by line. ' * 60}</p>"
    topic = TopicPageFactory(
        parent=programme, title="Escalating Tickets", body=[("text", text)] * 12
    )
    TopicPageFactory(parent=programme, title="Response Times")
    email = EnrolmentFactory(
        edition=EditionFactory(programme=programme)
    ).member.user.email
    block = TopicPage.objects.get(pk=topic.pk).body[6].id

    laptop = journey.signed_in(email)
    laptop.goto(topic.url)
    with laptop.expect_response(lambda answer: "/place/" in answer.url) as kept:
        laptop.evaluate(AT_REST)
    assert kept.value.status == 204

    phone = journey.signed_in(email, viewport={"width": 320, "height": 640})
    phone.goto("/my/")
    phone.get_by_role("link", name="Open the topic").click()
    phone.wait_for_url(f"**#b-{block}")
    expect(phone.locator(f"#b-{block}")).to_be_in_viewport()
    phone.locator(".outline summary").click()
    expect(phone.get_by_role("link", name="Response Times").first).to_be_visible()

    phone.get_by_role("button", name="I have read this").focus()
    phone.keyboard.press("Enter")
    expect(phone.locator("#topic-steps")).to_contain_text("You have read it")
    expect(phone.locator("#topic-foot a.primary")).to_be_focused()

    laptop.wait_for_function(COME_BACK, polling=500)
    expect(laptop.locator("#topic-steps")).to_contain_text("You have read it")
    expect(laptop.get_by_role("status").filter(has_text="have changed")).to_be_visible()

    laptop.emulate_media(media="print")
    expect(laptop.locator("#topic-foot")).to_be_hidden()
    expect(laptop.locator(f"#b-{block}")).to_be_visible()
