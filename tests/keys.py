"""The keys of a test run, older than any moment at which a test lets the clock stand."""

from datetime import UTC, datetime

import time_machine


def make_keys() -> None:
    from certificates import keyfiles  # noqa: PLC0415  not before the settings are set

    with time_machine.travel(datetime(2024, 1, 1, tzinfo=UTC), tick=False):
        keyfiles.keep(keyfiles.SEAL, 1, keyfiles.new_seal())
        keyfiles.keep(keyfiles.BADGE, 1, keyfiles.new_badge())
