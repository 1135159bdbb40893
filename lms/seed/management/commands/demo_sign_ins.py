"""manage.py demo_sign_ins: whom to sign in as, and what they show."""

from typing import Any

from django.core.management.base import BaseCommand

from lms.seed import cast
from lms.seed.demo import require_demo


class Command(BaseCommand):
    help = "Print the demo's people, what each shows, and their password."

    def handle(self, *args: Any, **options: Any) -> None:
        require_demo()
        people = [cast.STAFF, cast.COLLEAGUE, *cast.TRAINERS, *cast.WORKERS]
        width = max(len(person.email) for person in people)
        self.stdout.write(f"Demo sign-ins, all with the password {cast.PASSWORD}")
        for person in people:
            self.stdout.write(f"  {person.email:{width}}  {person.shows}")
        self.stdout.write(f"  {cast.INVITED.email:{width}}  {cast.INVITED.shows}")
