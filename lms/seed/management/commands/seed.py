"""manage.py seed: the policy's programmes and handbook, and with DEMO=1 its people."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from lms.seed.content import seed_content
from lms.seed.demo import seed_demo
from lms.seed.policy import read_policy


class Command(BaseCommand):
    help = (
        "Make what was never made: the four programmes, the handbook, the teams; "
        "with DEMO=1 people to try it with. Running it again changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        made = seed_content()
        self.stdout.write(f"Seeded {', '.join(made)}." if made else "Nothing to seed.")
        if made:
            for note in self._to_confirm():
                self.stdout.write(f"To confirm: {note}")
        if settings.DEMO:
            people = seed_demo()
            self.stdout.write(f"Demo: {people} people made.")

    def _to_confirm(self) -> list[str]:
        """What the policy leaves open, for ByteKast to decide."""
        policy = read_policy()
        return [
            *(
                f"{programme.section} {programme.title}: {programme.need_note}"
                for programme in policy.programmes
                if programme.need_note
            ),
            *(
                f"{team.name}: the policy names this team, and no programme for it."
                for team in policy.teams_without_programme()
            ),
        ]
