"""Rows for tests, each valid by itself and with nothing on top: no surprises.

What a rule of ours would write beside a row (mail, log, completions) is not written
here: call the rule for that.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import factory
from django.contrib.contenttypes.models import ContentType
from django.db.models import Max
from django.utils.text import slugify
from django.utils.timezone import now
from factory import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory
from modelsearch.index import insert_or_update_object
from schedule.models import Calendar
from wagtail.models import Page

from certificates.claims import canonical
from certificates.designing import current_design
from certificates.models import (
    AuditPack,
    Certificate,
    DesignRevision,
    DesignSample,
    Statement,
)
from certificates.serials import new_serial
from content.models import Acknowledgement, HandbookPage, HomePage
from courses.models import (
    Attempt,
    AttemptKind,
    Edition,
    EditionAudience,
    EditionTopic,
    Enrolment,
    EnrolmentDates,
    Evidence,
    EvidenceKind,
    MoreAttempts,
    Postponement,
    Preparation,
    ProgrammeIndexPage,
    ProgrammePage,
    ProgrammeRequest,
    ReadingPlace,
    Source,
    TopicCompletion,
    TopicPage,
    Transfer,
)
from lms.audit.models import Event, EventValues
from lms.mail.models import Message, NoticeOff, Nudge
from lms.people.at_rest import encrypt
from lms.people.models import (
    Approval,
    CompanyIdentity,
    IdentityProvider,
    Invitation,
    InviteDraft,
    Member,
    NameConfirmation,
    NameCorrection,
    Reseller,
    SignIn,
    Team,
    TeamMembership,
    User,
)
from lms.privacy.models import Erasure
from sessions.hours import set_weekly_hours
from sessions.models import (
    Booking,
    BookingState,
    BookingTopic,
    Dispute,
    Feed,
    Origin,
    OutsideBusy,
    OutsideCalendar,
    TeamFeed,
    TimeRequest,
    Trainer,
    Waiting,
)

PAGE_FIELDS = Page._meta.concrete_fields
WORKING_WEEK = [(weekday, 9 * 60, 17 * 60) for weekday in range(5)]

# --- People ----------------------------------------------------------------------


class UserFactory(DjangoModelFactory[User]):
    """Somebody with a login and no role; `password=` lets them sign in by one.

    One of the channel team (`is_staff=True`) may do all of it, unless told otherwise.
    """

    class Meta:
        model = User

    is_staff = False
    may_edit_content = SelfAttribute("is_staff")
    may_change_people = SelfAttribute("is_staff")

    email = Sequence(lambda n: f"person{n}@example.com")
    full_name = Sequence(lambda n: f"Person {n}")
    password = factory.django.Password(None)


class ResellerFactory(DjangoModelFactory[Reseller]):
    """A reseller at the top of the tree, or below `parent`."""

    class Meta:
        model = Reseller

    name = Sequence(lambda n: f"Reseller {n}")
    approved_on = date(2020, 1, 1)

    @classmethod
    def _create(
        cls, model_class: type[Reseller], parent: Reseller | None = None, **fields: Any
    ) -> Reseller:
        if parent is None:
            return model_class.add_root(**fields)
        parent.refresh_from_db(fields=["numchild"])
        return parent.add_child(**fields)


class TeamFactory(DjangoModelFactory[Team]):
    class Meta:
        model = Team

    name = Sequence(lambda n: f"Team {n}")
    slug = LazyAttribute(lambda team: slugify(team.name))


class MemberFactory(DjangoModelFactory[Member]):
    """A live member, in no team; `is_manager=True` for a manager."""

    class Meta:
        model = Member

    user = SubFactory(UserFactory)
    reseller = SubFactory(ResellerFactory)
    joined_on = date(2020, 1, 1)


class TeamMembershipFactory(DjangoModelFactory[TeamMembership]):
    class Meta:
        model = TeamMembership

    member = SubFactory(MemberFactory)
    team = SubFactory(TeamFactory)
    from_on = date(2020, 1, 1)


class InvitationFactory(DjangoModelFactory[Invitation]):
    """An open invitation; nobody knows the token behind its hash."""

    class Meta:
        model = Invitation

    email = Sequence(lambda n: f"invited{n}@example.com")
    reseller = SubFactory(ResellerFactory)
    token_hash = Sequence(lambda n: hashlib.sha256(b"%d" % n).hexdigest())
    expires_at = LazyFunction(lambda: now() + timedelta(days=14))


class InviteDraftFactory(DjangoModelFactory[InviteDraft]):
    """A list of one person, made by a manager."""

    class Meta:
        model = InviteDraft

    member = SubFactory(MemberFactory, is_manager=True)
    made_by = SelfAttribute("member.user")
    reseller = SelfAttribute("member.reseller")
    lines = LazyFunction(lambda: [[1, "new@example.com", "", "", "", "", ""]])


class NameConfirmationFactory(DjangoModelFactory[NameConfirmation]):
    """Somebody's word that their name is right."""

    class Meta:
        model = NameConfirmation

    user = SubFactory(UserFactory)
    name = SelfAttribute("user.full_name")


class NameCorrectionFactory(DjangoModelFactory[NameCorrection]):
    """Somebody asks for another name."""

    class Meta:
        model = NameCorrection

    user = SubFactory(UserFactory)
    name = Sequence(lambda n: f"Other {n}")
    why = "A slip of the keys"


# --- Pages -----------------------------------------------------------------------


are_pages_indexed = False  # the fixture `indexed_pages` says otherwise


def home_page() -> HomePage:
    """Return the one home page, at the root of the one site, as the seed makes it.

    Wagtail's own page of welcome becomes it, and so the site's root.
    """
    if home := HomePage.objects.first():
        return home
    (welcome,) = Page.get_first_root_node().get_children()
    welcome.title = welcome.draft_title = "Home"
    welcome.content_type = ContentType.objects.get_for_model(HomePage)
    Page.objects.bulk_update([welcome], ["title", "draft_title", "content_type"])
    write_part(welcome, HomePage())
    return HomePage.objects.get()


def programme_index() -> ProgrammeIndexPage:
    """Return the one index of programmes, below the home page."""
    return ProgrammeIndexPage.objects.first() or write_page(
        home_page(), ProgrammeIndexPage(title="Programmes", slug="programmes")
    )


def write_page(parent: Page, page: Any) -> Any:
    """Write a page as the last one below its parent, as it is.

    Its rows are those that Wagtail writes. But Wagtail looks the page over first, then
    enters it in the search, the index of references and the log: five times the work.
    """
    parent.refresh_from_db(fields=["path", "numchild"])
    page.depth = parent.depth + 1
    page.path = Page._get_path(parent.path, page.depth, 1)
    if parent.numchild:
        paths = parent.get_children().order_by("path").values_list("path", flat=True)
        page.path = Page(path=paths.last())._inc_path()
    page.url_path = f"{parent.url_path}{page.slug}/"
    page.draft_title = page.draft_title or page.title
    page.locale_id = parent.locale_id
    parent.numchild += 1
    Page.objects.filter(pk=parent.pk).update(numchild=parent.numchild)
    row = Page(**{each.attname: getattr(page, each.attname) for each in PAGE_FIELDS})
    Page.objects.bulk_create([row])
    write_part(row, page)
    if are_pages_indexed:
        insert_or_update_object(page)
    return page


def write_part(row: Page, page: Page) -> None:
    """Write what a kind of page has beside the row of every page."""
    page.id = page.page_ptr_id = row.id
    page.save_base(raw=True, force_insert=True)


class PageFactory(DjangoModelFactory[Any]):
    """A live page below `parent`, without a revision.

    Search finds it in tests that ask for the fixture `indexed_pages`.
    """

    class Meta:
        abstract = True
        skip_postgeneration_save = True

    slug = LazyAttribute(lambda page: slugify(page.title))

    @classmethod
    def _create(cls, model_class: type[Page], parent: Page, **fields: Any) -> Page:
        return write_page(parent, model_class(**fields))


class HandbookPageFactory(PageFactory):
    class Meta:
        model = HandbookPage

    parent = LazyFunction(home_page)
    title = Sequence(lambda n: f"Handbook {n}")


class ProgrammePageFactory(PageFactory):
    """A programme without topics and editions; `audience=` takes teams."""

    class Meta:
        model = ProgrammePage

    parent = LazyFunction(programme_index)
    title = Sequence(lambda n: f"Programme {n}")

    @factory.post_generation
    def audience(
        self: ProgrammePage, create: bool, teams: Iterable[Team] | None
    ) -> None:
        if teams:
            self.audience.set(teams)
            self.audience.commit()


class TopicPageFactory(PageFactory):
    """A topic, the last one of its programme (`parent`)."""

    class Meta:
        model = TopicPage

    parent = SubFactory(ProgrammePageFactory)
    title = Sequence(lambda n: f"Topic {n}")


class AcknowledgementFactory(DjangoModelFactory[Acknowledgement]):
    class Meta:
        model = Acknowledgement

    member = SubFactory(MemberFactory)
    page = SubFactory(HandbookPageFactory)
    version = SelfAttribute("page.version")


# --- Courses ---------------------------------------------------------------------


class EditionFactory(DjangoModelFactory[Edition]):
    """An edition in force, on its programme's topic pages: four where it has none.

    `topics=` takes topic pages instead ([] for none); `audience=` takes teams.
    """

    class Meta:
        model = Edition
        skip_postgeneration_save = True

    programme = SubFactory(ProgrammePageFactory)
    number = LazyAttribute(lambda edition: edition.programme.editions.count() + 1)
    title = SelfAttribute("programme.title")
    section = SelfAttribute("programme.section")
    effective_on = date(2020, 1, 1)
    preparation = Preparation.ADVISED

    @factory.post_generation
    def topics(self: Edition, create: bool, pages: Iterable[TopicPage] | None) -> None:
        if pages is None:
            pages = list(self.programme.topics())
            pages = pages or TopicPageFactory.create_batch(4, parent=self.programme)
        for order, page in enumerate(pages, 1):
            EditionTopicFactory(edition=self, topic=page, order=order)

    @factory.post_generation
    def audience(self: Edition, create: bool, teams: Iterable[Team] | None) -> None:
        for team in teams or ():
            EditionAudience.objects.create(edition=self, team=team)


class EditionTopicFactory(DjangoModelFactory[EditionTopic]):
    """What an edition asks for in a topic: what the topic's page says."""

    class Meta:
        model = EditionTopic

    edition = SubFactory(EditionFactory, topics=[])
    topic = LazyAttribute(lambda row: TopicPageFactory(parent=row.edition.programme))
    order = LazyAttribute(lambda row: row.edition.topics.count() + 1)
    title = SelfAttribute("topic.title")
    needs_read = SelfAttribute("topic.needs_read")
    needs_check = LazyAttribute(lambda row: bool(row.topic.questions))
    needs_call = SelfAttribute("topic.needs_call")
    call_minutes = SelfAttribute("topic.call_minutes")


class EnrolmentFactory(DjangoModelFactory[Enrolment]):
    """An open enrolment of a new member; `completed=True` for a completed one.

    A completed one has neither evidence nor completions nor a certificate.
    """

    class Meta:
        model = Enrolment

    class Params:
        completed = factory.Trait(
            completed_at=LazyFunction(now),
            valid_from=LazyAttribute(lambda enrolment: enrolment.completed_at.date()),
        )

    member = SubFactory(MemberFactory)
    edition = SubFactory(EditionFactory)
    programme = SelfAttribute("edition.programme")
    source = Source.TEAM


class TransferFactory(DjangoModelFactory[Transfer]):
    """What somebody earned in one company, and is asked about for another."""

    class Meta:
        model = Transfer

    enrolment = SubFactory(EnrolmentFactory, completed=True)
    member = SubFactory(MemberFactory, user=SelfAttribute("..enrolment.member.user"))


class PostponementFactory(DjangoModelFactory[Postponement]):
    """A due date that moved by a week away."""

    class Meta:
        model = Postponement

    enrolment = SubFactory(EnrolmentFactory)
    away_from_on = date(2026, 1, 5)
    away_until_on = date(2026, 1, 11)
    due_was_on = date(2026, 1, 31)
    due_on = date(2026, 2, 7)


class EnrolmentDatesFactory(DjangoModelFactory[EnrolmentDates]):
    """There was no due date until now."""

    class Meta:
        model = EnrolmentDates

    enrolment = SubFactory(EnrolmentFactory)


def first_topic(row: Any) -> TopicPage:
    return row.enrolment.edition.topics.first().topic


class EvidenceFactory(DjangoModelFactory[Evidence]):
    """The first topic, read; nothing is completed by it."""

    class Meta:
        model = Evidence

    enrolment = SubFactory(EnrolmentFactory)
    topic = LazyAttribute(first_topic)
    kind = EvidenceKind.READ
    by = SelfAttribute("enrolment.member.user")


class TopicCompletionFactory(DjangoModelFactory[TopicCompletion]):
    """The first topic, complete, without the evidence for it."""

    class Meta:
        model = TopicCompletion

    enrolment = SubFactory(EnrolmentFactory)
    topic = LazyAttribute(first_topic)


class AttemptFactory(DjangoModelFactory[Attempt]):
    """A check of the first topic, started and without questions."""

    class Meta:
        model = Attempt

    enrolment = SubFactory(EnrolmentFactory)
    topic = LazyAttribute(first_topic)
    kind = AttemptKind.CHECK
    questions = LazyFunction(list)
    key = LazyFunction(list)


class MoreAttemptsFactory(DjangoModelFactory[MoreAttempts]):
    """One more attempt at the first topic's check, given by another person."""

    class Meta:
        model = MoreAttempts

    enrolment = SubFactory(EnrolmentFactory)
    topic = LazyAttribute(first_topic)
    by = SubFactory(UserFactory)


class ProgrammeRequestFactory(DjangoModelFactory[ProgrammeRequest]):
    """A member asks for a programme, and has no answer yet."""

    class Meta:
        model = ProgrammeRequest

    member = SubFactory(MemberFactory)
    programme = SubFactory(ProgrammePageFactory)


class ReadingPlaceFactory(DjangoModelFactory[ReadingPlace]):
    """Somebody stopped at a block of a topic."""

    class Meta:
        model = ReadingPlace

    user = SubFactory(UserFactory)
    topic = SubFactory(TopicPageFactory)
    block = "7a1f0c5e-0000-4000-8000-000000000000"


# --- Sessions --------------------------------------------------------------------


def calendar(kind: str) -> LazyFunction:
    def make() -> Calendar:
        slug = f"{kind}-{Calendar.objects.count()}"
        return Calendar.objects.create(name=slug, slug=slug)

    return LazyFunction(make)


class TrainerFactory(DjangoModelFactory[Trainer]):
    """A trainer of no programme, Monday to Friday 9 to 5 in London.

    `programmes=` takes pages; `weekly_hours=` takes (weekday, start minute, end
    minute) of each window, [] for none.
    """

    class Meta:
        model = Trainer
        skip_postgeneration_save = True

    user = SubFactory(UserFactory)
    time_zone = "Europe/London"
    languages = LazyFunction(lambda: ["en"])
    hours = calendar("hours")
    off = calendar("off")
    extra = calendar("extra")
    room_url = "https://meet.example.com/room"

    @factory.post_generation
    def programmes(
        self: Trainer, create: bool, pages: Iterable[ProgrammePage] | None
    ) -> None:
        self.programmes.set(pages or ())

    @factory.post_generation
    def weekly_hours(
        self: Trainer, create: bool, windows: list[tuple[int, int, int]] | None
    ) -> None:
        set_weekly_hours(self, WORKING_WEEK if windows is None else windows)


def after_all_calls() -> datetime:
    """The first full hour after all calls, not before 10:00 UTC in two days."""
    earliest = now().replace(hour=10, minute=0, second=0, microsecond=0)
    earliest += timedelta(days=2)
    last = Booking.objects.aggregate(last=Max("busy_until"))["last"]
    if last is None or last <= earliest:
        return earliest
    hour = last.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if hour == last else hour + timedelta(hours=1)


class BookingFactory(DjangoModelFactory[Booking]):
    """A booked call of 20 minutes in the days to come, on one topic.

    Calls made one after the other follow one another. The topic is the enrolment's
    first without a booked call; `topics=` takes pages instead ([] for none).
    """

    class Meta:
        model = Booking
        skip_postgeneration_save = True

    enrolment = SubFactory(EnrolmentFactory)
    trainee = SelfAttribute("enrolment.member.user")
    trainer = LazyAttribute(
        lambda booking: TrainerFactory(programmes=[booking.enrolment.programme])
    )
    starts_at = LazyFunction(after_all_calls)
    ends_at = LazyAttribute(lambda booking: booking.starts_at + timedelta(minutes=20))
    busy_until = LazyAttribute(lambda booking: booking.ends_at + booking.trainer.rest)
    state = BookingState.BOOKED
    created_by = SelfAttribute("trainee")

    @factory.lazy_attribute
    def proposed_until(self: Any) -> datetime | None:
        is_proposed = self.state == BookingState.PROPOSED
        return now() + timedelta(hours=48) if is_proposed else None

    @factory.lazy_attribute
    def missed_by(self: Any) -> str:
        return Origin.TRAINEE if self.state == BookingState.MISSED else ""

    @factory.post_generation
    def topics(self: Booking, create: bool, pages: Iterable[TopicPage] | None) -> None:
        if pages is None:
            taken = BookingTopic.objects.filter(booked_for=self.enrolment)
            free = self.enrolment.edition.topics.exclude(
                topic__in=taken.values("topic")
            )
            pages = [free[0].topic]  # an IndexError: every topic has its call
        for page in pages:
            BookingTopicFactory(booking=self, topic=page)


class BookingTopicFactory(DjangoModelFactory[BookingTopic]):
    """A topic of a call, not signed off."""

    class Meta:
        model = BookingTopic

    booking = SubFactory(BookingFactory, topics=[])
    topic = LazyAttribute(lambda row: first_topic(row.booking))
    title = SelfAttribute("topic.title")
    minutes = SelfAttribute("topic.call_minutes")

    @factory.lazy_attribute
    def booked_for(self: Any) -> Enrolment | None:
        is_booked = self.booking.state == BookingState.BOOKED
        return self.booking.enrolment if is_booked else None


class DisputeFactory(DjangoModelFactory[Dispute]):
    """The trainee's word against a call they are said to have missed."""

    class Meta:
        model = Dispute

    booking = SubFactory(BookingFactory, state=BookingState.MISSED)
    by = SelfAttribute("booking.trainee")
    text = "I was there from the start."


class TimeRequestFactory(DjangoModelFactory[TimeRequest]):
    """Somebody who could come on Mondays, in the morning."""

    class Meta:
        model = TimeRequest

    enrolment = SubFactory(EnrolmentFactory)
    weekdays = LazyFunction(lambda: [0])
    parts = LazyFunction(lambda: ["morning"])
    time_zone = SelfAttribute("enrolment.member.user.time_zone")


class WaitingFactory(DjangoModelFactory[Waiting]):
    """The trainee of a booked call who would come earlier."""

    class Meta:
        model = Waiting

    booking = SubFactory(BookingFactory)


class FeedFactory(DjangoModelFactory[Feed]):
    """A calendar feed whose secret is nobody's."""

    class Meta:
        model = Feed

    user = SubFactory(UserFactory)
    digest = Sequence(lambda n: f"{n:064x}")


class TeamFeedFactory(DjangoModelFactory[TeamFeed]):
    """A manager's calendar feed whose secret is nobody's."""

    class Meta:
        model = TeamFeed

    member = SubFactory(MemberFactory, is_manager=True)
    digest = Sequence(lambda n: f"{n:064x}")


class OutsideCalendarFactory(DjangoModelFactory[OutsideCalendar]):
    """A trainer's other calendar, read just now."""

    class Meta:
        model = OutsideCalendar

    trainer = SubFactory(TrainerFactory)
    name = "Private"
    url = Sequence(lambda n: f"https://calendar.example.com/{n}.ics")
    read_at = LazyFunction(now)


class OutsideBusyFactory(DjangoModelFactory[OutsideBusy]):
    """An hour there, in two days."""

    class Meta:
        model = OutsideBusy

    calendar = SubFactory(OutsideCalendarFactory)
    starts_at = LazyFunction(lambda: now() + timedelta(days=2))
    ends_at = LazyAttribute(lambda busy: busy.starts_at + timedelta(hours=1))


# --- Certificates, mail, log -----------------------------------------------------


def sha256(claim: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(claim, sort_keys=True).encode()).hexdigest()


class CertificateFactory(DjangoModelFactory[Certificate]):
    """A standing, released certificate without a file; its claims are short."""

    class Meta:
        model = Certificate

    enrolment = SubFactory(EnrolmentFactory, completed=True)
    serial = LazyFunction(new_serial)
    public_claim = LazyAttribute(
        lambda row: {
            "version": 1,
            "serial": row.serial,
            "issuer": "ByteKast",
            "issued_at": f"{row.enrolment.valid_from}T12:00:00+00:00",
            "issued_on": str(row.enrolment.valid_from),
            "language": "en-gb",
            "name": row.enrolment.member.user.full_name,
            "reseller": row.enrolment.member.reseller.name,
            "programme": {
                "title": row.enrolment.edition.title,
                "section": row.enrolment.edition.section,
                "edition": row.enrolment.edition.number,
                "policy": "Reseller Support & Qualification Policy",
            },
            "topics": [],
            "valid_from": str(row.enrolment.valid_from),
            "valid_until": row.enrolment.valid_until and str(row.enrolment.valid_until),
        }
    )
    private_claim = LazyFunction(lambda: {"calls": []})
    public_sha256 = LazyAttribute(lambda row: sha256(row.public_claim))
    private_sha256 = LazyAttribute(lambda row: sha256(row.private_claim))
    release_at = LazyFunction(now)


class ApprovalFactory(DjangoModelFactory[Approval]):
    """One of the channel team asks to revoke `certificate`."""

    class Meta:
        model = Approval

    class Params:
        certificate = SubFactory(CertificateFactory)

    kind = "revoke"
    subject = LazyAttribute(lambda row: f"certificate:{row.certificate.pk}")
    words = LazyAttribute(
        lambda row: {"certificate": row.certificate.pk, "reason": "other"}
    )
    asked_by = SubFactory(UserFactory, is_staff=True)


class DesignSampleFactory(DjangoModelFactory[DesignSample]):
    """A PDF sample of the design in force that is not made yet."""

    class Meta:
        model = DesignSample

    asked_by = SubFactory(UserFactory)
    design = LazyFunction(current_design)


class AuditPackFactory(DjangoModelFactory[AuditPack]):
    """A pack of one company that is not made yet."""

    class Meta:
        model = AuditPack

    asked_by = SubFactory(UserFactory)
    day = LazyFunction(lambda: now().date())
    top = SubFactory(ResellerFactory)
    resellers = LazyAttribute(lambda pack: [pack.top.pk])


def first_design() -> DesignRevision:
    """The design that has no choices of its own; one row, for all."""
    return DesignRevision.objects.get_or_create(
        sha256="0" * 64, defaults={"facts": {}}
    )[0]


class StatementFactory(DjangoModelFactory[Statement]):
    """A statement of no programme, whose file is not made yet."""

    class Meta:
        model = Statement

    reseller = SubFactory(ResellerFactory)
    serial = LazyFunction(new_serial)
    asked_by = SubFactory(UserFactory)
    asked_at = LazyFunction(lambda: now().replace(microsecond=0))
    day = LazyAttribute(lambda row: row.asked_at.date())
    design = LazyFunction(first_design)

    @factory.lazy_attribute
    def claim(self: Any) -> dict[str, Any]:
        return {
            "version": 1,
            "kind": "standing",
            "language": "en-gb",
            "serial": self.serial,
            "issuer": "ByteKast",
            "policy": "Reseller Support & Qualification Policy",
            "reseller": self.reseller.name,
            "companies": 1,
            "day": self.day.isoformat(),
            "asked_at": self.asked_at.isoformat(),
            "programmes": [],
        }

    sha256 = LazyAttribute(lambda row: hashlib.sha256(canonical(row.claim)).hexdigest())


class MessageFactory(DjangoModelFactory[Message]):
    """A message that waits to be sent."""

    class Meta:
        model = Message

    key = Sequence(lambda n: f"message-{n}")
    recipient = SubFactory(UserFactory)
    to = SelfAttribute("recipient.email")
    subject = "Hello"
    body = "Hello."


class NoticeOffFactory(DjangoModelFactory[NoticeOff]):
    """Somebody wants no reminders."""

    class Meta:
        model = NoticeOff

    person = SubFactory(UserFactory)
    kind = "reminder"


class NudgeFactory(DjangoModelFactory[Nudge]):
    """Somebody was reminded just now, by the house."""

    class Meta:
        model = Nudge

    member = SubFactory(MemberFactory)
    person = SelfAttribute("member.user")
    kind = "reminder"
    about = LazyAttribute(lambda nudge: [nudge.member.pk])
    at = LazyFunction(now)
    until_at = LazyAttribute(lambda nudge: nudge.at + timedelta(days=3))


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    actor = SubFactory(UserFactory)
    verb = "renamed"
    target_type = "people.User"
    target_id = "1"


class EventValuesFactory(DjangoModelFactory[EventValues]):
    class Meta:
        model = EventValues

    event = SubFactory(EventFactory)
    field = "full_name"
    before = "Ana"
    after = "Anna"


class ErasureFactory(DjangoModelFactory[Erasure]):
    """Somebody's wish to be erased, which nobody has answered."""

    class Meta:
        model = Erasure

    person = SubFactory(UserFactory)


class IdentityProviderFactory(DjangoModelFactory[IdentityProvider]):
    """A company's sign-in, turned on; its secret is `secret`."""

    class Meta:
        model = IdentityProvider

    reseller = SubFactory(ResellerFactory)
    issuer = "https://sign-in.example.com"
    client_id = "qualifications"
    sealed_secret = LazyFunction(lambda: encrypt("secret"))
    is_enabled = True


class CompanyIdentityFactory(DjangoModelFactory[CompanyIdentity]):
    """Somebody linked to their company's sign-in."""

    class Meta:
        model = CompanyIdentity

    provider = SubFactory(IdentityProviderFactory)
    user = SubFactory(UserFactory)
    subject = Sequence(lambda number: f"subject{number}")


class SignInFactory(DjangoModelFactory[SignIn]):
    """Somebody signed in just now, in Firefox."""

    class Meta:
        model = SignIn

    user = SubFactory(UserFactory)
    session_key = Sequence(lambda number: f"session{number}")
    device = "Firefox on Windows"
