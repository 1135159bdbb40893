"""`manage.py clock`: the round that never ends."""

import logging
import time

from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections

from lms.dashboards import clock
from lms.operations.heartbeats import CLOCK, Heart
from lms.operations.holding import hold_database

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Ask again for what is pending, every twenty seconds, until ended."

    def handle(self, *args: object, **options: object) -> None:
        hold_database()
        heart = Heart(CLOCK)
        heart.beat()
        try:
            while True:
                with clock.turn_kept():
                    go_round()
                heart.beat()
                close_old_connections()
                time.sleep(clock.EVERY.total_seconds())
        except KeyboardInterrupt:
            return
        finally:
            heart.stop()


def go_round() -> None:
    """Do a round; what fails of it, the database being away say, is tried in the next."""
    try:
        clock.tick()
    except Error as error:
        logger.warning("No round was done: %s", error)
    except ExceptionGroup as failed:
        for each in failed.exceptions:
            logger.exception("A part of the round failed.", exc_info=each)
