"""Who may open which address: every URL pattern of ours stands in this table.

`test_walls` asks each as everybody, about an object of the trainee Tess and about one
that is nobody's they know. A pattern without an entry fails the test here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.timezone import now
from wagtail.documents.models import Document

from certificates.models import CertificateState
from content.permissions import grant_channel_team
from courses.checks import start_attempt
from lms.people.accounts import set_channel_team
from sessions.models import BookingState
from tests.checks import questions
from tests.factories import (
    AcknowledgementFactory,
    ApprovalFactory,
    AuditPackFactory,
    BookingFactory,
    CertificateFactory,
    DesignSampleFactory,
    DisputeFactory,
    EditionFactory,
    EditionTopicFactory,
    EnrolmentFactory,
    ErasureFactory,
    EventFactory,
    EvidenceFactory,
    HandbookPageFactory,
    InvitationFactory,
    InviteDraftFactory,
    MemberFactory,
    NameCorrectionFactory,
    OutsideCalendarFactory,
    ProgrammeRequestFactory,
    ResellerFactory,
    StatementFactory,
    TopicCompletionFactory,
    TopicPageFactory,
    TrainerFactory,
    TransferFactory,
    UserFactory,
)

PEOPLE = [
    "anonymous",
    "tess",
    "colleague",
    "manager",
    "other_manager",
    "trainer",
    "other_trainer",
    "staff",
]
SIGN_IN = "sign in"
OWNERS = {
    "cms/": "Wagtail's admin: for the channel team alone",
    "accounts/": "allauth's: signing in, one's own addresses, passkeys",
}


Args = Callable[[Any], list[Any]]


@dataclass(frozen=True)
class Entry:
    """What each of PEOPLE is answered, in that order.

    `args` makes the address's arguments from the world; `foreign` those of an
    object of somebody whom only the channel team may see: all get `others` for it,
    but for the channel team, who get `staff`.
    """

    answers: tuple[int | str, ...]
    args: Args = lambda world: []
    foreign: Args | None = None
    staff: int = 404
    others: int = 404
    method: str = "get"


PUBLIC = (200,) * 8
SIGNED_IN = (SIGN_IN, *(200,) * 7)
SENT_ON = (SIGN_IN, *(302,) * 7)


def of(name: str, *path: str) -> tuple[Args, Args]:
    """Arguments made from Tess's object, and from the foreign one."""

    def make(prefix: str) -> Args:
        def args(world: Any) -> list[Any]:
            return [attrgetter(each)(getattr(world, prefix + name)) for each in path]

        return args

    return make(""), make("foreign_")


CALL = of("booking", "ref")
CALENDAR = of("calendar", "pk")
TO_THE_CALL = (SIGN_IN, 302, 404, 404, 404, 302, 404, 404)
THE_TRAINERS = (SIGN_IN, 403, 403, 403, 403, 302, 404, 403)
ENROLMENT = of("enrolment", "pk")
TRAINER = of("booking", "trainer_id")
SERIAL = of("certificate", "serial")
STATEMENT = of("statement", "serial")
HERS = (SIGN_IN, 200, 404, 404, 404, 404, 404, 404)
HERS_AND_MANAGERS = (SIGN_IN, 200, 404, 200, 404, 404, 404, 200)
BOTH_SIDES_AND_MANAGERS = (SIGN_IN, 200, 404, 200, 404, 200, 404, 200)
NOBODYS = {str: "0" * 13, UUID: UUID(int=0)}
STAFF = (SIGN_IN, *(403,) * 6, 200)
MANAGERS = (SIGN_IN, 403, 403, 200, 200, 403, 403, 200)
THE_MANAGERS = (SIGN_IN, 403, 403, 200, 404, 403, 403, 200)
THE_MANAGERS_POST = (SIGN_IN, 403, 403, 302, 404, 403, 403, 302)
PACK = of("audit_pack", "key")[0]
SAMPLE = of("sample", "key")[0]
THEIR_PACK = (SIGN_IN, 403, 403, 200, 404, 403, 403, 404)
THEIR_PACK_FILE = (SIGN_IN, 404, 404, 302, 404, 404, 404, 404)
NOT_HERE = (SIGN_IN, *(404,) * 7)

TABLE: dict[str, Entry] = {
    # the frame
    "branding_css": Entry(PUBLIC),
    "healthz": Entry(PUBLIC),
    "readyz": Entry(PUBLIC),
    "security_txt": Entry(PUBLIC),
    "metrics": Entry((404,) * 8),
    "landing": Entry(SENT_ON),
    "styleguide": Entry((SIGN_IN, *(403,) * 6, 200)),
    "media": Entry(NOT_HERE, lambda world: ["images/none.png"]),
    "wagtail_serve": Entry(SIGNED_IN, lambda world: [world.topic_path]),
    "_util/login/": Entry((SIGN_IN,) * 8),
    "wagtaildocs_serve": Entry(
        SIGNED_IN, lambda world: [world.document.pk, world.document.filename]
    ),
    "content:document": Entry(
        SIGNED_IN, lambda world: [world.document.pk, world.document.filename]
    ),
    "wagtaildocs_authenticate_with_password": Entry((404,) * 8, lambda world: [10**9]),
    "wagtailcore_login": Entry((SIGN_IN,) * 8),
    "wagtailcore_authenticate_with_password": Entry(
        (404,) * 8, lambda world: [10**9, 1]
    ),
    # joined screens
    "dashboards:my": Entry(SIGNED_IN),
    "dashboards:team": Entry((SIGN_IN, 403, 403, 200, 200, 403, 403, 403)),
    "dashboards:team_handbook": Entry((SIGN_IN, 403, 403, 200, 200, 403, 403, 403)),
    "dashboards:need": Entry(
        (SIGN_IN, 403, 403, 200, 200, 403, 403, 403),
        lambda world: [world.enrolment.programme.slug],
    ),
    "dashboards:standing_handbook": Entry(STAFF),
    "dashboards:reseller_handbook": Entry(
        STAFF, *of("reseller", "pk"), staff=200, others=403
    ),
    "dashboards:person": Entry(HERS_AND_MANAGERS, *of("member", "pk"), staff=200),
    "dashboards:leave": Entry(THE_MANAGERS, *of("member", "pk"), others=403, staff=200),
    "dashboards:away": Entry(HERS_AND_MANAGERS, *of("member", "pk"), staff=200),
    "dashboards:manager": Entry(
        THE_MANAGERS_POST, *of("member", "pk"), others=403, staff=302, method="post"
    ),
    "dashboards:left": Entry(MANAGERS),
    "dashboards:standing": Entry((SIGN_IN, *(403,) * 6, 200)),
    "dashboards:reseller": Entry(
        (SIGN_IN, *(403,) * 6, 200), *of("reseller", "pk"), staff=200, others=403
    ),
    "dashboards:search": Entry(SIGNED_IN),
    "dashboards:second_person": Entry(STAFF),
    "dashboards:add_reseller": Entry(STAFF),
    "dashboards:stopping": Entry(STAFF),
    "dashboards:decide_on": Entry(
        (SIGN_IN, *(403,) * 6, 422), of("approval", "pk")[0], method="post"
    ),
    "dashboards:health": Entry(STAFF),
    "dashboards:send_test_mail": Entry((SIGN_IN, *(403,) * 6, 302), method="post"),
    "dashboards:mail_came": Entry((404,) * 8, lambda world: ["no-such-word"]),
    "dashboards:log": Entry(STAFF),
    "dashboards:log_event": Entry(STAFF, *of("event", "pk"), others=403, staff=200),
    "dashboards:own_log": Entry(SIGNED_IN),
    "dashboards:requests": Entry(MANAGERS),
    "dashboards:duties": Entry(MANAGERS),
    "dashboards:add": Entry(MANAGERS),
    "dashboards:answer": Entry(
        THE_MANAGERS_POST, *of("request", "pk"), others=403, staff=302, method="post"
    ),
    "dashboards:teams": Entry(THE_MANAGERS, *of("member", "pk"), others=403, staff=200),
    "dashboards:enrolment": Entry(THE_MANAGERS, *ENROLMENT, others=403, staff=200),
    "dashboards:undo": Entry(
        THE_MANAGERS_POST, *ENROLMENT, others=403, staff=302, method="post"
    ),
    "dashboards:remind": Entry(
        THE_MANAGERS_POST,
        *of("member", "pk"),
        others=403,
        staff=302,
        method="post",
    ),
    "dashboards:remind_late": Entry(
        (SIGN_IN, 403, 403, 302, 302, 403, 403, 403), method="post"
    ),
    "dashboards:remind_late_of": Entry(
        (SIGN_IN, *(403,) * 6, 302),
        *of("reseller", "pk"),
        staff=302,
        others=403,
        method="post",
    ),
    "dashboards:waiting": Entry(STAFF),
    "dashboards:addresses": Entry(STAFF),
    "dashboards:set_address": Entry(  # she has not left
        (SIGN_IN, *(403,) * 6, 404),
        *of("member", "user_id"),
        staff=404,
        others=403,
        method="post",
    ),
    "dashboards:answer_name": Entry(
        (SIGN_IN, *(403,) * 6, 422),
        *of("correction", "pk"),
        staff=422,
        others=403,
        method="post",
    ),
    "dashboards:answer_transfer": Entry(
        (SIGN_IN, *(403,) * 6, 422),
        *of("transfer", "pk"),
        staff=422,
        others=403,
        method="post",
    ),
    "dashboards:void": Entry(STAFF, *of("evidence", "pk"), staff=200, others=403),
    # people
    "people:settings": Entry(SIGNED_IN),
    "people:notices": Entry(SIGNED_IN),
    "people:notice_off": Entry((404,) * 8, lambda world: ["1-reminder:no-such-word"]),
    "people:confirm_name": Entry(SENT_ON, method="post"),
    "people:correct_name": Entry(SIGNED_IN),
    "people:own_address": Entry(SIGNED_IN),
    "people:letters": Entry(PUBLIC, method="post"),
    "people:sign_ins": Entry(SIGNED_IN),
    "people:company_sign_in": Entry(SIGNED_IN),
    "people:end_sign_in": Entry(SENT_ON, method="post"),
    "people:second_factor": Entry(SENT_ON),
    "people:switch": Entry((SIGN_IN, 302, *(404,) * 6), method="post"),
    "people:sent": Entry(PUBLIC),
    "people:invite": Entry(MANAGERS),
    "people:invite_list": Entry(
        (SIGN_IN, 403, 403, 200, 404, 403, 403, 404), *of("draft", "pk"), others=403
    ),
    "people:invitations": Entry(MANAGERS),
    "people:invitation": Entry(
        THE_MANAGERS, *of("invitation", "pk"), others=403, staff=200
    ),
    "people:accept": Entry((404,) * 8, lambda world: ["no-such-token"]),
    "people:send_again": Entry(
        (302,) * 8, lambda world: ["no-such-token"], method="post"
    ),
    "people:accept_passkey": Entry(
        (404,) * 8, lambda world: ["no-such-token"], method="post"
    ),
    "people:welcome_passkey": Entry(
        (404,) * 8, lambda world: ["no-such-token"], method="post"
    ),
    "people:welcome": Entry((404,) * 8, lambda world: ["no-such-token"]),
    # privacy
    "privacy:privacy": Entry(PUBLIC),
    "privacy:own": Entry(SIGNED_IN),
    "privacy:download": Entry(SIGNED_IN, method="post"),
    "privacy:ask": Entry((SIGN_IN, *(409,) * 7), method="post"),  # they belong here
    "privacy:erasures": Entry(STAFF),
    "privacy:answer": Entry(
        (SIGN_IN, *(403,) * 6, 302), *of("erasure", "pk"), staff=302, others=403
    ),
    # the handbook and the topics
    "content:acknowledge": Entry(
        (SIGN_IN, 302, 302, 302, 302, 403, 403, 403),
        lambda world: [world.handbook.pk],
        method="post",
    ),
    "content:acknowledged": Entry(HERS_AND_MANAGERS, *of("given", "pk"), staff=200),
    "courses:read": Entry(
        (SIGN_IN, 302, 404, 404, 404, 404, 404, 404),
        lambda world: [world.enrolment.pk, world.topic.pk],
        lambda world: [world.foreign_enrolment.pk, world.topic.pk],
        method="post",
    ),
    "courses:topic_as_it_was": Entry(
        HERS_AND_MANAGERS,
        lambda world: [world.past.enrolment_id, world.past.topic_id],
        lambda world: [world.foreign_past.enrolment_id, world.foreign_past.topic_id],
        staff=200,
    ),
    "courses:practise": Entry(
        SIGNED_IN, lambda world: [world.topic.pk, world.topic.body[0].id]
    ),
    "courses:start_check": Entry(
        (SIGN_IN, 302, 404, 404, 404, 404, 404, 404),
        lambda world: [world.enrolment.pk, world.topic.pk],
        lambda world: [world.foreign_enrolment.pk, world.topic.pk],
        method="post",
    ),
    "courses:check": Entry(
        (SIGN_IN, 200, 404, 404, 404, 404, 404, 404), *of("attempt", "pk")
    ),
    "courses:submit_check": Entry(
        (SIGN_IN, 422, 404, 404, 404, 404, 404, 404),
        *of("attempt", "pk"),
        method="post",
    ),
    "courses:ask": Entry(
        (SIGN_IN, 200, 200, 200, 200, 403, 403, 403),
        lambda world: [world.enrolment.programme_id],
    ),
    "courses:withdraw": Entry(
        (SIGN_IN, 302, *(404,) * 6), *of("request", "pk"), method="post"
    ),
    "courses:steps": Entry(
        HERS,
        lambda world: [world.enrolment.pk, world.topic.pk],
        lambda world: [world.foreign_enrolment.pk, world.topic.pk],
    ),
    "courses:place": Entry(
        (SIGN_IN, *(422,) * 7), lambda world: [world.topic.pk], method="post"
    ),
    # calls
    "sessions:agenda": Entry(SIGNED_IN),
    "sessions:device_test": Entry(SIGNED_IN),
    "sessions:feed": Entry(SIGNED_IN),
    "sessions:end_feed": Entry(SENT_ON, method="post"),
    "sessions:feed_file": Entry((404,) * 8, lambda world: ["no-such-token"]),
    "sessions:team_calls": Entry((SIGN_IN, 403, 403, 200, 200, 403, 403, 403)),
    "sessions:team_feed": Entry((SIGN_IN, 403, 403, 200, 200, 403, 403, 403)),
    "sessions:end_team_feed": Entry(
        (SIGN_IN, 403, 403, 302, 302, 403, 403, 403), method="post"
    ),
    "sessions:team_feed_file": Entry((404,) * 8, lambda world: ["no-such-token"]),
    "sessions:book": Entry(HERS, *ENROLMENT),
    "sessions:ask": Entry(HERS, *ENROLMENT),
    "sessions:offer": Entry(
        (SIGN_IN, 200, 404, 404, 404, 200, 404, 404), *of("proposal", "offer")
    ),
    "sessions:booking": Entry(BOTH_SIDES_AND_MANAGERS, *CALL, staff=200),
    "sessions:join": Entry(
        (SIGN_IN, 302, 404, 302, 404, 302, 404, 302), *CALL, staff=302
    ),
    "sessions:room": Entry(TO_THE_CALL, *CALL),
    "sessions:room_poll": Entry(
        (SIGN_IN, 400, 404, 404, 404, 400, 404, 404), *CALL, method="post"
    ),
    "sessions:leave_room": Entry(TO_THE_CALL, *CALL, method="post"),
    "sessions:room_message": Entry(
        (SIGN_IN, 409, 404, 404, 404, 409, 404, 404), *CALL, method="post"
    ),
    "sessions:room_agenda": Entry((SIGN_IN, 200, 404, 404, 404, 200, 404, 404), *CALL),
    "sessions:wait": Entry(
        (SIGN_IN, 302, 404, 302, 404, 302, 404, 302), *CALL, method="post", staff=302
    ),
    "sessions:stop_waiting": Entry(
        (SIGN_IN, 302, 404, 302, 404, 302, 404, 302), *CALL, method="post", staff=302
    ),
    "sessions:move": Entry(
        (SIGN_IN, 200, 404, 403, 404, 200, 404, 200), *CALL, staff=200
    ),
    "sessions:hand_over": Entry(
        (SIGN_IN, 403, 404, 403, 404, 200, 404, 200), *CALL, staff=200
    ),
    "sessions:missed": Entry(
        (SIGN_IN, 302, 404, 302, 404, 302, 404, 302), *CALL, method="post", staff=302
    ),
    "sessions:dispute": Entry(
        (SIGN_IN, 302, 404, 302, 404, 302, 404, 302), *CALL, method="post", staff=302
    ),
    "sessions:use_link": Entry(
        (SIGN_IN, 409, 404, 409, 404, 302, 404, 409), *CALL, method="post", staff=409
    ),
    "sessions:use_room": Entry(
        (SIGN_IN, 302, 404, 302, 404, 302, 404, 302), *CALL, method="post", staff=302
    ),
    "sessions:name_guest": Entry(
        (SIGN_IN, 422, 404, 422, 404, 422, 404, 422), *CALL, method="post", staff=422
    ),
    "sessions:drop_guest": Entry(
        (SIGN_IN, 302, 404, 302, 404, 302, 404, 302), *CALL, method="post", staff=302
    ),
    "sessions:cancel": Entry(
        (SIGN_IN, 302, 404, 409, 404, 302, 404, 302), *CALL, method="post", staff=302
    ),
    "sessions:calendar_file": Entry(
        (SIGN_IN, 200, 404, 302, 404, 200, 404, 302), *CALL, staff=302
    ),
    "sessions:sign_off": Entry(
        (SIGN_IN, 403, 404, 403, 404, 200, 404, 403), *CALL, staff=403
    ),
    "sessions:check_answers": Entry(
        (SIGN_IN, 403, 404, 403, 404, 200, 404, 200), *CALL, staff=200
    ),
    "sessions:help_with_check": Entry(
        (SIGN_IN, 403, 404, 403, 404, 422, 404, 422),
        lambda world: [world.booking.ref, world.topic.pk],
        lambda world: [
            world.foreign_booking.ref,
            world.foreign_booking.topics.first().topic_id,
        ],
        method="post",
        staff=422,
    ),
    "sessions:board": Entry(
        (SIGN_IN, 403, 404, 403, 404, 200, 404, 403), *CALL, staff=403
    ),
    "sessions:board_topic": Entry(
        (SIGN_IN, 403, 404, 403, 404, 422, 404, 403),
        lambda world: [world.booking.ref, world.booking.topics.get().pk],
        lambda world: [
            world.foreign_booking.ref,
            world.foreign_booking.topics.get().pk,
        ],
        method="post",
        staff=403,
    ),
    "sessions:extend": Entry(
        (SIGN_IN, 403, 404, 403, 404, 302, 404, 403), *CALL, method="post", staff=403
    ),
    "sessions:give_feedback": Entry(
        (SIGN_IN, 422, 404, 403, 404, 403, 404, 403),
        *CALL,
        method="post",
        staff=403,
    ),
    "sessions:correct": Entry(
        (SIGN_IN, 403, 404, 403, 404, 200, 404, 200), *CALL, staff=200
    ),
    "sessions:feedback": Entry(STAFF),
    "sessions:question": Entry(
        (SIGN_IN, 302, 404, 403, 404, 403, 404, 403),
        *CALL,
        method="post",
        staff=403,
    ),
    "sessions:undo": Entry(
        (SIGN_IN, 403, 404, 403, 404, 302, 404, 403), *CALL, method="post", staff=403
    ),
    "sessions:today": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:ready": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:week": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:hours_calls": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:hours_preview": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:hours": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:load": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:cannot_work": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:cannot_work_for": Entry(STAFF, *TRAINER, staff=200, others=403),
    "sessions:leaving": Entry(STAFF, *TRAINER, staff=200, others=403),
    "sessions:trainers": Entry(STAFF),
    "sessions:trainer": Entry(STAFF, *TRAINER, staff=200, others=403),
    "sessions:settle": Entry(STAFF, *of("dispute", "pk"), staff=200, others=403),
    "sessions:schedule": Entry(
        (SIGN_IN, 403, 403, 403, 403, 200, 404, 403), *ENROLMENT, others=403
    ),
    "sessions:calendars": Entry((SIGN_IN, 403, 403, 403, 403, 200, 200, 403)),
    "sessions:read_calendar": Entry(THE_TRAINERS, *CALENDAR, method="post", others=403),
    "sessions:remove_calendar": Entry(
        THE_TRAINERS, *CALENDAR, method="post", others=403
    ),
    # certificates
    "certificates:certificates": Entry(SIGNED_IN),
    "certificates:team": Entry((SIGN_IN, 403, 403, 200, 200, 403, 403, 200)),
    "certificates:audits": Entry(MANAGERS),
    "certificates:audit": Entry(THEIR_PACK, PACK),
    "certificates:audit_file": Entry(THEIR_PACK_FILE, PACK),
    "certificates:design_styles": Entry(STAFF, lambda world: ["16294f-84682c-ffffff"]),
    "certificates:design_font": Entry(
        (SIGN_IN, *(403,) * 6, 404), lambda world: ["Certificate-None"]
    ),
    "certificates:design_sample": Entry(STAFF, SAMPLE),
    "certificates:design_sample_file": Entry((SIGN_IN, *(403,) * 6, 302), SAMPLE),
    "certificates:pack": Entry((SIGN_IN, 200, 302, 200, 302, 302, 302, 200)),
    "certificates:certificate": Entry(HERS_AND_MANAGERS, *SERIAL, staff=200),
    "certificates:statements": Entry(MANAGERS),
    "certificates:statement": Entry(THE_MANAGERS, *STATEMENT, others=403, staff=200),
    "certificates:statement_file": Entry(
        (SIGN_IN, 404, 404, 200, 404, 404, 404, 200), *STATEMENT, staff=200
    ),
    "certificates:statement_withdraw": Entry(
        THE_MANAGERS_POST, *STATEMENT, others=403, staff=302, method="post"
    ),
    "certificates:staff": Entry(STAFF),
    "certificates:manage": Entry(STAFF, *SERIAL, staff=200, others=403),
    "certificates:anew": Entry(
        (SIGN_IN, *(403,) * 6, 302), *SERIAL, staff=302, others=403, method="post"
    ),
    "certificates:share": Entry((SIGN_IN, 302, *(404,) * 6), *SERIAL, method="post"),
    "certificates:pdf": Entry(HERS_AND_MANAGERS, *SERIAL, staff=200),
    "verify_form": Entry(PUBLIC),
    "verify": Entry(PUBLIC, SERIAL[0]),
    "statement": Entry(PUBLIC, STATEMENT[0]),
    "compare_name": Entry((302,) * 8, SERIAL[0]),  # nothing is hidden
    "credential": Entry(PUBLIC, SERIAL[0]),
    "badge": Entry(PUBLIC, SERIAL[0]),
    "by_hash": Entry(PUBLIC, of("certificate", "pdf_sha256")[0]),
    "did_document": Entry(PUBLIC),
    "seal_roots": Entry(PUBLIC),
    "certificates:credential": Entry(HERS, *SERIAL),
    "status_list": Entry(PUBLIC, lambda world: [0]),
}


def patterns(
    resolver: URLResolver, route: str = "", space: str = ""
) -> Iterator[tuple[str, str]]:
    """Walk all patterns: the whole route, and the name one reverses it by."""
    for each in resolver.url_patterns:
        here = route + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = f"{space}{each.namespace}:" if each.namespace else space
            yield from patterns(each, here, inner)
        elif isinstance(each, URLPattern):
            yield here, f"{space}{each.name}" if each.name else ""


def own_patterns() -> list[tuple[str, str]]:
    return [
        (route, name)
        for route, name in patterns(get_resolver())
        if not route.lstrip("^").startswith(tuple(OWNERS)) or name == "styleguide"
    ]


def test_every_pattern_is_in_the_table():
    named = {name or route for route, name in own_patterns()}

    assert named == set(TABLE)


def make_side(prefix: str, programme_edition: Any, trainer: Any) -> dict[str, Any]:
    """A reseller with a trainee who has a call, a certificate, and a programme."""
    reseller = ResellerFactory()
    member = MemberFactory(reseller=reseller)
    enrolment = EnrolmentFactory(member=member, edition=programme_edition)
    booking = BookingFactory(enrolment=enrolment, trainer=trainer)
    proposal = BookingFactory(
        enrolment=enrolment,
        trainer=trainer,
        state=BookingState.PROPOSED,
        offer=uuid4(),
    )
    missed = BookingFactory(
        enrolment=enrolment, trainer=trainer, state=BookingState.MISSED
    )
    done = EnrolmentFactory(member=member, completed=True)
    certificate = CertificateFactory(
        enrolment=done,
        state=CertificateState.READY,
        pdf=ContentFile(b"%PDF-", "some.pdf"),
        pdf_sha256="0" * 64,
    )
    topic = programme_edition.topics.first().topic
    topic.questions = questions(1)
    topic.save()
    page = TopicPageFactory()
    text_then = EditionTopicFactory(
        edition=EditionFactory(programme=page.get_parent().specific, topics=[]),
        topic=page,
        revision=page.save_revision(),
    )
    read = EnrolmentFactory(member=member, edition=text_then.edition)
    made = {
        "erasure": ErasureFactory(),
        "past": TopicCompletionFactory(enrolment=read, topic=page),
        "attempt": start_attempt(enrolment, topic),
        "reseller": reseller,
        "member": member,
        "enrolment": enrolment,
        "booking": booking,
        "proposal": proposal,
        "dispute": DisputeFactory(booking=missed),
        "certificate": certificate,
        "statement": StatementFactory(
            reseller=reseller,
            made_at=now(),
            pdf=ContentFile(b"%PDF-", "some.pdf"),
            pdf_sha256="0" * 64,
        ),
        "given": AcknowledgementFactory(member=member),
        "correction": NameCorrectionFactory(user=member.user),
        "invitation": InvitationFactory(reseller=reseller),
        "transfer": TransferFactory(enrolment__member__user=member.user, member=member),
        "calendar": OutsideCalendarFactory(trainer=trainer),
        "evidence": EvidenceFactory(enrolment=enrolment),
        "event": EventFactory(about=member.user),
        "request": ProgrammeRequestFactory(
            member=member, programme=EditionFactory().programme
        ),
    }
    return {prefix + name: each for name, each in made.items()}


def exercise() -> tuple[str, Any]:
    """A case to decide on, as a topic's text holds it."""
    choices = [
        {"text": "Stay", "is_right": True, "reason": "You stay dry."},
        {"text": "Go", "is_right": False, "reason": "You get wet."},
    ]
    case = {"text": "It rains.", "choices": choices}
    return "cases", {"title": "What now?", "cases": [case]}


@pytest.fixture
def world(db: None) -> SimpleNamespace:
    return make_world()


def make_world() -> SimpleNamespace:
    """Tess, whom some may see; and a stranger, whom only the channel team may."""
    edition = EditionFactory()
    topic = edition.topics.first().topic
    topic.body = [exercise()]
    topic.save()
    trainer = TrainerFactory(programmes=[edition.programme])
    stranger_trainer = TrainerFactory()
    hers = make_side("", edition, trainer)
    foreign = make_side("foreign_", EditionFactory(), stranger_trainer)
    tess, reseller = hers["member"], hers["reseller"]
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    people = {
        "anonymous": None,
        "tess": tess.user,
        "colleague": MemberFactory(reseller=reseller).user,
        "manager": MemberFactory(reseller=reseller, is_manager=True).user,
        "other_manager": MemberFactory(is_manager=True).user,
        "trainer": trainer.user,
        "other_trainer": TrainerFactory().user,
        "staff": staff,
    }
    return SimpleNamespace(
        people=people,
        draft=InviteDraftFactory(member=people["manager"].memberships.get()),
        foreign_draft=InviteDraftFactory(),
        audit_pack=AuditPackFactory(asked_by=people["manager"], top=reseller),
        sample=DesignSampleFactory(asked_by=staff),
        approval=ApprovalFactory(),
        topic=topic,
        topic_path=topic.get_url_parts()[2].lstrip("/"),
        handbook=HandbookPageFactory(is_acknowledged=True),
        document=Document.objects.create(
            title="Price list", file=ContentFile(b"Secret", "prices.txt")
        ),
        **hers,
        **foreign,
    )


def address(name: str, args: list[Any]) -> str:
    return f"/{name}" if "/" in name else reverse(name, args=args)


def body_for(world: Any) -> dict[str, Any]:
    """What any form of the table asks for."""
    return {
        "reason": "ill",
        "cause": "illness",
        "text": "I was there",
        "version": 1,
        "member": world.member.pk,
        "do": "grant",
    }


def ask(client: Any, world: Any, who: str, name: str, args: list[Any]) -> int | str:
    """Ask as somebody, and take back what the answer changed.

    A way to the sign-in page is told apart from other ways.
    """
    entry = TABLE[name]
    with transaction.atomic():
        client.logout()
        if person := world.people[who]:
            client.force_login(person)
        response = getattr(client, entry.method)(address(name, args), body_for(world))
        transaction.set_rollback(True)
    door = reverse("account_login")
    for close in response._resource_closers:  # close() itself ends the connection
        close()
    if response.status_code == 302 and response.url.startswith(door):
        return SIGN_IN
    return response.status_code


@pytest.mark.parametrize("who", PEOPLE)
def test_cms_is_for_the_channel_team_alone(client, world, who):
    if person := world.people[who]:
        client.force_login(person)

    response = client.get("/cms/")

    assert response.status_code == (200 if who == "staff" else 302)
