"""Anything that may be sent to any form, and asked of any list, by hypothesis.

Each form is taken as its page shows it, and sent with some of it replaced, left out,
doubled or renamed. `ANY_INPUT_EXAMPLES=300 pytest tests/test_any_input.py` tries more,
other ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.cookies import SimpleCookie
from inspect import unwrap
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from django.db import models, transaction
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.urls import URLResolver, get_resolver, resolve, reverse
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from wagtail.fields import StreamField
from wagtail.models import Page, get_page_models

from certificates.models import Certificate, CertificateDesign
from content.models import Acknowledgement, Tag
from courses.drafting import begin_draft, fingerprint, put_up
from courses.models import (
    Attempt,
    Enrolment,
    Evidence,
    ProgrammeRequest,
    TopicCompletion,
)
from lms.people.models import Member, TeamMembership, User
from sessions.models import Booking, BookingState
from tests import test_access as access
from tests import test_bad_input as table
from tests.bodies import every_block
from tests.checks import questions
from tests.factories import (
    AcknowledgementFactory,
    BookingFactory,
    CertificateFactory,
    EnrolmentFactory,
    EvidenceFactory,
    InvitationFactory,
    ProgrammeRequestFactory,
)
from tests.pageforms import PageForm, Pairs, forms_in, sent_by_editor

MANY = os.environ.get("ANY_INPUT_EXAMPLES")
ANSWERS = {200, 204, 302, 403, 404, 409, 422}
POSTED = "application/x-www-form-urlencoded"

OWN = {"lms", "content", "courses", "sessions", "certificates"}
EDIT_PAGE = "wagtailadmin_pages:edit"

made = table.made
world = table.world
sides = access.world


def tries(usual: int) -> Any:
    """So many examples, always the same; by hand others, and more."""
    return settings(
        max_examples=int(MANY or usual),
        derandomize=not MANY,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


# --- What may be sent ------------------------------------------------------------------

LETTERS = [
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\x01\x08\x1b\x7f",
        "\ud800",
        "\udfff\ud800",
        "\ufeff",
    ),
    *(
        "\u202egnp.exe",
        "a\u200d\u200b",
        "Z\u0301" * 50,
        "\ufdfa" * 200,
        "\U0001f469" * 90,
    ),
    *("a\r\nBcc: b@example.com", "a\tb\nc", "x" * 100_000, "\U0001f600" * 20_000),
    *("<script>alert(1)</script>", "<b>", "{{ 7 }}{% load x %}", "&#0;", "%s%(a)s{0}"),
    *("=1+1", "@SUM(A1)", "'\"--", "\\", "../../etc/passwd", "null", "[]", "{", "true"),
    *("a@b", "\u202ea@example.com", f"{'a' * 300}@example.com", '"a b"@[::1]'),
    *("javascript:alert(1)", "http://[::1", "//example.com", "https://\ud800.com"),
]
NUMBERS = [
    *("0", "-1", "1", "2147483648", "9" * 25, "-" + "9" * 25, "9" * 5000, "1e309"),
    *("NaN", "Infinity", "1_0", "0x10", "\u0663", "\u00b2", "1.5", " 1 ", "+1", "1,0"),
]
TIMES = [
    *("0001-01-01", "9999-12-31", "10000-01-01", "2030-02-30", "0000-00-00"),
    *("0001-01-01T00:00Z", "9999-12-31T23:59Z", "0001-01-01T00:00+14:00"),
    *("9999-12-31T23:59:59.999999-12:00", "2030-01-01T10:00+23:59", "2030-W01-1"),
    *("2030-01-01T10:00", "24:00", "23:59:60", "9-12", "00:00-24:00", "25-26", "9-9"),
    *(
        "2027-03-28T01:30",
        "1970-01-01",
        "Europe/London",
        "Pacific/Apia",
        "Mars/Olympus",
    ),
]
NAMES = ["{0}[]", "{0}[0]", "{0}-0-id", "{0}.__class__", "{0}\x00", " {0}", "__proto__"]


def values(near: list[str]) -> st.SearchStrategy[str]:
    """One value: of the house (a key, a choice, a neighbour's value), or from anywhere."""
    any_letters = st.text(st.characters(codec=None), max_size=40)
    kinds = [st.sampled_from(each) for each in (LETTERS, NUMBERS, TIMES)]
    kinds += [any_letters, st.integers().map(str)]
    return st.one_of(st.sampled_from(near or [""]), *kinds)


@st.composite
def bodies(draw: Any, base: Pairs, names: list[str], near: list[str]) -> Pairs:
    """`base` with one to four of `names` replaced, left out, doubled or renamed."""
    pairs = list(base)
    for _n in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(names))
        value = draw(values(near))
        how = draw(st.sampled_from(["replace", "replace", "drop", "double", "rename"]))
        rest = [pair for pair in pairs if pair[0] != name]
        if how == "replace":
            pairs = [*rest, (name, value)]
        elif how == "drop":
            pairs = rest
        elif how == "double":
            pairs.insert(draw(st.integers(0, len(pairs))), (name, value))
        else:
            pairs = [*rest, (draw(st.sampled_from(NAMES)).format(name), value)]
    return pairs


def encoded(pairs: Pairs) -> str:
    """As it goes over the wire; half a surrogate pair too."""

    def safe(text: str) -> str:
        return quote(text.encode("utf-8", "surrogatepass"))

    return "&".join(f"{safe(name)}={safe(value)}" for name, value in pairs)


# --- What is looked at -----------------------------------------------------------------


@contextmanager
def taken_back() -> Iterator[None]:
    """Take back all that is written meanwhile."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask(client: Client, method: str, url: str, sent: str = "") -> Any:
    """The answer, read to its end."""
    response: Any = client.generic(method, url, sent, POSTED)
    if response.streaming:
        response.getvalue()
    for close in response._resource_closers:  # close() itself ends the connection
        close()
    return response


@pytest.fixture
def stranger(db: None) -> Any:
    """Somebody of another reseller, with all that can be kept of a person."""
    enrolment = EnrolmentFactory()
    member = enrolment.member
    BookingFactory(enrolment=enrolment)
    BookingFactory(enrolment=enrolment, state=BookingState.PROPOSED, offer=uuid4())
    EvidenceFactory(enrolment=enrolment)
    AcknowledgementFactory(member=member)
    ProgrammeRequestFactory(member=member)
    CertificateFactory(enrolment=EnrolmentFactory(member=member, completed=True))
    return member


def rows_of(member: Any) -> list[list[dict[str, Any]]]:
    """All that is kept of a person."""
    own = models.Q(enrolment__member=member)
    return [
        list(rows.order_by("pk").values())
        for rows in (
            Member.objects.filter(pk=member.pk),
            User.objects.filter(pk=member.user_id),
            TeamMembership.objects.filter(member=member),
            Acknowledgement.objects.filter(member=member),
            ProgrammeRequest.objects.filter(member=member),
            Enrolment.objects.filter(member=member),
            Evidence.objects.filter(own),
            Attempt.objects.filter(own),
            TopicCompletion.objects.filter(own),
            Certificate.objects.filter(own),
            Booking.objects.filter(own),
        )
    ]


def keys_near(world: Any, stranger: Any) -> list[str]:
    """Keys of other rows, own and the stranger's, and of none."""
    enrolment = stranger.enrolments.earliest("pk")
    theirs = [stranger, stranger.user, stranger.reseller, enrolment, enrolment.edition]
    own = [world.member, world.enrolment, world.topic, world.trainer_record]
    call = enrolment.bookings.earliest("pk")
    keys = [str(each.pk) for each in (*theirs, *own, call, call.trainer)]
    return [*keys, call.ref, world.call.ref, str(UUID(int=0))]


def what_is_heard(
    client: Client, method: str, url: str, data: str = ""
) -> tuple[HttpResponse, set[str]]:
    """Ask, and tell which names the view looked up in what it was sent."""
    looked_up: list[tuple[QueryDict, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        for way in ("__getitem__", "__contains__", "_getlist"):
            plain = getattr(QueryDict, way)

            def heard(self: Any, key: Any, *rest: Any, plain: Any = plain, **kw: Any):
                looked_up.append((self, key))
                return plain(self, key, *rest, **kw)

            patch.setattr(QueryDict, way, heard)
        response = ask(client, method, url, data)
    request = response.wsgi_request
    sent = request.POST if method == "POST" else request.GET
    names = {name for asked, name in looked_up if asked is sent}
    return response, names - {"csrfmiddlewaretoken"}


def own_forms(response: Any, url: str) -> list[PageForm]:
    """The forms of an answer that are sent to `url`."""
    if "text/html" not in response.headers.get("content-type", ""):
        return []
    page = response.wsgi_request.path
    return [
        form
        for form in forms_in(response.content.decode())
        if form.method.lower() == "post" and form.goes_to(url, page)
    ]


def nearest(forms: list[PageForm], pairs: Pairs) -> PageForm | None:
    """The form that these were sent by, of several on a page."""
    names = {name for name, _value in pairs}

    def likeness(form: PageForm) -> tuple[int, int]:
        return len(set(form.hidden) & set(pairs)), len(form.names & names)

    return max(forms, key=likeness, default=None)


def lost(response: Any, url: str, pairs: Pairs) -> dict[str, str]:
    """What was typed, and does not stand in the form that came back."""
    form = nearest(own_forms(response, url), pairs)
    if form is None or not set(form.hidden) <= set(pairs):
        return {}  # it was sent by a form that no page has
    sent = QueryDict(encoded(pairs))
    gone = {}
    for name, shown in form.typed.items():
        is_typed = len(sent.getlist(name)) == 1 and sent[name].isprintable()
        if is_typed and shown != sent[name]:
            gone[name] = f"{sent[name][:60]!r}, and shows {shown[:60]!r}"
    return gone


# --- Forms -----------------------------------------------------------------------------


def editing(page: Any) -> tuple[str, str, Pairs]:
    """A page in Wagtail's editor: what stands in its streams, which scripts draw."""
    page = page.specific_class.objects.get(pk=page.pk)
    sent = [("action-publish", "1")]
    for each in page._meta.get_fields():
        if isinstance(each, StreamField):
            value = getattr(page, each.name)
            sent += sent_by_editor(each.stream_block, value, each.name)
    return "staff", reverse(EDIT_PAGE, args=[page.pk]), sent


def cms_topic(world: Any) -> tuple[str, str, Pairs]:
    world.topic.body = [
        each for each in every_block() if each[0] not in ("image", "video")
    ]
    world.topic.criteria = [("criterion", "Says why")]
    world.topic.questions = questions()
    world.topic.save()
    return editing(world.topic)


def cms_exercises(world: Any) -> tuple[str, str, Pairs]:
    table.practising(world)
    return editing(world.topic)


def cms_handbook(world: Any) -> tuple[str, str, Pairs]:
    world.handbook.body = [("heading", "Scope"), ("text", "<p>All of you.</p>")]
    world.handbook.save()
    return editing(world.handbook)


def cms_programme(world: Any) -> tuple[str, str, Pairs]:
    return editing(world.edition.programme)


def cms_programmes(world: Any) -> tuple[str, str, Pairs]:
    return editing(world.edition.programme.get_parent())


def cms_home(world: Any) -> tuple[str, str, Pairs]:
    return editing(world.edition.programme.get_parent().get_parent())


def cms_new_handbook_page(world: Any) -> tuple[str, str, Pairs]:
    args = ["content", "handbookpage", world.handbook.pk]
    words = [("title", "New"), ("slug", "new"), ("body-count", "0")]
    return "staff", reverse("wagtailadmin_pages:add", args=args), words


def cms_begin_edition(world: Any) -> tuple[str, str, Any]:
    url = reverse("courses_next_edition", args=[world.edition.programme_id])
    return "staff", url, {"do": "begin"}


def cms_stop_edition(world: Any) -> tuple[str, str, Any]:
    world.topic.call_minutes += 5
    world.topic.save()
    draft = begin_draft(world.edition.programme, by=None)
    put_up(draft, seen=fingerprint(draft), by=None)
    return "staff", cms_begin_edition(world)[1], {"do": "stop"}


def cms_put_up_edition(world: Any) -> tuple[str, str, Any]:
    who, url, words = table.cms_next_edition(world)
    return who, url, words | {"do": "put-up"}


def cms_invited(world: Any) -> tuple[str, str, Any]:
    row = InvitationFactory()
    return "staff", reverse("invitation:inspect", args=[row.pk]), {"withdraw": "1"}


def cms_tag_renamed(world: Any) -> tuple[str, str, Any]:
    tag = Tag.objects.create(name="Prices")
    return "staff", reverse("tag:edit", args=[tag.pk]), {"name": "Price lists"}


def cms_reseller_edited(world: Any) -> tuple[str, str, Any]:
    words = table.cms_reseller(world)[2] | {"parent": ""}
    return "staff", reverse("reseller:edit", args=[world.member.reseller_id]), words


def cms_design(world: Any) -> tuple[str, str, Any]:
    return "staff", design_address("edit"), DESIGN


def cms_design_previewed(world: Any) -> tuple[str, str, Any]:
    return "staff", design_address("preview_on_edit"), DESIGN


def cms_design_put_back(world: Any) -> tuple[str, str, Any]:
    revision = CertificateDesign.objects.get().save_revision()
    return "staff", design_address("revisions_revert", revision.pk), DESIGN


def design_address(name: str, *args: Any) -> str:
    design = CertificateDesign.objects.get()
    return reverse(f"certificate_design:{name}", args=[design.pk, *args])


DESIGN = {
    **dict.fromkeys(["heading", "above_name", "below_name", "foot", "logo_text"], "x"),
    **dict.fromkeys(["signatory", "signatory_role"], "x"),
    **dict.fromkeys(["logo", "signature", "has_issuer"], ""),
    "ink": "#16294f",
    "accent": "#84682c",
    "paper": "#ffffff",
    "action-publish": "yes",
}


def cannot_work_for(world: Any) -> tuple[str, str, Any]:
    url = reverse("sessions:cannot_work_for", args=[world.trainer_record.pk])
    return "staff", url, table.cannot_work(world)[2]


def keeping_the_place(world: Any) -> tuple[str, str, Any]:
    url = reverse("courses:place", args=[world.topic.pk])
    return "trainee", url, {"block": str(uuid4())}


FORMS = [
    *table.FORMS,
    cannot_work_for,
    keeping_the_place,
    cms_topic,
    cms_exercises,
    cms_handbook,
    cms_programme,
    cms_programmes,
    cms_home,
    cms_new_handbook_page,
    cms_begin_edition,
    cms_stop_edition,
    cms_put_up_edition,
    cms_invited,
    cms_tag_renamed,
    cms_reseller_edited,
    cms_design,
    cms_design_previewed,
    cms_design_put_back,
]


@pytest.mark.parametrize("part", range(4))
def test_form_takes_anything(client: Client, world: Any, stranger: Any, part: int):
    for make in FORMS[part::4]:
        with taken_back():
            client.logout()
            send_anything(client, deepcopy(world), stranger, make)


def send_anything(client: Client, world: Any, stranger: Any, make: Any) -> None:
    who, url, said = make(world)
    if person := getattr(world, who):
        client.force_login(person)
    words = as_pairs(said)
    with taken_back():
        page = ask(client, "GET", url)
        form = nearest(own_forms(page, url), words)
        base = [*without(form.sent if form else [], words), *words]
        as_meant, heard = what_is_heard(client, "POST", url, encoded(base))
    assert as_meant.status_code in (200, 204, 302, 409), make  # the form was reached
    shown = form.choices if form else {}
    names = sorted({name for name, _value in base} | heard | shown.keys())
    near = keys_near(world, stranger)
    near += sorted({each for some in shown.values() for each in some})
    cookies = client.cookies.output(header="")
    before = rows_of(stranger)

    @tries(8)
    @given(bodies(base, names, near))
    def go(pairs: Pairs) -> None:
        note(f"The form: {make.__name__}")
        client.cookies = SimpleCookie(cookies)
        with taken_back():
            response = ask(client, "POST", url, encoded(pairs))
            assert response.status_code in ANSWERS
            assert who == "staff" or rows_of(stranger) == before
            if response.status_code in (409, 422):
                assert lost(response, url, pairs) == {}

    go()
    client.cookies = SimpleCookie(cookies)


def as_pairs(words: Any) -> Pairs:
    """What is sent as pairs; of a field with several values one for each."""
    if isinstance(words, list):
        return words
    return [
        (name, str(value))
        for name, given_ in words.items()
        for value in (given_ if isinstance(given_, list) else [given_])
    ]


def without(sent: Pairs, words: Pairs) -> Pairs:
    said = {name for name, _value in words}
    return [pair for pair in sent if pair[0] not in said]


# --- Lists -----------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(2))
def test_list_takes_anything(client: Client, world: Any, stranger: Any, part: int):
    near = keys_near(world, stranger)
    for who, address, names in table.LISTS[part::2]:
        with taken_back():
            client.logout()
            if person := getattr(world, who):
                client.force_login(person)
            ask_anything(client, table.address_in(world, address), names, near)


def ask_anything(client: Client, url: str, names: list[str], near: list[str]) -> None:
    @tries(4)
    @given(bodies([], names, near))
    def go(pairs: Pairs) -> None:
        note(f"The list: {url}")
        with taken_back():
            response = ask(client, "GET", f"{url}?{encoded(pairs)}")
            assert response.status_code == 200

    go()


# --- None is left out ------------------------------------------------------------------

NO_FIELDS = {  # of the CMS: lists, reports, and what a bare button does
    "styleguide",
    "certificate_design:list",
    "certificate_design:history",
    "certificate_design:history_results",
    "certificate_design:revisions_view",
    "certificate_design:revisions_compare",
    "courses_publish_edition",
    "courses_check_report",
    "courses_next_edition_people",
    "courses_next_edition_progress",
    "wagtailusers_users:delete",
    "wagtailusers_users:welcome",
    "wagtailusers_users:second_factors",
}


@pytest.fixture
def asked_of(world: Any) -> list[str]:
    """The address of each form of the table."""
    addresses = []
    for make in FORMS:
        with taken_back():
            addresses.append(make(deepcopy(world))[1])
    return addresses


def names_of(addresses: list[str]) -> set[str]:
    return {resolve(each.partition("?")[0]).view_name for each in addresses}


def test_address_that_looks_into_what_is_posted_is_in_the_table(
    client: Client, sides: Any, asked_of: list[str]
):
    missing = set()

    for name, entry in access.TABLE.items():
        url = access.address(name, entry.args(sides))
        for who, answer in zip(access.PEOPLE, entry.answers, strict=True):
            if answer in (access.SIGN_IN, 403, 404) or name in missing:
                continue
            with taken_back():
                client.logout()
                if person := sides.people[who]:
                    client.force_login(person)
                if what_is_heard(client, "POST", url)[1] - {"next"}:
                    missing.add(name)

    assert missing - names_of(asked_of) == set()


def test_own_form_of_the_cms_is_in_the_table(asked_of: list[str]):
    ours = set()
    for route, name, view in routes(get_resolver()):
        model = getattr(view, "view_initkwargs", {}).get("model")
        code = getattr(view, "view_class", None) or unwrap(view)
        is_ours = any(
            getattr(each, "__module__", "").split(".")[0] in OWN
            for each in (model, code)
        )
        if route.startswith("cms/") and name and is_ours:
            ours.add(name)
    lists = {name for name in ours if name.endswith((":index", ":index_results"))}

    assert ours - lists - NO_FIELDS - names_of(asked_of) == set()


def test_each_type_of_page_is_in_the_table(asked_of: list[str]):
    found = [resolve(each.partition("?")[0]) for each in asked_of]
    keys = [each.kwargs["page_id"] for each in found if each.view_name == EDIT_PAGE]
    edited = {page.specific_class for page in Page.objects.filter(pk__in=keys)}

    ours = {each for each in get_page_models() if each.__module__.split(".")[0] in OWN}
    assert edited == ours


def routes(resolver: URLResolver, route: str = "", space: str = "") -> Iterator[Any]:
    for each in resolver.url_patterns:
        here = route + str(each.pattern)
        if isinstance(each, URLResolver):
            within = f"{space}{each.namespace}:" if each.namespace else space
            yield from routes(each, here, within)
        else:
            yield here, f"{space}{each.name}" if each.name else "", each.callback
