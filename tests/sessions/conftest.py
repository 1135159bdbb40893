"""A Monday at nine in London, an enrolment, and a trainer qualified for it.

A test module that wants them otherwise has its own of the same name.
"""

from datetime import UTC, datetime

import pytest
import time_machine

from tests.factories import EnrolmentFactory, TrainerFactory

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London


@pytest.fixture
def monday():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def wednesday():
    with time_machine.travel(WEDNESDAY, tick=False):
        yield


@pytest.fixture
def enrolment(db, monday):
    return EnrolmentFactory()


@pytest.fixture
def trainer(enrolment):
    return TrainerFactory(programmes=[enrolment.programme])


@pytest.fixture
def trainee(client, enrolment):
    client.force_login(enrolment.member.user)
    return enrolment.member.user
