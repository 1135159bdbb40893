"""What migrations do with the rows that are there already."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from lms.audit.log import record
from lms.people.models import Member, TeamMembership
from tests.factories import MemberFactory, TeamFactory, TeamMembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("people", "0003_when_dates_were_recorded")]
AFTER = [("people", "0004_recorded_as_the_log_says")]
NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def migrate(to=None):
    """Go to these migrations; of None, to the newest of all apps."""
    executor = MigrationExecutor(connection)
    executor.migrate(to or executor.loader.graph.leaf_nodes())


@pytest.fixture
def all_tables_again(transactional_db):
    """Whatever stood upon what was taken back is made anew."""
    yield
    migrate()


def told():
    """What the rows say was recorded when."""
    members = Member.objects.order_by("pk")
    rows = TeamMembership.objects.order_by("pk")
    return (
        list(members.values_list("recorded_at", "left_recorded_at")),
        list(rows.values_list("recorded_at", "until_recorded_at")),
    )


def test_recorded_is_filled_from_the_log_and_going_back_keeps_it(all_tables_again):
    """Mara joined with one team, was given another, and left, as the log says.

    Of Nils it says nothing: what it does not tell stays empty.
    """
    one, other = TeamFactory.create_batch(2)
    joined, moved, left = NINE, NINE + 3 * DAY, NINE + 9 * DAY
    mara = MemberFactory(
        recorded_at=None, joined_on=date(2026, 5, 1), left_on=left.date()
    )
    nils = MemberFactory(recorded_at=None, left_on=left.date())
    of_mara = {
        "member": mara,
        "recorded_at": None,
        "until_on": left.date(),
    }
    TeamMembershipFactory(
        team=one, from_on=date(2026, 5, 1), **(of_mara | {"until_on": moved.date()})
    )
    TeamMembershipFactory(team=other, from_on=moved.date(), **of_mara)
    TeamMembershipFactory(member=nils, team=one, recorded_at=None)
    for at, verb, ids in (
        (joined, "joined", {"teams": [one.pk]}),
        (moved, "teams set", {"begun": [other.pk], "ended": [one.pk]}),
        (left, "left", {"on": left.date().isoformat()}),
    ):
        with time_machine.travel(at, tick=False):
            record(None, verb, mara, **ids)
    unknown = told()

    migrate(BEFORE)
    assert told() == unknown
    migrate(AFTER)
    filled = told()
    migrate(BEFORE)
    kept = told()
    migrate(AFTER)
    again = told()

    assert unknown == ([(None, None)] * 2, [(None, None)] * 3)
    assert filled == (
        [(joined, left), (None, None)],
        [(joined, moved), (moved, left), (None, None)],
    )
    assert kept == again == filled
