"""`manage.py clock`: the round that never ends."""

import time

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from lms.dashboards import clock


class Command(BaseCommand):
    help = "Ask again for what is pending, every twenty seconds, until ended."

    def handle(self, *args: object, **options: object) -> None:
        try:
            while True:
                clock.tick()
                close_old_connections()
                time.sleep(clock.EVERY.total_seconds())
        except KeyboardInterrupt:
            return
