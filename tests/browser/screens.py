"""Every screen of ours, as each kind of person sees it, on the demo's data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.files.base import ContentFile
from django.test import override_settings
from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import Page

from certificates import serials
from certificates.models import (
    Certificate,
    CertificateDesign,
    CertificateState,
    DesignPreview,
    End,
    Statement,
    private_storage,
)
from content.acknowledging import acknowledge
from content.models import HandbookPage
from courses.check_figures import CHECK_REPORT
from courses.checks import (
    give_attempts,
    pass_in_call,
    start_attempt,
    submit_attempt,
)
from courses.drafting import begin_draft, fingerprint, put_up, save_draft
from courses.edition_views import NEXT
from courses.models import (
    EditionDraft,
    Enrolment,
    Preparation,
    PreviewMode,
    ProgrammePage,
    Renewal,
    Source,
)
from courses.rollout import go_on
from courses.wagtail_hooks import PUBLISH
from lms.audit.models import Event
from lms.mail.kinds import DUE_SOON
from lms.mail.models import Message
from lms.mail.notices import off_url
from lms.operations import mailing, noticing
from lms.people.accounts import welcome_link
from lms.people.away import set_away
from lms.people.ending import plan_end
from lms.people.membership import set_teams
from lms.people.models import Invitation, InviteDraft, Member, Reseller, User
from lms.people.naming import ask
from lms.privacy.erasing import ask as ask_for_erasure
from lms.seed import cast
from sessions.booking import book_call, ready_topics
from sessions.earlier import offer_freed, wait_for_earlier
from sessions.models import (
    Booking,
    BookingState,
    FreedTime,
    Origin,
    Outcome,
    Trainer,
)
from sessions.proposals import decline, propose
from sessions.signoff import TopicWord, sign_off
from sessions.slots import free_slots
from sessions.switching import name_guest
from tests.bodies import every_block
from tests.browser.journeys import Journey
from tests.checks import questions
from tests.factories import (
    BookingFactory,
    CallFeedbackFactory,
    CertificateFactory,
    DisputeFactory,
    EditionFactory,
    EnrolmentFactory,
    InviteDraftFactory,
    OutsideCalendarFactory,
    ProgrammePageFactory,
    ProgrammeRequestFactory,
    TimeRequestFactory,
    TopicPageFactory,
    TransferFactory,
    programme_index,
)

Act = Callable[[Page], None]
ELEANOR, _MARCUS, MEI_LING = cast.TRAINERS
NEWCOMER = "iris.novak@northlight.example.com"


@dataclass(frozen=True)
class Screen:
    """A page somebody opens, and what they do there before we look."""

    address: str
    act: Act | None = None
    name: str = ""
    who: cast.Person | None = None  # somebody else than usual


def enrolment_of(worker: cast.Worker) -> Enrolment:
    own = Enrolment.objects.filter(member__user__email=worker.email)
    return own.select_related("member__user", "programme", "edition").latest("pk")


def call_of(worker: cast.Worker) -> str:
    own = Booking.objects.filter(trainee__email=worker.email)
    return own.latest("starts_at").get_absolute_url()


def certificate_of(worker: cast.Worker) -> Certificate:
    return Certificate.objects.get(enrolment=enrolment_of(worker))


def member_of(worker: cast.Worker) -> Member:
    return Member.objects.get(user__email=worker.email)


def topic_of(worker: cast.Worker, number: int = 0) -> str:
    topics = enrolment_of(worker).edition.topics.select_related("topic")
    return str(topics[number].topic.url)


def book_address(worker: cast.Worker) -> str:
    return reverse("sessions:book", args=[enrolment_of(worker).pk])


def person_screen(worker: cast.Worker) -> Screen:
    return Screen(reverse("dashboards:person", args=[member_of(worker).pk]))


def cover_all(worker: cast.Worker) -> None:
    """Sign off the call that waits for it: this qualifies them."""
    call = Booking.objects.get(trainee__email=worker.email)
    words = [TopicWord(topic, Outcome.COVERED) for topic in call.topics.all()]
    sign_off(call, words, by=call.trainer.user)


def name_calendars(trainer: Trainer) -> None:
    """One that was read, one that cannot be any more, and one not read yet."""
    at = now()
    for name, read_at, error in (
        ("Work", at, ""),
        ("Home", at - timedelta(days=2), "gone"),
        ("New", None, ""),
    ):
        OutsideCalendarFactory(
            trainer=trainer, name=name, read_at=read_at, tried_at=read_at, error=error
        )


# --- What they do before we look ---------------------------------------------------


def press(name: str) -> Act:
    return lambda page: page.get_by_role("button", name=name).first.click()


def open_menu(page: Page) -> None:
    page.locator("details.menu summary").click()


def type_a_rare_name(page: Page) -> None:
    """One whose letters our fonts lack: said as soon as it is typed."""
    page.get_by_label("Your name should be").fill("Anna สม")
    page.get_by_text("cannot print these letters yet").wait_for()


def open_outline(page: Page) -> None:
    """It is a drawer on a phone alone, and stays open on a wider screen."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.locator("#topic-outline summary").click()


def open_all(page: Page) -> None:
    """Every line that opens among a page's text."""
    page.locator(".rich details").evaluate_all(
        "all => all.forEach((each) => { each.open = true; })"
    )


def open_defaults(page: Page) -> None:
    page.locator("summary", has_text="What holds for lines").click()


def see_text_of_then(page: Page) -> None:
    page.get_by_role("heading", name="As it was when").wait_for()
    open_all(page)


def cancel_without_a_word(page: Page) -> None:
    page.locator("summary", has_text="Cancel this call").click()
    page.get_by_role("button", name="Cancel the call").click()


def choose_the_soonest(page: Page) -> None:
    page.locator(".slots-soonest a").first.click()
    page.locator("#confirm").wait_for()


def choose_one_more(page: Page) -> None:
    """Another time beside the soonest, to propose both."""
    choose_the_soonest(page)
    page.locator(".slots-soonest a:not([aria-current])").first.click()
    page.get_by_role("button", name="Propose these 2 times").wait_for()


def type_a_night_call(page: Page) -> None:
    """Without saying that it may be outside the hours."""
    page.locator("#id_other_date").fill(str(now().date() + timedelta(days=3)))
    page.locator("#id_other_time").fill("23:00")
    page.get_by_role("button", name="Add this time").click()
    page.get_by_role("alert").wait_for()


def mistype_the_days(page: Page) -> None:
    page.get_by_label("Days in which").fill("0")
    page.get_by_role("button", name="Save and count again").click()
    page.get_by_text("Ensure this value").wait_for()


def check_exercise(page: Page) -> None:
    page.get_by_role("button", name="Check my answers").click()
    page.locator(".exercise [role=status]").wait_for()


def answer_exercise(page: Page) -> None:
    """Each with the first answer there is: some are right, some are wrong."""
    exercise = page.locator(".exercise")
    for box in exercise.locator("select").all():
        box.select_option(index=1)
    for case in exercise.locator("fieldset").all():
        case.get_by_role("radio").first.check()
    check_exercise(page)


def open_none_of_these(page: Page) -> None:
    page.locator("summary", has_text="None of these").click()


def answer_nothing(page: Page) -> None:
    """What only a changed page could send."""
    page.locator("input[name=take]").first.evaluate("each => { each.value = ''; }")
    page.locator("form:has(input[name=take]) button").first.click()
    page.get_by_role("alert").wait_for()


def offer_to(worker: cast.Worker) -> str:
    """Let Eleanor propose three times; return the address of the offer."""
    enrolment = enrolment_of(worker)
    trainer = Trainer.objects.get(user__email=ELEANOR.email)
    topics = ready_topics(enrolment)[:1]
    slots = free_slots(enrolment, topics[0].call_length, trainer=trainer)
    key = uuid4()
    starts = [slot.starts_at for slot in slots[::8][:3]]
    propose(trainer, enrolment, topics, starts, request_key=key)
    return reverse("sessions:offer", args=[key])


def earlier_for(worker: cast.Worker) -> str:
    """Offer an earlier time than their call's; return the address of the offer."""
    call = Booking.objects.filter(trainee__email=worker.email).latest("starts_at")
    wait_for_earlier(call, by=call.trainee)
    start = free_slots(
        call.enrolment, call.ends_at - call.starts_at, trainer=call.trainer
    )[0].starts_at
    length = call.ends_at - call.starts_at
    freed = FreedTime.objects.create(
        trainer=call.trainer, starts_at=start, ends_at=start + length
    )
    assert offer_freed() == 1
    return reverse("sessions:offer", args=[freed.offer])


def choose_both(page: Page) -> None:
    choose_the_soonest(page)
    page.get_by_text("Now choose a time for call 2.").wait_for()
    page.locator("#call-2 .slots-soonest a").first.click()
    page.get_by_role("button", name="Book both calls").wait_for()


def open_lines(page: Page) -> None:
    """Every line that opens in a list."""
    page.locator(".lines details").evaluate_all(
        "all => all.forEach((each) => { each.open = true; })"
    )


def open_decline(page: Page) -> None:
    page.locator("summary", has_text="Decline").click()


def decline_without_a_word(page: Page) -> None:
    open_decline(page)
    page.get_by_role("button", name="Decline, and tell them").click()
    page.get_by_role("alert").wait_for()


def type_a_time(page: Page) -> None:
    page.locator("#id_other_date").fill(f"{now() + timedelta(days=3):%Y-%m-%d}")
    page.locator("#id_other_time").fill("21:05")
    page.locator("#id_any_hours").check()
    page.get_by_role("button", name="Take this time").click()
    page.locator("#confirm").wait_for()


def say_otherwise_without_a_word(page: Page) -> None:
    page.locator("summary", has_text="That is not what happened").click()
    page.get_by_role("button", name="Tell the training team").click()


def miss(worker: cast.Worker, side: Origin) -> None:
    own = Booking.objects.filter(trainee__email=worker.email).latest("starts_at")
    own.topics.update(booked_for=None)
    own.state, own.missed_by, own.ended_at = BookingState.MISSED, side, now()
    own.save(update_fields=["state", "missed_by", "ended_at"])


def bring_a_guest(worker: cast.Worker) -> None:
    own = Booking.objects.filter(trainee__email=worker.email).latest("starts_at")
    name_guest(own, by=own.trainee, name="Rosa Lind", role="Interpreter")


def leave_unsigned(worker: cast.Worker) -> None:
    """Let their call be longer ago than its trainer alone may sign it off."""
    week = timedelta(days=7)
    own = Booking.objects.filter(trainee__email=worker.email).latest("starts_at")
    Booking.objects.filter(pk=own.pk).update(
        starts_at=own.starts_at - week,
        ends_at=own.ends_at - week,
        busy_until=own.busy_until - week,
    )


def open_all_details(page: Page) -> None:
    for summary in page.locator("main details > summary").all():
        summary.click()


def book_many(worker: cast.Worker) -> str:
    """Where they book more topics than fit into one call."""
    programme = ProgrammePageFactory(parent=programme_index(), title="A long one")
    TopicPageFactory.create_batch(6, parent=programme)
    for trainer in Trainer.objects.all():
        trainer.programmes.add(programme)
    enrolment = EnrolmentFactory(
        member=member_of(worker), edition=EditionFactory(programme=programme)
    )
    return reverse("sessions:book", args=[enrolment.pk])


def choose_no_topic(page: Page) -> None:
    chosen = page.get_by_role("checkbox", checked=True)
    while chosen.count():
        with page.expect_response(lambda answer: "picked=1" in answer.url):
            chosen.first.uncheck()
        page.wait_for_load_state("networkidle")


def be_too_late(page: Page) -> None:
    """Confirm a time of Eleanor's that somebody else has taken since."""
    choose_the_soonest(page)
    at = page.locator("#confirm input[name=start]").get_attribute("value")
    assert at, "The page does not say when."
    other = enrolment_of(cast.LIAM)
    book_call(
        other,
        ready_topics(other)[:1],
        starts_at=datetime.fromisoformat(at),
        request_key=uuid4(),
        by=other.member.user,
        trainer=Trainer.objects.get(user__email=ELEANOR.email),
    )
    page.get_by_role("button", name="Book ").click()
    page.get_by_role("alert").wait_for()


def overlap_monday(page: Page) -> None:
    page.get_by_label("Monday").fill("09:00-12:00, 11:00-13:00")
    page.get_by_role("button", name="Save the week").click()
    page.get_by_role("alert").wait_for()


# --- The screens of each -----------------------------------------------------------


def choose_file(content: bytes) -> Act:
    """Choose a file to be compared, and wait for what is said of it."""

    def act(page: Page) -> None:
        file = {"name": "some.pdf", "mimeType": "", "buffer": content}
        page.get_by_label("Choose the PDF, or drop it here").set_input_files(file)  # type: ignore[arg-type]
        page.locator("[data-result] .callout").wait_for()

    return act


def compare_name(name: str) -> Act:
    def act(page: Page) -> None:
        page.get_by_label("The name you expect").fill(name)
        page.get_by_role("button", name="Compare this name").click()
        page.locator("#name .callout, #name .field-error").first.wait_for()

    return act


def of_certificates() -> Iterator[Screen]:
    """What anybody may be told of a certificate, and of a file."""
    pdf = b"%PDF-1.7 of a screen"
    made = {
        "state": CertificateState.READY,
        "pdf": ContentFile(pdf, name="certificates/of-a-screen.pdf"),
        "pdf_sha256": sha256(pdf).hexdigest(),
    }
    ready = f"/c/{CertificateFactory(**made).serial}"
    yield Screen(ready, choose_file(pdf), "genuine")
    yield Screen(ready, choose_file(pdf + b"more"), "changed")
    yield Screen("/c/", choose_file(b"no PDF"), "no-pdf")
    yield Screen(f"/c/{serials.SAMPLE}", name="sample")
    for end in (End.REVOKED, End.WITHDRAWN, End.REPLACED):
        ended = CertificateFactory(ended_as=end, ended_at=now())
        yield Screen(f"/c/{ended.serial}", name=end.value)
    erased = CertificateFactory(public_claim={}, private_claim={}, erased_at=now())
    yield Screen(f"/c/{erased.serial}", name="erased")
    hidden = CertificateFactory(is_name_hidden=True)
    name = hidden.public_claim["name"]
    yield Screen(f"/c/{hidden.serial}", compare_name(name), "hidden-same")
    yield Screen(f"/c/{hidden.serial}", compare_name("Someone Else"), "hidden-other")
    yield Screen(f"/c/{hidden.serial}", compare_name(""), "hidden-empty")


def of_anybody(journey: Journey) -> Iterator[Screen]:
    yield Screen("/")
    yield Screen("/accounts/login/")
    yield Screen("/accounts/login/", press("Sign in"), "refused")
    yield Screen("/accounts/password/reset/")
    yield Screen("/accounts/password/reset/done/")
    yield Screen("/accounts/password/reset/key/1-none/")
    yield Screen("/accounts/signup/")
    yield Screen("/accounts/inactive/")
    yield Screen("/nothing-here/")
    yield Screen("/c/")
    yield Screen("/c/?serial=0000-0000-0000-00", name="mistyped")
    yield Screen("/c/0000000000000")
    for holder in (cast.NADIA, cast.VIKTOR, cast.INGRID):
        yield Screen(f"/c/{certificate_of(holder).serial}")
    yield from of_certificates()
    yield Screen("/join/no-such-token/")
    yield Screen("/join/sent/")
    yield Screen(journey.link_in_mail_to(cast.INVITED.email))
    accept = journey.link_in_mail_to(cast.INVITED.email)
    yield Screen(accept, press("Accept and start"), "refused")
    link = urlsplit(welcome_link(User.objects.get(email=NEWCOMER))).path
    yield Screen(link)
    Invitation.objects.update(expires_at=now())
    yield Screen(accept, name="run out")


def of_learners() -> Iterator[Screen]:
    """*My learning* in each of its states."""
    for worker in cast.WORKERS:
        yield Screen("/my/", who=worker)


def try_what_is_missing(page: Page) -> None:
    """On a machine without camera and microphone."""
    page.get_by_role("button", name="Start the test").click()
    page.locator("[data-part=network][data-result=good]").wait_for()
    page.get_by_text("Something needs a look").wait_for()


def of_callers() -> Iterator[Screen]:
    for worker in (cast.JONAS, cast.CHLOE, cast.DIEGO, cast.NADIA, cast.LUCIA):
        yield Screen(call_of(worker), who=worker)
        yield Screen("/calls/", who=worker)
    yield Screen("/calls/", who=cast.LIAM)
    yield Screen("/calls/test/")
    yield Screen("/calls/test/", try_what_is_missing, "tested")
    yield Screen(call_of(cast.JONAS), cancel_without_a_word, "refused", cast.JONAS)
    bring_a_guest(cast.JONAS)
    for who in (cast.JONAS, ELEANOR):
        yield Screen(call_of(cast.JONAS), open_all_details, "with a guest", who)
    leave_unsigned(cast.CHLOE)
    yield Screen("/trainer/", name="left unsigned", who=MEI_LING)
    yield Screen(f"{call_of(cast.CHLOE)}sign-off/", name="for another", who=MEI_LING)
    yield Screen(book_address(cast.JONAS), who=cast.JONAS)
    book = book_address(cast.FATIMA)
    yield Screen(book, who=cast.FATIMA)
    yield Screen(book, choose_the_soonest, "confirm", cast.FATIMA)
    yield Screen(book, choose_no_topic, "no topic", cast.FATIMA)
    trainer = Trainer.objects.get(user__email=ELEANOR.email)
    yield Screen(f"{book}?trainer={trainer.pk}", be_too_late, "taken", cast.FATIMA)
    Trainer.objects.update(is_active=False)
    yield Screen(book, name="nobody free", who=cast.FATIMA)


def of_those_with_offers() -> Iterator[Screen]:
    """Asking for a time, what is proposed, an earlier time; open and answered."""
    fatima = enrolment_of(cast.FATIMA)
    ask = reverse("sessions:ask", args=[fatima.pk])
    yield Screen(ask, who=cast.FATIMA)
    yield Screen(ask, press("Ask for a time"), "refused", cast.FATIMA)
    TimeRequestFactory(enrolment=fatima, note="From next week on.")
    yield Screen(ask, name="asked", who=cast.FATIMA)
    yield Screen(book_address(cast.FATIMA), name="asked", who=cast.FATIMA)
    offer = offer_to(cast.FATIMA)
    yield Screen(offer, open_none_of_these, "none of these", cast.FATIMA)
    yield Screen(offer, answer_nothing, "refused", cast.FATIMA)
    yield Screen("/my/", name="with an offer", who=cast.FATIMA)
    decline(UUID(offer.split("/")[-2]), by=fatima.member.user)
    yield Screen(offer, name="declined", who=cast.FATIMA)
    earlier = earlier_for(cast.JONAS)
    yield Screen(earlier, name="earlier", who=cast.JONAS)
    yield Screen("/my/", name="with an earlier time", who=cast.JONAS)
    yield Screen(call_of(cast.JONAS), name="waiting", who=cast.JONAS)


def of_movers() -> Iterator[Screen]:
    """A call that changes, or was missed; and two calls booked at once."""
    jonas = f"{call_of(cast.JONAS)}move/"
    yield Screen(jonas, who=cast.JONAS)
    yield Screen(jonas, choose_the_soonest, "confirm", cast.JONAS)
    yield Screen(jonas, type_a_time, "typed", ELEANOR)
    yield Screen(f"{call_of(cast.JONAS)}hand-over/", who=ELEANOR)
    hand_over = f"{call_of(cast.JONAS)}hand-over/"
    yield Screen(hand_over, press("choose again"), "refused", ELEANOR)
    for side in (Origin.TRAINER, Origin.TRAINEE):
        miss(cast.CHLOE, side)
        yield Screen(call_of(cast.CHLOE), name=f"missed by {side}", who=cast.CHLOE)
    yield Screen(
        call_of(cast.CHLOE), say_otherwise_without_a_word, "refused", cast.CHLOE
    )
    yield Screen(call_of(cast.CHLOE), who=ELEANOR)
    yield Screen("/calls/", who=cast.CHLOE)
    long = book_many(cast.LIAM)
    yield Screen(long, name="two calls")
    yield Screen(long, choose_the_soonest, "two calls, one chosen")
    yield Screen(long, choose_both, "two calls, both chosen")


def of_readers() -> Iterator[Screen]:
    yield Screen(topic_of(cast.LIAM))
    yield Screen(topic_of(cast.LIAM), open_outline, "outline open")
    yield Screen(topic_of(cast.LIAM, 1), press("I have read"), "read")
    yield Screen(topic_of(cast.BRUNO))
    for number in (1, 2):  # one sorts, one decides on cases
        yield Screen(topic_of(cast.LIAM, number), check_exercise, "unanswered")
        yield Screen(topic_of(cast.LIAM, number), answer_exercise, "answered")
    every = TopicPageFactory(title="Every block", body=every_block())
    yield Screen(every.url, open_all)
    start = press("Start the check")  # it has pairs of long answers to match
    yield Screen(topic_of(cast.TOMASZ, 2), start, "long answers", cast.TOMASZ)
    yield Screen(locked_topic_for(cast.LIAM), name="prepare first")
    yield Screen(topic_as_it_was_for(cast.NADIA), see_text_of_then, who=cast.NADIA)
    yield Screen("/programmes/")
    yield Screen("/handbook/")
    for page in HandbookPage.objects.filter(depth__gt=3):
        yield Screen(str(page.url))
    asked = HandbookPage.objects.get(slug="bytekast-qualifications")
    given = acknowledge(member_of(cast.LIAM), asked, version=asked.version)
    yield Screen(str(asked.url), name="confirmed")
    yield Screen(given.get_absolute_url(), name="what was confirmed")
    yield Screen("/search/")
    yield Screen("/search/?q=ticket")
    yield Screen("/search/?tag=tickets")
    yield Screen("/search/?q=xyzzy")
    yield Screen("/team/")
    yield Screen("/nothing-here/")
    for worker in (cast.YUKI, cast.NADIA):
        yield Screen(str(enrolment_of(worker).programme.url), who=worker)
    other = enrolment_of(cast.BRUNO).programme
    yield Screen(str(other.url), name="not theirs")
    yield Screen(reverse("courses:ask", args=[other.pk]))
    ProgrammeRequestFactory(member=member_of(cast.LIAM), programme=other)
    yield Screen(str(other.url), name="asked for")


def topic_as_it_was_for(worker: cast.Worker) -> str:
    enrolment = enrolment_of(worker)
    topic = enrolment.edition.topics.earliest("order").topic_id
    return reverse("courses:topic_as_it_was", args=[enrolment.pk, topic])


def locked_topic_for(worker: cast.Worker) -> str:
    """A topic whose call opens after reading and the check."""
    programme = ProgrammePageFactory(parent=programme_index(), title="Prepare first")
    topic = TopicPageFactory(parent=programme, questions=questions())
    edition = EditionFactory(programme=programme, preparation=Preparation.FIRST)
    EnrolmentFactory(member=member_of(worker), edition=edition)
    return str(topic.url)


def fail_check(worker: cast.Worker, number: int = 0) -> None:
    """Hand in nothing for one of their topics' checks."""
    enrolment = enrolment_of(worker)
    topic = enrolment.edition.topics.select_related("topic")[number].topic
    submit_attempt(start_attempt(enrolment, topic), {})


def call_with_failed_check() -> Booking:
    """Eleanor's, of a month ago, with somebody who has used all attempts."""
    begin = now() - timedelta(days=30)
    call: Booking = BookingFactory(
        enrolment=EnrolmentFactory(edition=enrolment_of(cast.LIAM).edition),
        trainer=Trainer.objects.get(user__email=ELEANOR.email),
        starts_at=begin,
        ends_at=begin + timedelta(minutes=20),
    )
    topic = call.topics.select_related("topic").get().topic
    for _ in range(topic.attempts_allowed):
        submit_attempt(start_attempt(call.enrolment, topic), {})
    return call


def see_each_question(page: Page) -> None:
    page.locator("#check details").evaluate("each => (each.open = true)")


def of_check_takers() -> Iterator[Screen]:
    topic = topic_of(cast.LIAM)
    yield Screen(topic, press("Start the check"), "check started")
    yield Screen(topic, press("Hand in"), "check refused")
    fail_check(cast.LIAM)
    yield Screen(topic, see_each_question, "check failed")
    fail_check(cast.LIAM)
    fail_check(cast.LIAM)
    yield Screen(topic, see_each_question, "check used up")
    trainer = User.objects.get(email=ELEANOR.email)
    enrolment = enrolment_of(cast.LIAM)
    page = enrolment.edition.topics.select_related("topic")[0].topic
    give_attempts(enrolment, page, by=trainer, count=1, note="Read part two.")
    yield Screen(topic, name="check given")
    pass_in_call(enrolment, page, by=trainer, note="Knows it by heart.")
    yield Screen(topic, see_each_question, "check passed in a call")
    second = enrolment.edition.topics.select_related("topic")[1].topic
    type(second).objects.filter(pk=second.pk).update(one_at_a_time=True)
    attempt = start_attempt(enrolment, second)
    address = reverse("courses:check", args=[attempt.pk])
    yield Screen(topic_of(cast.LIAM, 1), name="check begun")
    for number in range(1, len(attempt.questions) + 1):
        yield Screen(f"{address}?at={number}", name=f"question {number}")
    yield Screen(f"{address}?at=99", name="all answers")
    yield Screen(f"{address}?at=99", press("Hand in"), "answers missing")


def of_owners() -> Iterator[Screen]:
    """What is one's own: settings, sign-in, certificates."""
    yield Screen("/certificates/", open_menu, "menu open")
    yield Screen("/settings/")
    yield Screen("/settings/name/correct/", type_a_rare_name, "letters")
    yield Screen("/settings/own-address/")
    yield Screen("/settings/notices/")
    yield Screen("/settings/notices/", press("Turn off: Overdue"), "one off")
    liam = User.objects.get(email=cast.LIAM.email)
    off = urlsplit(off_url(liam.pk, DUE_SOON)).path
    yield Screen(off)
    yield Screen(off, press("Turn them off"), "off")
    yield Screen("/privacy/")
    yield Screen("/settings/data/")
    yield Screen("/settings/data/", press("Ask to be erased"), "refused")
    yield Screen("/settings/log/")
    yield Screen("/calls/feed/")
    yield Screen("/calls/feed/", press("Make my address"), "address")
    yield Screen("/calls/feed/", name="has one")
    yield Screen("/accounts/email/")
    yield Screen("/accounts/password/change/")
    yield Screen("/accounts/reauthenticate/")
    yield Screen("/accounts/2fa/")
    yield Screen("/accounts/2fa/totp/activate/")
    yield Screen("/accounts/2fa/webauthn/")
    yield Screen("/accounts/2fa/webauthn/add/")
    yield Screen("/settings/sign-ins/")
    yield Screen("/settings/company-sign-in/")
    yield Screen("/accounts/logout/")
    yield Screen("/certificates/")
    yield Screen("/certificates/", who=cast.NADIA)
    for holder in (cast.NADIA, cast.VIKTOR, cast.INGRID):
        yield Screen(certificate_of(holder).get_absolute_url(), who=holder)
    cover_all(cast.CHLOE)  # the worker has not come to it yet
    yield Screen(certificate_of(cast.CHLOE).get_absolute_url(), who=cast.CHLOE)
    yield Screen("/my/", who=cast.CHLOE)


def of_those_with_factors() -> Iterator[Screen]:
    """Their second factors, from the question whether it is them."""
    liam = User.objects.get(email=cast.LIAM.email)
    TOTP.activate(liam, generate_totp_secret())
    RecoveryCodes.activate(liam)
    data = {"name": "My phone", "credential": {"clientExtensionResults": {}}}
    kind = Authenticator.Type.WEBAUTHN
    key = Authenticator.objects.create(user=liam, type=kind, data=data)
    yield Screen("/accounts/2fa/reauthenticate/")
    yield Screen("/accounts/reauthenticate/", say_password, "was them")
    yield Screen("/accounts/2fa/")
    yield Screen("/accounts/2fa/webauthn/")
    yield Screen(reverse("mfa_edit_webauthn", args=[key.pk]))
    yield Screen(reverse("mfa_remove_webauthn", args=[key.pk]))
    yield Screen("/accounts/2fa/totp/deactivate/")
    codes = "/accounts/2fa/recovery-codes/"
    yield Screen(f"{codes}generate/")
    yield Screen(f"{codes}generate/", press("Make new codes"), "codes")
    yield Screen(codes, name="shown before")


def of_those_to_set_up() -> Iterator[Screen]:
    """A role is asked for a second factor, which the demo leaves out."""
    eleanor = User.objects.get(email=ELEANOR.email)
    with override_settings(MFA_REQUIRED=True):
        yield Screen("/accounts/login/", sign_in_as_eleanor, "to set up")
        TOTP.activate(eleanor, generate_totp_secret())
        yield Screen("/trainer/", name="to sign in again")


def sign_in_as_eleanor(page: Page) -> None:
    page.get_by_label("Email").fill(ELEANOR.email)
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="One more thing before you go on").wait_for()


def say_password(page: Page) -> None:
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Go on").click()


def of_trainer() -> Iterator[Screen]:
    answers = reverse("sessions:check_answers", args=[call_with_failed_check().ref])
    yield Screen(answers)
    yield Screen(answers, press("Pass this check"), "refused")
    yield Screen("/trainer/")
    yield Screen("/trainer/ready/")
    yield Screen("/trainer/week/")
    eleanor = Trainer.objects.get(user__email=ELEANOR.email)
    name_calendars(eleanor)
    yield Screen("/trainer/hours/calendars/")
    yield Screen("/trainer/hours/calendars/", press("Add calendar"), "refused")
    yield Screen("/trainer/hours/")
    yield Screen("/trainer/hours/preview/")
    yield Screen("/trainer/hours/calls/")
    yield Screen("/trainer/hours/", overlap_monday, "refused")
    yield Screen("/trainer/load/")
    yield Screen(
        "/trainer/cannot-work/?first=2000-01-01&last=2000-01-02", name="refused"
    )
    schedule = reverse("sessions:schedule", args=[enrolment_of(cast.FATIMA).pk])
    yield Screen(schedule)
    yield Screen(schedule, choose_the_soonest, "confirm")
    yield Screen(schedule, choose_one_more, "two to propose")
    yield Screen(schedule, type_a_night_call, "typed")
    TimeRequestFactory(enrolment=enrolment_of(cast.FATIMA), note="From next week on.")
    yield Screen(schedule, name="asked for a time")
    yield Screen(offer_to(cast.FATIMA), name="proposed")
    yield Screen(schedule, name="proposed")
    TimeRequestFactory(enrolment=enrolment_of(cast.YUKI))
    yield Screen("/trainer/ready/", name="asked, proposed, waiting")
    yield Screen("/trainer/ready/?q=nobody", name="nobody")
    yield Screen(call_of(cast.LUCIA))
    yield Screen(call_of(cast.CHLOE))
    yield Screen(f"{call_of(cast.CHLOE)}sign-off/")
    yield Screen(f"{call_of(cast.CHLOE)}sign-off/", press("Sign off"), "refused")
    yield Screen(call_of(cast.INGRID))
    yield Screen("/programmes/")
    yield Screen("/my/")
    with override_settings(SIGN_OFF_UNDO=timedelta(minutes=15)):
        cover_all(cast.CHLOE)
        yield Screen(call_of(cast.CHLOE), name="can be undone")
        yield Screen("/trainer/", name="can be undone")
    yield from after_a_call()


def after_a_call() -> Iterator[Screen]:
    """A sign-off that can only be taken back; and how the call was."""
    chloe = Booking.objects.get(trainee__email=cast.CHLOE.email)
    signed_at = now() - timedelta(hours=1)
    Booking.objects.filter(pk=chloe.pk).update(signed_off_at=signed_at)
    yield Screen(call_of(cast.CHLOE), name="can be taken back")
    yield Screen(f"{call_of(cast.CHLOE)}correct/")
    yield Screen(f"{call_of(cast.CHLOE)}correct/", press("Take it back"), "refused")
    yield Screen(call_of(cast.CHLOE), name="after it", who=cast.CHLOE)
    yield Screen(call_of(cast.CHLOE), press("Send"), "refused", who=cast.CHLOE)


def of_manager() -> Iterator[Screen]:
    yield Screen("/team/")
    yield Screen("/team/?sort=-user-support&state=attention", name="sorted")
    yield Screen("/team/calls/")
    yield Screen("/team/calls/?when=past&q=nobody", name="nobody")
    yield Screen("/team/calls/feed/")
    yield Screen("/team/needs/user-support/")
    yield Screen("/team/handbook/")
    yield Screen("/team/handbook/?q=nobody", name="nobody")
    yield Screen("/team/?q=nobody")
    yield Screen("/certificates/team/")
    yield Screen("/certificates/team/?q=nobody")
    yield Screen("/certificates/team/?state=gold&sort=until", name="sorted, wrong")
    yield Screen("/certificates/audit/")
    yield Screen("/certificates/audit/", press("Make the pack"), name="being made")
    yield from of_statements()
    for worker in (cast.NADIA, cast.DIEGO, cast.JONAS, cast.TOMASZ, cast.PRIYANKA):
        yield person_screen(worker)
    yield Screen(call_of(cast.JONAS))
    yield Screen(certificate_of(cast.NADIA).get_absolute_url())
    yield Screen(topic_as_it_was_for(cast.NADIA), see_text_of_then)
    yield Screen("/team/", who=cast.HENRIK)  # of two companies
    bruno = reverse("dashboards:person", args=[member_of(cast.BRUNO).pk])
    yield Screen(bruno, who=cast.HENRIK)
    yield from of_manager_who_changes()
    yield from of_manager_who_invites()


def of_statements() -> Iterator[Screen]:
    """Asked for, being made, made, withdrawn; and what anybody sees of it."""
    yield Screen("/certificates/statements/")
    make = press("Make the statement")
    yield Screen("/certificates/statements/", make, name="being made")
    statement = Statement.objects.get()
    page = statement.get_absolute_url()
    content = b"%PDF-1.7 sealed"
    name = private_storage().save("statements/some.pdf", ContentFile(content))
    Statement.objects.update(
        pdf=name, pdf_sha256=sha256(content).hexdigest(), made_at=now()
    )
    yield Screen(page, name="made")
    public = reverse("statement", args=[statement.serial])
    yield Screen(public)
    Statement.objects.update(withdrawn_at=now())
    yield Screen(page, name="withdrawn")
    yield Screen(public, name="withdrawn")


def of_manager_who_invites() -> Iterator[Screen]:
    """A list pasted, with something wrong; those that were sent."""
    manager = member_of(cast.AMARA)
    yield Screen("/team/invite/")
    yield Screen("/team/invite/", press("Look at the list"), "refused")
    draft = InviteDraftFactory(
        member=manager,
        lines=[
            [1, "ann@", "Ann Lee", "Suport", "Nowhere", "boss", "soon"],
            [2, cast.LIAM.email, "", "", "", "", ""],
            [3, "bob@example.com", "Bob Ray", "Support", "", "", ""],
        ],
    )
    page = reverse("people:invite_list", args=[draft.pk])
    yield Screen(page)
    yield Screen(page, open_defaults, "defaults")
    yield Screen(page, press("Send 1 invitation"), "sent")
    InviteDraft.objects.update(to_send=300)
    yield Screen(page, name="being sent")
    one = Invitation.objects.get(email="bob@example.com")
    Message.objects.filter(key__startswith=f"invitation:{one.pk}:").update(
        tries=3, error="SMTPRecipientsRefused", sent_at=None
    )
    yield Screen("/team/invitations/")
    one_page = reverse("people:invitation", args=[one.pk])
    yield Screen(one_page)


def of_manager_who_changes() -> Iterator[Screen]:
    """Teams, programmes and requests of their people."""
    liam, jonas = member_of(cast.LIAM), member_of(cast.JONAS)
    yield Screen("/team/who-had-to/")
    yield Screen("/team/who-had-to/?on=2000-01-01", name="nobody had to")
    yield Screen("/team/requests/")
    ProgrammeRequestFactory(
        member=liam, programme=enrolment_of(cast.NADIA).programme, note="Please."
    )
    yield Screen("/team/", open_decline, "asked")
    yield Screen(f"/team/{liam.pk}/", press("Remind"), "reminded")
    yield Screen("/team/requests/", decline_without_a_word, "refused")
    yield Screen(f"/team/add/?members={liam.pk}&members={jonas.pk}")
    yield Screen(f"/team/add/?members={liam.pk}", press("Add 1 person"), "refused")
    yield Screen("/team/add/", name="nobody")
    yield Screen(f"/team/{jonas.pk}/teams/")
    yield Screen(f"/team/{jonas.pk}/leave/")
    plan_end(jonas, now().date() + timedelta(days=30), by=None)
    yield Screen(f"/team/{jonas.pk}/leave/", name="planned")
    yield Screen(f"/team/{jonas.pk}/away/")
    day = now().date()
    set_away(liam, day, day + timedelta(days=9), by=liam.user)
    yield Screen(f"/team/{liam.pk}/away/", name="away")
    yield Screen("/team/left/")
    yield Screen("/team/left/?q=nobody", name="nobody")
    plan_end(jonas, None, by=None)
    set_teams(jonas, [], by=None)
    yield Screen(f"/team/{jonas.pk}/", name="just left")
    yield Screen(call_of(cast.JONAS), name="freed soon")
    added = EnrolmentFactory(
        member=liam, source=Source.MANAGER, edition=EditionFactory()
    )
    page = reverse("dashboards:enrolment", args=[added.pk])
    yield Screen(page, press("Take them out"), "refused")


def of_staff() -> Iterator[Screen]:
    yield Screen("/standing/")
    for reseller in Reseller.objects.all():
        yield Screen(reverse("dashboards:reseller", args=[reseller.pk]))
    yield Screen("/standing/waiting/", name="nothing")
    liam = member_of(cast.LIAM)
    ask(liam.user, "Liam O’Connor-Berg", "Married")
    TransferFactory(enrolment=enrolment_of(cast.NADIA), member=liam)
    yield Screen("/standing/waiting/", open_lines, name="asked")
    yield Screen("/standing/addresses/", open_lines, name="left")
    ask_for_erasure(User.objects.create_user("gone@example.com", full_name="Gone"))
    yield Screen("/standing/erasures/", open_all, "asked")
    yield Screen("/standing/?on=2026-11-01&state=unmet&sort=gap", name="filtered")
    yield Screen("/standing/?q=nobody+at+all", name="nobody")
    yield Screen("/standing/add/")
    yield Screen("/standing/where-people-stop/")
    yield Screen("/standing/second-person/")
    yield Screen("/standing/handbook/")
    yield Screen("/standing/health/")
    noticing.look()
    noticing.look()  # nothing runs beside the pages here
    yield Screen("/standing/second-person/", name="troubled")
    noticing.forget()
    yield Screen(mailing.link_of(mailing.send_test_mail(ELEANOR.email)), name="mail")
    yield Screen("/standing/log/")
    yield Screen("/standing/log/?q=nobody+at+all", name="nothing")
    booked = Event.objects.filter(verb="booked").latest("pk")
    yield Screen(reverse("dashboards:log_event", args=[booked.pk]))
    northlight = member_of(cast.LIAM).reseller
    yield Screen(reverse("dashboards:reseller_handbook", args=[northlight.pk]))
    yield from of_staff_of_trainers()
    exempt_page = reverse("dashboards:enrolment", args=[enrolment_of(cast.YUKI).pk])
    yield Screen(exempt_page)
    yield Screen(exempt_page, press("Ask to exempt them"), "refused")
    evidence = enrolment_of(cast.NADIA).evidence.earliest("pk")
    void = reverse("dashboards:void", args=[evidence.pk])
    yield Screen(void)
    yield Screen(void, press("Take it back"), "refused")
    yield Screen("/cms/styleguide/")
    yield person_screen(cast.NADIA)
    yield Screen(call_of(cast.CHLOE))
    yield from of_staff_of_certificates()
    yield Screen("/certificates/team/")
    yield Screen(str(ProgrammePage.objects.earliest("path").url))


def of_staff_of_certificates() -> Iterator[Screen]:
    """Finding, ending and mending certificates."""
    yield Screen("/certificates/staff/")
    yield Screen("/certificates/staff/?show=waiting")
    yield Screen("/certificates/staff/?show=trouble")
    manage = reverse("certificates:manage", args=[certificate_of(cast.NADIA).serial])
    yield Screen(manage)
    yield Screen(manage, press("Ask to revoke this certificate"), "refused")


def of_staff_of_trainers() -> Iterator[Screen]:
    """Load, absence and leaving of trainers, a dispute, and how calls were."""
    eleanor = Trainer.objects.get(user__email=ELEANOR.email)
    yield Screen("/standing/feedback/", name="nothing")
    CallFeedbackFactory.create_batch(5, booking__trainer=eleanor, missing="More time.")
    yield Screen("/standing/feedback/")
    missed = BookingFactory(trainer=eleanor, state=BookingState.MISSED)
    settle = reverse("sessions:settle", args=[DisputeFactory(booking=missed).pk])
    yield Screen("/standing/trainers/")
    yield Screen(settle)
    yield Screen(settle, press("Settle"), "refused")
    yield Screen(reverse("sessions:trainer", args=[eleanor.pk]))
    leaving = reverse("sessions:leaving", args=[eleanor.pk])
    yield Screen(leaving)
    cannot_work = reverse("sessions:cannot_work_for", args=[eleanor.pk])
    far = (now() + timedelta(days=60)).date()
    yield Screen(f"{cannot_work}?first={now().date()}&last={far}")
    yield Screen(
        f"{cannot_work}?first={now().date()}&last={far}", press("Take"), "done"
    )
    yield Screen(leaving, press("End the work"), "gone")


def second_factors_of(user: User) -> str:
    """Of somebody who has an app, and its codes."""
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)
    return reverse("wagtailusers_users:second_factors", args=[user.pk])


def of_staff_in_cms() -> Iterator[Screen]:
    """Those that are ours, among Wagtail's."""
    for name in ("reseller", "invitation", "trainer", "wagtailusers_users"):
        yield Screen(reverse(f"{name}:index"))
        yield Screen(reverse(f"{name}:add"))
    for name, row in [
        ("reseller:edit", Reseller.objects.earliest("path")),
        ("invitation:inspect", Invitation.objects.latest("pk")),
        ("trainer:edit", Trainer.objects.earliest("pk")),
        ("wagtailusers_users:edit", User.objects.get(email=NEWCOMER)),
        ("wagtailusers_users:welcome", User.objects.get(email=NEWCOMER)),
    ]:
        yield Screen(reverse(name, args=[row.pk]))
    yield Screen(second_factors_of(User.objects.get(email=ELEANOR.email)))
    design = reverse(
        "certificate_design:edit", args=[CertificateDesign.objects.get().pk]
    )
    yield Screen(design)
    yield Screen(design, press("make a PDF sample"), "sample asked for")
    preview = design.replace("/edit/", "/preview/")
    yield Screen(f"{preview}?mode={DesignPreview.LONG}")
    new = ProgrammePageFactory(parent=programme_index(), title="A new programme")
    for programme in (new, ProgrammePage.objects.earliest("path")):
        yield Screen(reverse(PUBLISH, args=[programme.pk]))
    fail_check(cast.LIAM)
    asked = enrolment_of(cast.LIAM).edition.topics.earliest("order")
    yield Screen(reverse(CHECK_REPORT, args=[asked.topic_id]))


def of_editors() -> Iterator[Screen]:
    """The next edition, from the first word to its people; and a topic's preview."""
    programme = enrolment_of(cast.LIAM).programme
    page = reverse(NEXT, args=[programme.pk])
    yield Screen(page)
    yield Screen(page, press("Gather the next edition"), "nothing to put up")
    draft = change_much(programme)
    yield Screen(page, name="with changes")
    yield Screen(page, mistype_the_days, "refused")
    yield Screen(f"{page}people/?group=goon")
    put_up(draft, seen=fingerprint(draft), by=None)
    yield Screen(page, name="put up")
    EditionDraft.objects.filter(pk=draft.pk).update(starts_at=now())
    go_on(draft.pk)
    yield Screen(page, name="on its way")
    go_on(draft.pk)
    yield Screen(page, name="with everybody")
    topic = programme.topics().live().first()
    preview = reverse("wagtailadmin_pages:view_draft", args=[topic.pk])
    yield Screen(f"{preview}?mode={PreviewMode.LOCKED}")


def change_much(programme: ProgrammePage) -> EditionDraft:
    """Let its next edition differ from the one in force in each way it can."""
    first, second, third, *_rest = programme.topics()
    second.title, second.call_minutes = "Sorting tickets", 45
    second.save_revision().publish()
    TopicPageFactory(parent=programme, title="Handing over", questions=questions())
    programme.validity_months = 18
    programme.save_revision().publish()
    draft = begin_draft(programme, by=None)  # the one that is open, with these pages
    return save_draft(
        draft,
        seen=fingerprint(draft),
        summary="There are three queues now, and one of them is for outages.",
        effective_on=None,
        redo_days=30,
        renewal=Renewal.CHANGED,
        changed=[first.pk],
        left_out=[third.pk],
        by=None,
    )
