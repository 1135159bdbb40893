"""The name that certificates print, and its owner's word that it is right.

A confirmation is of one text: whatever the person is called since, it is of no worth
for another. It is asked for before the last call of a programme, and is no wall.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.people.models import NameConfirmation, User
from lms.people.names import printed_name


def is_confirmed(user: User) -> bool:
    """Whether the person's last word is of the name as it is now; one query."""
    last = NameConfirmation.objects.filter(user=user).order_by("-pk")
    return last.values_list("name", flat=True).first() == printed_name(user)


def name_to_confirm(user: User) -> str:
    """The name to ask about; nothing where it is confirmed. One query."""
    return "" if is_confirmed(user) else printed_name(user)


@transaction.atomic
def confirm(user: User, name: str) -> None:
    """Keep the person's word that this is how certificates shall say their name.

    Repeating it changes nothing. Raises Refused when the name is another by now, or
    when there is none but an address.
    """
    current = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not current.full_name:
        raise Refused(_("There is no name yet. Type it in your settings first."))
    if name != printed_name(current):
        raise Refused(
            _("The name has changed meanwhile: it is %(name)s now. Is that right?")
            % {"name": printed_name(current)}
        )
    if not is_confirmed(current):
        given = NameConfirmation.objects.create(user=current, name=name)
        record(user, "confirmed the name", current, confirmation=given.pk)
