"""The log as pages: for the channel team to search, for a person their own part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from ipaddress import ip_address
from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth.decorators import login_required
from django.db.models import Model, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lms.audit.log import record
from lms.audit.looking import looked, read_log
from lms.audit.models import Event, EventQuerySet, EventValues, Link
from lms.audit.reading import newest_of, page_of, place
from lms.audit.words import KINDS, VERBS, kind, said
from lms.people.access import Access, MemberRequest
from lms.people.models import Member, User
from lms.people.names import one_line
from lms.people.roles import staff_required
from lms.tables import FORMATS, table_response
from lms.walls import unscoped

PAGE_SIZE = 50
IN_A_FILE = 20_000  # events, the newest
MOST_PEOPLE = 50  # found by a name


class LogFilter(forms.Form):
    """What to show of the log; all of it stands in the address."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Person"),
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    person = forms.IntegerField(
        required=False, min_value=1, max_value=2**62, widget=forms.HiddenInput
    )
    side = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Who"),
        choices=[
            ("", gettext_lazy("Did it, or it is about them")),
            ("actor", gettext_lazy("Did it")),
            ("about", gettext_lazy("It is about them")),
        ],
    )
    verb = forms.ChoiceField(
        required=False,
        label=gettext_lazy("What"),
        choices=[
            ("", gettext_lazy("Everything")),
            *((matter, list(table.items())) for matter, table in VERBS.items()),
        ],
    )
    kind = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Of"),
        choices=[("", gettext_lazy("All kinds")), *KINDS.items()],
    )
    since = forms.DateField(
        required=False,
        label=gettext_lazy("From"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        required=False,
        label=gettext_lazy("Until"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    where = forms.CharField(
        required=False,
        max_length=100,
        label=gettext_lazy("From where"),
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("Address, browser, clock")}
        ),
    )


@dataclass(frozen=True)
class Line:
    """One event in words."""

    event: Event
    said: str
    kind: str
    by: str
    where: str
    values: Sequence[EventValues] = ()


@staff_required
def log(request: MemberRequest) -> HttpResponse:
    """The whole log, filtered; `?format=csv` or `xlsx` for its newest lines as a file."""
    form = LogFilter({"q": "", **{name: request.GET[name] for name in request.GET}})
    form.is_valid()
    asked = form.cleaned_data
    person = _person(request.access, asked.get("person"))
    read_log(request)
    if person:
        looked(request, person)
    parts = _filtered(request.access, asked, person)
    if (file_type := request.GET.get("format")) in FORMATS:
        record(request.user, "took_log", request.user)
        rows = [as_row(line) for line in _lines(newest_of(parts, IN_A_FILE))]
        return table_response("log", file_type, header(), rows)
    page = page_of(parts, place(request.GET.get("before", "")), PAGE_SIZE)
    context = {
        "form": form,
        "person": person,
        "page": page,
        "lines": _lines(page.events),
        "count": None if page.events else 0,
        "in_a_file": IN_A_FILE,
        "columns": [{"label": label} for label in header()],
        "newest": Link.objects.order_by("-number").first(),
    }
    return render(request, "dashboards/log.html", context)


def _person(access: Access, pk: int | None) -> User | None:
    return User.objects.visible_to(access).filter(pk=pk).first() if pk else None


def _filtered(
    access: Access, asked: Mapping[str, Any], person: User | None
) -> list[EventQuerySet]:
    events = Event.objects.visible_to(access).select_related("actor", "about")
    if verb := asked.get("verb"):
        name, _space, label = verb.rpartition(" ")
        if label in KINDS:
            events = events.filter(verb=name, target_type=label)
        else:
            events = events.filter(verb=verb)
    if label := asked.get("kind"):
        events = events.filter(target_type=label)
    zone = access.user.zone
    if since := asked.get("since"):
        events = events.filter(at__gte=datetime.combine(since, time.min, zone))
    if until := asked.get("until"):
        day_after = datetime.combine(until, time.min, zone) + timedelta(days=1)
        events = events.filter(at__lt=day_after)
    if where := one_line(asked.get("where") or ""):
        events = events.filter(_from(where))
    people = _people(access, asked.get("q") or "", person)
    if people is None:
        return [events]
    sides = [asked["side"]] if asked.get("side") else ["actor", "about"]
    return [events.filter(**{f"{side}__in": people}) for side in sides]


def _people(access: Access, q: str, person: User | None) -> list[int] | None:
    """Whom to show the events of; None for everybody."""
    if person:
        return [person.pk]
    if not (words := one_line(q)):
        return None
    found = User.objects.visible_to(access).filter(
        Q(full_name__icontains=words) | Q(email__icontains=words)
    )
    return list(found.order_by("pk").values_list("pk", flat=True)[:MOST_PEOPLE])


def _from(where: str) -> Q:
    try:
        return Q(address=str(ip_address(where)))
    except ValueError:
        return Q(agent__icontains=where) | Q(system__iexact=where) | Q(request=where)


def header() -> list[str]:
    return [_("What"), _("About"), _("By"), _("When"), _("From where")]


def as_row(line: Line) -> list[object]:
    event = line.event
    what = f"{line.said} ({line.kind} {event.target_id})"
    when = f"{event.at:%Y-%m-%d %H:%M:%S} UTC"
    return [what, event.about or "", line.by, when, line.where]


def _lines(events: Iterable[Event]) -> list[Line]:
    return [
        Line(event, said(event), kind(event), by_whom(event), where_from(event))
        for event in events
    ]


def by_whom(event: Event) -> str:
    """Who did it, for the channel team."""
    return str(event.actor) if event.actor else _("The system")


def where_from(event: Event) -> str:
    """The browser and the address, or the process."""
    parts = [event.agent, event.address]
    if event.system:
        parts.append(_("the system: %(name)s") % {"name": event.system})
    return ", ".join(filter(None, parts))


@staff_required
def event(request: MemberRequest, pk: int) -> HttpResponse:
    """One event: all that is known of it, and the way to what it was done to."""
    seen = Event.objects.visible_to(request.access)
    found = get_object_or_404(seen.select_related("actor", "about", "link"), pk=pk)
    read_log(request)
    if found.about:
        looked(request, found.about)
    (line,) = _lines([found])
    together = seen.filter(request=found.request).exclude(pk=pk).order_by("at", "pk")
    context = {
        "line": line,
        "facts": _facts(line),
        "values": [
            {
                "title": each.field.replace("_", " ").capitalize(),
                "detail": f"{each.before or '–'} → {each.after or '–'}",
            }
            for each in EventValues.objects.visible_to(request.access).filter(
                event=found
            )
        ],
        "target_url": target_url(found, request.access),
        "together": _lines(
            together.select_related("actor", "about")[:PAGE_SIZE]
            if found.request
            else ()
        ),
        "columns": [{"label": label} for label in header()],
    }
    return render(request, "dashboards/log_event.html", context)


def _facts(line: Line) -> list[dict[str, str]]:
    event = line.event
    facts = [
        {"label": _("Exactly"), "value": f"{event.at:%Y-%m-%d %H:%M:%S} UTC"},
        {"label": _("About"), "value": str(event.about or "–")},
        {"label": _("By"), "value": line.by},
        {"label": _("From where"), "value": line.where or "–"},
        {"label": line.kind, "value": event.target_id},
    ]
    for name, value in event.ids.items():
        facts.append({"label": name.replace("_", " "), "value": _plain(value)})
    in_chain = (
        _("link %(number)d") % {"number": event.link.number}
        if event.link
        else _("not yet: the clock does it within a minute")
    )
    facts.append({"label": _("In the chain"), "value": in_chain})
    return facts


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "–" if value is None else str(value)


def target_url(event: Event, access: Access) -> str | None:
    """Where that which it was done to is shown to who asks; None where nowhere."""
    try:
        model = apps.get_model(event.target_type)
    except LookupError:  # of a record that this version has no more
        return None
    rows = unscoped(model.objects, "each kind of record has its own visible_to")
    if not hasattr(rows, "visible_to"):
        return None
    found = rows.visible_to(access).filter(pk=event.target_id).first()
    if found is None:
        return None
    if name := _PAGES.get(event.target_type):
        return reverse(name, args=[found.pk])
    if isinstance(found, User):
        member = Member.objects.visible_to(access).filter(user=found).last()
        return reverse("dashboards:person", args=[member.pk]) if member else None
    url: str | None = _url_of(found)
    return url


def _url_of(found: Model) -> str | None:
    """Its own address, or that of the record it belongs to."""
    if hasattr(found, "get_absolute_url"):
        return str(found.get_absolute_url())
    if hasattr(found, "enrolment_id"):
        return reverse("dashboards:enrolment", args=[found.enrolment_id])
    if hasattr(found, "member_id"):
        return reverse("dashboards:person", args=[found.member_id])
    return None


_PAGES = {
    "people.Member": "dashboards:person",
    "people.Reseller": "dashboards:reseller",
    "courses.Enrolment": "dashboards:enrolment",
    "training_sessions.Trainer": "sessions:trainer",
}


# --- A person's own part --------------------------------------------------------


@login_required
def own_log(request: MemberRequest) -> HttpResponse:
    """What was changed or seen about oneself, by whom; and what one did oneself."""
    user = request.user
    events = Event.objects.visible_to(request.access).told().select_related("actor")
    parts = [events.filter(about=user), events.filter(actor=user)]
    page = page_of(parts, place(request.GET.get("before", "")), PAGE_SIZE)
    about_me = [event.pk for event in page.events if event.about_id == user.pk]
    values: dict[int, list[EventValues]] = {}
    for each in EventValues.objects.visible_to(request.access).filter(
        event__in=about_me
    ):
        values.setdefault(each.event_id, []).append(each)
    context = {
        "page": page,
        "lines": [
            _own_line(event, user, values.get(event.pk, ())) for event in page.events
        ],
        "count": None if page.events else 0,
        "columns": [
            {"label": label}
            for label in (_("What"), _("By"), _("When"), _("From where"))
        ],
    }
    return render(request, "dashboards/own_log.html", context)


def _own_line(event: Event, user: User, values: Sequence[EventValues]) -> Line:
    is_mine = event.actor_id == user.pk
    return Line(
        event,
        said(event),
        kind(event),
        _told_by(event, user),
        where_from(event) if is_mine else "",
        values,
    )


def _told_by(event: Event, user: User) -> str:
    """Who did it, for whom it is about: the channel team is one, others have names."""
    if event.actor is None:
        return _("The system")
    if event.actor == user:
        return _("You")
    if event.actor.is_staff:
        return _("ByteKast’s channel team")
    return event.actor.full_name or _("Somebody who is gone")
