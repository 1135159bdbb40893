"""Every id that can be sent: somebody else's is answered as one that is not there.

Each form and each list is taken as its page shows it. Whatever in it names a row, as
its value says or as the database is asked with it, is sent again with the ids of
another company's rows and with ids of none, by each kind of person who may send it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib.messages import get_messages
from django.db import connection, models
from django.db.models.signals import pre_save
from django.forms import BaseForm, ModelChoiceField
from wagtail.models import Page

from tests import test_any_input as forms
from tests import test_bad_input as table
from tests.crowd import LOGS, TOKENS, taken_back
from tests.factories import (
    EditionFactory,
    MemberFactory,
    ResellerFactory,
    TrainerFactory,
)
from tests.pageforms import PageForm, Pairs, forms_in
from tests.seats import Seats
from tests.test_access import make_side
from tests.test_any_input import as_pairs, ask, encoded, nearest, own_forms, without
from tests.test_visible_to import OURS
from tests.test_wall_markers import marking, more

PARTS = 4
FIRST = 1_000_000
KEYS = {"ref", "serial", "key"}  # and what is a UUID: by these a row is named too
DENIED = {403, 404, 405}
# Wagtail's editor of pages and designs: of nobody's rows, and slow.
WAGTAILS = {
    "cms_topic", "cms_exercises", "cms_handbook", "cms_programme", "cms_programmes",
    "cms_home", "cms_new_handbook_page", "cms_design", "cms_design_previewed",
    "cms_design_put_back", "cms_branding",
}  # fmt: skip
# What everybody may name; and what the channel team may, who see all of these.
OPEN = {"Tag", "Team"}  # and pages
STAFFS = {"Certificate", "Invitation", "Member", "Reseller", "User"}
# A trainer, and who looks after trainers, hand calls to any colleague.
ANY_COLLEAGUE = {("calls_outside", "to"), ("handing_over", "to"), ("leaving", "to")}
# Each page has one of its own, 122 random bits, so that it is sent once: another's is
# refused, in words on the form, and nothing else is said.
ITS_OWN = "request_key"

# Each field that names rows, and rows of what. A new one belongs here once it has been
# seen that the test below sends it; of an address its parts that are keys are left out.
NAMING = {
    ("/calls/book/{enrolment}/", "topics", "EditionTopic"),
    ("/calls/book/{enrolment}/", "trainer", "Trainer"),
    ("/calls/{call}/move/", "trainer", "Trainer"),
    ("/standing/log/", "person", "User"),
    ("/standing/{reseller}/handbook/", "reseller", "Reseller"),
    ("/team/add/", "members", "Member"),
    ("/team/handbook/", "reseller", "Reseller"),
    ("/team/invitations/", "reseller", "Reseller"),
    ("/team/invite/", "reseller", "Reseller"),
    ("/team/who-had-to/", "reseller", "Reseller"),
    ("/trainer/ready/{enrolment}/", "topics", "EditionTopic"),
    ("/trainer/ready/{enrolment}/", "trainer", "Trainer"),
    ("adding", "members", "Member"),
    ("adding_a_reseller", "parent", "Reseller"),
    ("answering", "take", "Booking"),
    ("auditing", "top", "Reseller"),
    ("booking", "request_key", "Booking"),
    ("booking", "topics", "EditionTopic"),
    ("booking", "trainer", "Trainer"),
    ("calls_outside", "call", "Booking"),
    ("calls_outside", "to", "Trainer"),
    ("choosing_invitations", "invitations", "Invitation"),
    ("cms_company_sign_in", "reseller", "Reseller"),
    ("cms_company_sign_in_again", "reseller", "Reseller"),
    ("cms_invitation", "reseller", "Reseller"),
    ("cms_reseller", "parent", "Reseller"),
    ("cms_reseller_edited", "parent", "Reseller"),
    ("company_sign_in", "provider", "IdentityProvider"),
    ("correcting_an_invitation", "reseller", "Reseller"),
    ("ending_a_sign_in", "sign_in", "SignIn"),
    ("exempting", "topics", "EditionTopic"),
    ("handing_over", "to", "Trainer"),
    ("invitation", "company", "IdentityProvider"),
    ("leaving_the_room", "tab", "Presence"),
    ("leaving", "call", "Booking"),
    ("leaving", "to", "Trainer"),
    ("mending_a_list", "all-reseller", "Reseller"),
    ("moving", "trainer", "Trainer"),
    ("pack", "serial", "Certificate"),
    ("pasting", "reseller", "Reseller"),
    ("scheduling", "request_key", "Booking"),
    ("scheduling", "topics", "EditionTopic"),
    ("scheduling", "trainer", "Trainer"),
    ("stating", "reseller", "Reseller"),
    ("switch", "member", "Member"),
    ("taking_back", "event", "Event"),
    ("taking_back_a_sign_off", "topic", "BookingTopic"),
    ("typing_on_the_board", "writer", "BoardTopic"),
}

Kinds = set[tuple[type[models.Model], str]]
MADE: list[models.Model] = []


@pytest.fixture(autouse=True)
def numbers(db: None) -> Iterator[None]:
    """Give each row a number that no row of any other table has, and note the row."""
    free = count(FIRST, 1000)  # what is made in bulk counts on from the last by one
    MADE.clear()

    def number(sender: Any, instance: Any, **more: Any) -> None:
        if instance._state.adding and sender._meta.app_label in (*OURS, "schedule"):
            MADE.append(instance)
            if isinstance(sender._meta.pk, models.AutoField) and not instance.pk:
                instance.pk = next(free)

    pre_save.connect(number)
    yield
    pre_save.disconnect(number)


@pytest.fixture
def world(numbers: None) -> Any:
    return table.make_world()


def keys_of(row: models.Model) -> Iterator[tuple[str, str]]:
    """By which fields somebody may name a row, and how that is written."""
    for each in row._meta.concrete_fields:
        value = getattr(row, each.attname)
        if each is row._meta.pk and isinstance(value, int):
            yield "pk", str(value)
        elif value and (each.name in KEYS or isinstance(each, models.UUIDField)):
            yield each.name, str(value)


@dataclass
class Sent:
    """A form or a list, as somebody means it, and which of its fields name rows."""

    name: str
    method: str
    url: str
    base: Pairs
    heard: set[str]
    fields: dict[str, Kinds] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        return [value for each, value in self.base if each == name]


def make_everybody(world: Any) -> list[models.Model]:
    """Who may stand before a form; return another company's rows, of all kinds."""
    reseller = world.member.reseller
    parent = ResellerFactory()
    reseller.move(parent, pos="first-child")
    reseller.refresh_from_db()
    world.people = {
        "nobody": None,
        "trainee": world.trainee,
        "colleague": MemberFactory(reseller=reseller).user,
        "manager": world.manager,
        "parent_manager": MemberFactory(reseller=parent, is_manager=True).user,
        "trainer": world.trainer,
        "other_trainer": TrainerFactory(programmes=[world.edition.programme]).user,
        "staff": world.staff,
    }
    own = len(MADE)
    with marking():
        theirs = make_side("", EditionFactory(), TrainerFactory())
        MemberFactory(reseller=theirs["reseller"], is_manager=True)
        more(theirs)
    return MADE[own:]


def forms_of(world: Any, seats: Seats, part: int) -> Iterator[Sent]:
    """Each form and each list; what making it changed is there meanwhile."""
    asked = [make for make in forms.FORMS if make.__name__ not in WAGTAILS]
    for make in asked[part::PARTS]:
        already = len(MADE)
        with forms.taken_back():
            own = deepcopy(world)
            who, url, said = make(own)
            seats.take(getattr(own, who))
            yield as_meant(make.__name__, seats.client, url, as_pairs(said))
        del MADE[already:]
    for who, address, names in table.LISTS[part::PARTS]:
        seats.take(getattr(world, who))
        yield as_asked(address, seats.client, table.address_in(world, address), names)


def as_meant(name: str, client: Any, url: str, words: Pairs) -> Sent:
    with taken_back():
        page = ask(client, "GET", url)
        form = nearest(own_forms(page, url), words)
    base = [*without(form.sent if form else [], words), *words]
    with taken_back():
        _answer, heard = forms.what_is_heard(client, "POST", url, encoded(base))
    return with_fields(Sent(name, "POST", url, base, heard), client, form)


def as_asked(address: str, client: Any, url: str, names: list[str]) -> Sent:
    with taken_back():
        page = ask(client, "GET", url)
    found = forms_in(page.content.decode())
    form = next((each for each in found if set(names) & each.names), None)
    return with_fields(Sent(address, "GET", url, [], set(names)), client, form)


def with_fields(sent: Sent, client: Any, form: PageForm | None) -> Sent:
    """Find which of its fields name rows, and rows of what.

    By the keys that stand in them or are offered; else, where no fixed words are
    offered and nobody types, by what the database is asked for.
    """
    heard, shown = sent.heard, form.choices if form else {}
    offered = [(name, each) for name in shown.keys() & heard for each in shown[name]]
    rows: dict[str, Kinds] = {}
    for row in MADE:
        for kind, key in keys_of(row):
            rows.setdefault(key, set()).add((type(row), kind))
    for name, value in [*sent.base, *offered]:
        if value in rows and (not value.isdigit() or int(value) >= FIRST):
            sent.fields.setdefault(name, set()).update(rows[value])
    typed = form.typed.keys() if form else set()
    worded = {name for name, value in offered if value}
    for name in sorted(heard - sent.fields.keys() - typed - worded):
        if kinds := asked_for(sent, client, name):
            sent.fields[name] = kinds
    for name, kinds in list(sent.fields.items()):
        sent.fields[name] = {kind for kind in kinds if not is_open(kind[0])}
        if not sent.fields[name]:
            del sent.fields[name]
    return sent


def is_open(model: type[models.Model]) -> bool:
    return issubclass(model, Page) or model.__name__ in OPEN


PROBE = "987654321"  # a number, and the text of a key too
NO_UUID = str(UUID(int=9 * 10**30))
NO_SERIAL = "ZZZZ9ZZZZ9ZZZ"
FROM = re.compile(r'FROM "(\w+)"')


class Listening:
    """Notes of which tables the database is asked for a value, and nothing like it."""

    def __init__(self, value: str) -> None:
        self.value, self.tables = value, set[str]()

    def __call__(self, execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if sql.startswith("SELECT") and self.value in (
            str(each).replace("-", "") for each in params or ()
        ):
            self.tables.update(FROM.findall(sql)[:1])
        return execute(sql, params, *rest)


def asked_for(sent: Sent, client: Any, name: str) -> Kinds:
    own = "".join(sent.values(name)[:1])
    probe = {36: NO_UUID, 13: NO_SERIAL}.get(len(own), PROBE)
    listening = Listening(probe.replace("-", ""))
    with connection.execute_wrapper(listening):
        send(client, sent, name, [probe], [])
    return {
        (model, kind)
        for model in apps.get_models()
        if model._meta.db_table in listening.tables
        for kind in ("pk", "request_key", *KEYS)
    }


# --- What is sent, and what is answered -----------------------------------------------


def strangers(theirs: list[models.Model], kinds: Kinds) -> Iterator[tuple[Any, str]]:
    """Another company's rows of these kinds, and how each is named."""
    for model, kind in sorted(kinds, key=str):
        for row in [row for row in theirs if type(row) is model][:2]:
            for its_kind, key in keys_of(row):
                if its_kind == kind:
                    yield row, key


def nobodys(key: str) -> str:
    """A key as long as that one, and of the same kind, that nothing has."""
    if key.isdigit():
        return "9" * len(key)
    is_uuid = len(key) == len(NO_UUID)
    return NO_UUID if is_uuid else key[0] + "Z9" * (len(key) // 2)


@dataclass
class Heard:
    """An answer, as far as two have to be the same; what they wrote is taken back."""

    status: int
    to: bytes
    said: list[str]
    queries: int
    written: set[str]
    theirs: list[Any]
    body: bytes

    def differs_from(self, other: Heard) -> str:
        pairs = [
            (name, value, getattr(other, name)) for name, value in vars(self).items()
        ]
        return "; ".join(
            f"{name}: {one!s:.80} and {two!s:.80}"
            for name, one, two in pairs
            if one != two
        )


def send(
    client: Any, sent: Sent, name: str, values: list[str], theirs: list[models.Model]
) -> Heard:
    pairs = [*without(sent.base, [(name, "")]), *((name, each) for each in values)]
    text, is_post = encoded(pairs), sent.method == "POST"
    url = sent.url if is_post else f"{sent.url}?{text}"
    with taken_back() as counted:
        response = ask(client, sent.method, url, text if is_post else "")
        written = counted.written - LOGS
        now = [values_of(row) for row in theirs] if written else []
    keys = b"|".join(re.escape(each.encode()) for each in values if each)

    def bare(text: bytes) -> bytes:
        text = TOKENS.sub(rb"\1", text)
        return re.sub(rb"\b(?:%s)\b" % keys, b"", text) if keys else text

    return Heard(
        status=response.status_code,
        to=bare(response.get("Location", "").encode()),
        said=[str(each) for each in get_messages(response.wsgi_request)],
        queries=counted.queries,
        written=written,
        theirs=now if now != [values_of(row) for row in theirs] else [],
        body=bare(b"" if response.streaming else response.content),
    )


def values_of(row: models.Model) -> Any:
    return type(row)._base_manager.filter(pk=row.pk).values().first()


def may_pick(who: str, sent: Sent, name: str, model: type[models.Model]) -> bool:
    """Whether a row of another company is nobody's secret there."""
    is_staffs = who == "staff" and model.__name__ in STAFFS
    return is_staffs or name == ITS_OWN or (sent.name, name) in ANY_COLLEAGUE


@pytest.mark.parametrize("part", range(PARTS))
def test_anothers_id_is_answered_as_one_that_is_not_there(
    client, world, part, capsys, caplog
):
    caplog.set_level("CRITICAL", "django")
    theirs = make_everybody(world)
    seats = Seats(client)
    for person in world.people.values():
        seats.take(person)
    wrong: dict[Any, str] = {}
    heeded: dict[tuple[str, str], bool] = {}
    cases = 0

    def answer(who: str, values: list[str], rows: list[models.Model]) -> Heard:
        seats.take(world.people[who])  # anew: what was said before is forgotten
        return send(client, sent, name, values, rows)

    for sent in forms_of(world, seats, part):
        for name, kinds in sent.fields.items():
            own = sent.values(name)
            for who in world.people:
                meant = answer(who, own, [])
                if meant.status in DENIED or meant.to.startswith(b"/accounts/"):
                    continue
                for row, key in strangers(theirs, kinds):
                    if may_pick(who, sent, name, type(row)):
                        continue
                    for before in [[], own][: 1 + any(own)]:
                        foreign = answer(who, [*before, key], [row])
                        missing = answer(who, [*before, nobodys(key)], [row])
                        cases += 2
                        if what := foreign.differs_from(missing):
                            wrong[sent.name, name, who, type(row).__name__] = what
                        if not before and any(own):
                            is_heard = bool(meant.differs_from(missing))
                            heeded[sent.name, name] = is_heard | heeded.get(
                                (sent.name, name), False
                            )
        found = {
            (sent.name, name, model.__name__)
            for name, kinds in sent.fields.items()
            for model, _kind in kinds
        }
        asked = {each for each in NAMING if each[0] == sent.name}
        if sent.method == "GET":  # who has one company is not offered to choose
            asked &= found
        if new := found ^ asked:
            wrong[sent.name] = f"{sorted(new)}: see NAMING"

    lines = [f"{asked}: {what}" for asked, what in wrong.items()]
    assert not wrong, "\n".join(lines)
    assert {each for each, is_heard in heeded.items() if not is_heard} == set()
    with capsys.disabled():
        print(f" {cases} cases ", end="")  # noqa: T201


def test_each_field_that_chooses_among_rows_is_sent():
    """Which forms there are stands in `test_any_input`; here, what they choose from."""
    choosing = {
        name
        for kind in kinds_of_forms(BaseForm)
        if kind.__module__.split(".")[0] in forms.OWN
        for name, each in getattr(kind, "base_fields", {}).items()
        if isinstance(each, ModelChoiceField)
        and (each.queryset is None or not is_open(each.queryset.model))
    }

    sent = {name for _form, name, _model in NAMING}
    assert choosing - sent == {"changed", "left_out"}  # topics, by the channel team


def kinds_of_forms(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from kinds_of_forms(each)
