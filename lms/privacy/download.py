"""All that is kept of a person, as one file: for machines, for reading, and the files.

The right of access and of portability (GDPR, articles 15 and 20).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, ForeignKey, Model, Q, QuerySet
from django.template.loader import render_to_string
from django.utils.text import capfirst
from django.utils.timezone import now
from django.utils.translation import gettext as _

from certificates.models import Certificate
from certificates.packs import Window, content_of, entry_of
from lms.mail.times import moment, on_day
from lms.people.models import User
from lms.privacy import kept
from lms.privacy.kept import Kept


def own_data(person: User) -> Iterator[bytes]:
    """Give the ZIP piece by piece: `data.json`, `data.html` and the person's PDFs.

    Times are in UTC in the one, in the person's zone in the other.
    """
    found: Found = [(each, list(_rows(each, person))) for each in kept.ALL]
    window = Window()
    with ZipFile(window, "w", ZIP_DEFLATED) as archive:
        archive.writestr("data.json", _as_json(found))
        yield window.take()
        archive.writestr("data.html", _as_page(found, person))
        yield window.take()
        own = Certificate.objects.filter(enrolment__member__user=person)
        for certificate in own.released().ready():
            content = content_of(certificate)
            if content is not None:
                archive.writestr(entry_of(certificate), content)
            yield window.take()
    yield window.take()


def _rows(each: Kept, person: User) -> Iterator[dict[str, Any]]:
    """The rows about the person; what a row points to by its id here, or in words."""
    model = each.model_class
    about = Q()
    for lookup in each.persons.split():
        about |= Q(**{lookup: person.pk})
    rows: QuerySet[Model] = model._default_manager.filter(about)
    if each.only:
        rows = getattr(rows, each.only)()
    fields = [_field(each, name) for name in ("id", *each.shown.split())]
    in_words = [field.name for field in fields if _is_elsewhere(field)]
    if in_words:  # of none it would join all tables that a row leads to
        rows = rows.select_related(*in_words)
    for row in rows.order_by("pk").distinct():
        yield {
            field.name: (
                str(getattr(row, field.name))
                if field.name in in_words
                else field.value_from_object(row)
            )
            for field in fields
        }


def _field(each: Kept, name: str) -> Field[Any, Any]:
    field = each.model_class._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{each.model}.{name} is no field of its own.")
    return field


def _is_elsewhere(field: Field[Any, Any]) -> bool:
    """Whether the field points to what is no record about people."""
    here = {each.model_class for each in kept.ALL}
    return isinstance(field, ForeignKey) and field.related_model not in here


Found = list[tuple[Kept, list[dict[str, Any]]]]


def _as_json(found: Found) -> str:
    parts = [
        {"record": each.model, "what": each.title, "why": each.why, "rows": rows}
        for each, rows in found
    ]
    whole = {"made_at": now(), "parts": parts}
    return json.dumps(whole, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)


def _as_page(found: Found, person: User) -> str:
    parts = [
        {
            "title": each.title,
            "why": each.why,
            "how_long": each.how_long,
            "rows": [
                [
                    (_words(each, name), _text(value, person))
                    for name, value in row.items()
                ]
                for row in rows
            ],
        }
        for each, rows in found
        if rows
    ]
    words = {"parts": parts, "person": person, "at": now()}
    return render_to_string("privacy/data.html", words)


def _words(each: Kept, name: str) -> str:
    return str(capfirst(_field(each, name).verbose_name))


def _text(value: object, person: User) -> str:
    match value:
        case None | "" | [] | {}:
            return "–"
        case bool():
            return _("yes") if value else _("no")
        case datetime():
            return moment(value, person.time_zone)
        case date():
            return on_day(value)
        case list() | dict():
            return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
        case _:
            return str(value)
