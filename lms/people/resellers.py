"""Resellers and their subsidiaries: a tree, changed by the channel team."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import Reseller, ResellerDates, User


@transaction.atomic
def add_reseller(
    name: str,
    parent: Reseller | None,
    *,
    approved_on: date,
    ended_on: date | None = None,
    by: User | None,
) -> Reseller:
    """Approve a reseller, or a subsidiary below `parent`.

    Raises Refused for a name that is taken.
    """
    fields = {"name": name, "approved_on": approved_on, "ended_on": ended_on}
    try:
        with transaction.atomic():
            if parent is None:
                reseller: Reseller = Reseller.add_root(**fields)
            else:
                reseller = _fresh(parent).add_child(**fields)
    except IntegrityError:  # or of two added at once, this is the second
        raise Refused(_taken()) from None
    record(by, "added", reseller, parent=parent and parent.pk)
    return reseller


@transaction.atomic
def change_reseller(
    reseller: Reseller,
    *,
    name: str,
    parent: Reseller | None,
    approved_on: date,
    ended_on: date | None,
    by: User | None,
) -> Reseller:
    """Correct a reseller; a new parent moves it with all that is below it.

    What its dates said before is kept, for who asks what was known on a day.
    Raises Refused for a name that is taken, or a parent below the reseller itself.
    """
    reseller = _fresh(reseller)
    if (reseller.approved_on, reseller.ended_on) != (approved_on, ended_on):
        ResellerDates.objects.create(
            reseller=reseller,
            approved_on=reseller.approved_on,
            ended_on=reseller.ended_on,
        )
    reseller.name, reseller.approved_on, reseller.ended_on = name, approved_on, ended_on
    try:
        with transaction.atomic():
            reseller.save(update_fields=["name", "approved_on", "ended_on"])
    except IntegrityError:
        raise Refused(_taken()) from None
    if reseller.get_parent() != parent:
        _move(reseller, parent)
    record(by, "changed", reseller, parent=parent and parent.pk)
    return _fresh(reseller)


def _move(reseller: Reseller, parent: Reseller | None) -> None:
    if parent is None:
        reseller.move(Reseller.get_last_root_node(), "last-sibling")
        return
    parent = _fresh(parent)
    if parent.path.startswith(reseller.path):
        raise Refused(
            _("A reseller cannot be below itself. Choose another parent company.")
        )
    reseller.move(parent, "last-child")


def _fresh(reseller: Reseller) -> Reseller:
    """Read the row again, locked: treebeard counts on its path and children."""
    fresh: Reseller = Reseller.objects.select_for_update().get(pk=reseller.pk)
    return fresh


def _taken() -> str:
    return _("There is a reseller with this name. Choose another name.")
