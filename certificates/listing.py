"""The certificates of one's people: which of them are shown, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, Q
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.models import Certificate
from certificates.verdict import STATES, in_state
from courses.models import Edition, ProgrammePage
from lms.people.access import Access
from lms.people.models import Reseller, Team, TeamMembership
from lms.people.names import one_line
from lms.walls import unscoped

if TYPE_CHECKING:
    from certificates.models import CertificateQuerySet

NEWEST = "-issued"
_ORDERS = {
    "name": F("enrolment__member__user__full_name"),
    "company": F("enrolment__member__reseller__name"),
    "programme": F("enrolment__edition__title"),
    "issued": F("issued_at"),
    "until": F("enrolment__valid_until"),
}


class RowField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A choice among rows, by key; no number is too large to be asked for."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except OverflowError:
            raise ValidationError(
                self.error_messages["invalid_choice"], "invalid_choice"
            ) from None


class ListFilter(forms.Form):
    """What is shown; all of it stands in the address. A bad value shows all."""

    q = forms.CharField(
        required=False,
        max_length=100,
        label=gettext_lazy("Name"),
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    programme = RowField(
        ProgrammePage.objects.none(),
        required=False,
        label=gettext_lazy("Programme"),
        empty_label=gettext_lazy("All programmes"),
    )
    team = forms.ModelChoiceField(
        Team.objects.all(),
        required=False,
        to_field_name="slug",
        label=gettext_lazy("Team"),
        empty_label=gettext_lazy("All teams"),
    )
    reseller = RowField(
        Reseller.objects.none(),
        required=False,
        label=gettext_lazy("Company"),
        empty_label=gettext_lazy("All"),
    )
    state = forms.ChoiceField(required=False, label=gettext_lazy("State"))
    until = forms.DateField(
        required=False,
        label=gettext_lazy("Expires before"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, data: QueryDict, *, access: Access) -> None:
        super().__init__(data)
        asked_for = ProgrammePage.objects.filter(
            pk__in=Edition.objects.values("programme")
        )
        self.fields["programme"].queryset = asked_for.order_by("path")  # type: ignore[attr-defined]  # a RowField
        self.fields["reseller"].queryset = Reseller.objects.visible_to(access)  # type: ignore[attr-defined]  # as above
        words: list[tuple[str, str | Promise]] = [
            ("", _("All states")),
            *((state.key, state.word) for state in STATES),
        ]
        self.fields["state"].choices = words  # type: ignore[attr-defined]  # a ChoiceField


def shown(access: Access, form: ListFilter, order: str = NEWEST) -> CertificateQuerySet:
    """Those of one's people that the form asks for, all that may be shown of them."""
    found = Certificate.objects.released().of_people(access)
    form.is_valid()
    asked = form.cleaned_data
    if words := one_line(asked.get("q") or ""):
        found = found.filter(
            Q(enrolment__member__user__full_name__icontains=words)
            | Q(public_claim__name__icontains=words)
        )
    if programme := asked.get("programme"):
        found = found.filter(enrolment__programme=programme)
    if team := asked.get("team"):
        live = unscoped(TeamMembership.objects.live(), "only narrows what is scoped")
        held = live.filter(team=team)
        found = found.filter(enrolment__member__in=held.values("member"))
    if reseller := asked.get("reseller"):
        found = found.filter(enrolment__member__reseller=reseller)
    if state := asked.get("state"):
        found = in_state(found, state)
    if day := asked.get("until"):
        found = found.filter(enrolment__valid_until__lt=day)
    return ordered(found, order)


def ordered(found: CertificateQuerySet, order: str) -> CertificateQuerySet:
    """In an order of `_ORDERS`, from above with a minus; any other is the newest first."""
    name = order.removeprefix("-")
    if name not in _ORDERS:
        order, name = NEWEST, "issued"
    by = _ORDERS[name]
    if order.startswith("-"):
        return found.order_by(by.desc(nulls_last=True), "-pk")
    return found.order_by(by.asc(nulls_last=True), "pk")


def columns(query: QueryDict) -> list[dict[str, str]]:
    """The head of the list: what sorts by it, and by which it is sorted."""
    order = query.get("sort", NEWEST)
    if order.removeprefix("-") not in _ORDERS:
        order = NEWEST
    heads = [
        ("name", _("Name")),
        ("company", _("Company")),
        ("programme", _("Programme")),
        ("", _("State")),
        ("issued", _("Issued")),
        ("until", _("Valid until")),
    ]
    return [_column(query, order, name, label) for name, label in heads]


def _column(query: QueryDict, order: str, name: str, label: str) -> dict[str, str]:
    if not name:
        return {"label": label}
    column = {"label": label, "url": _address(query, sort=name)}
    if order == name:
        column |= {"sort": "ascending", "url": _address(query, sort=f"-{name}")}
    elif order == f"-{name}":
        column["sort"] = "descending"
    return column


def _address(query: QueryDict, **changes: str) -> str:
    """The same list in another way, from its start."""
    asked = query.copy()
    for name in ("page", "format"):
        asked.pop(name, None)
    for name, value in changes.items():
        asked[name] = value
    return f"?{asked.urlencode()}"
