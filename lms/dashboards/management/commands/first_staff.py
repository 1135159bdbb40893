"""`manage.py first_staff MAIL`: a way in for the first of the channel team."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from content.permissions import grant_channel_teams
from lms.people import accounts

LIFE = timedelta(days=1)


class Command(BaseCommand):
    help = (
        "Print a link, good once and for a day, with which the person at MAIL sets "
        "name and password and is of the channel team."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mail")
        parser.add_argument(
            "--again",
            action="store_true",
            help="even though somebody of the channel team can sign in already",
        )

    def handle(self, *args: Any, mail: str, again: bool, **options: Any) -> None:
        try:
            validate_email(mail)
        except ValidationError:
            raise CommandError(f"{mail!r} is not an email address.") from None
        if accounts.has_staff() and not again:
            raise CommandError(
                "The channel team has somebody who can sign in: they add colleagues "
                "under People. To make a link all the same, add --again."
            )
        with transaction.atomic():
            user = accounts.first_staff(mail)
            grant_channel_teams()
        self.stdout.write(accounts.welcome_link(user, LIFE))
