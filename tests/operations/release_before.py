"""Makes a house of the release before: run in its tree, by `test_upgrade`.

Migrates, collects static files, and puts people there who can each book a call. Prints
as JSON, of each: the session, the address of their booking page, the topic, a time.
"""

from __future__ import annotations

import gc
import json
import sys
from datetime import UTC, datetime, timedelta

import django
from django.core.management import call_command

sys.path.insert(0, ".")
django.setup()

from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402  Django is set up
from django.urls import reverse  # noqa: E402

from tests.benchmarks.rush import (  # noqa: E402
    PER_DAY,
    STEP,
    enrol,
    programme_with,
)
from tests.signed_in import signed_in_with_a_second_factor  # noqa: E402

if connection.vendor == "sqlite":  # a new file has nothing to lose yet
    connection.settings_dict["OPTIONS"]["init_command"] += "; PRAGMA synchronous=OFF"
gc.disable()  # looking for rings of objects costs a third
call_command("migrate", verbosity=0, interactive=False)
call_command("createcachetable", verbosity=0)
call_command(
    "collectstatic", verbosity=0, interactive=False, ignore_patterns=["wagtail*"]
)

signed_in_with_a_second_factor()
edition = programme_with(trainers=2)
(topic,) = edition.topics.all()
midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
people = []
for number, enrolment in enumerate(enrol(edition, int(sys.argv[1]))):
    client = Client()
    client.force_login(enrolment.member.user)
    days, window = divmod(number, PER_DAY)
    start = midnight + timedelta(days=3 + days, minutes=480 + window * STEP)
    people.append(
        {
            "session": client.cookies["sessionid"].value,
            "page": reverse("sessions:book", args=[enrolment.pk]),
            "topic": topic.pk,
            "start": f"{start:%Y-%m-%dT%H:%MZ}",
        }
    )
json.dump(people, sys.stdout)
