"""Where companies stand, held against a day by day count of what had to be."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
import time_machine
from django.db import transaction
from django.db.models import F

from certificates.issuing import end
from certificates.models import Certificate, End
from courses.duties import duties_on
from courses.enrolling import enrol
from courses.models import EvidenceKind, Source
from courses.needs import (
    ALL_AWAY,
    IN_TRAINING,
    NEED_NOT_MET,
    Cause,
    Gap,
    Someone,
    Why,
)
from courses.progress import record_evidence, void_evidence
from courses.standing import Part, standing, standing_on_days
from lms.people.membership import leave
from lms.people.models import Member, Reseller
from lms.states import NOT_REQUIRED
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    TopicPageFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MARCH = date(2026, 3, 1)


def instant(on):
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


def someone(member):
    return Someone(member.user.full_name, member.pk, member.reseller_id)


def qualified(member, edition, *, since=MARCH - 30 * DAY, **more):
    return EnrolmentFactory(
        member=member,
        edition=edition,
        enrolled_at=instant(since),
        completed_at=instant(since),
        valid_from=since,
        **more,
    )


@pytest.fixture
def support():
    return TeamFactory(name="Support")


@pytest.fixture
def edition(support):
    return EditionFactory(audience=[support], topics=[])


@pytest.fixture
def company():
    return ResellerFactory()


@pytest.fixture
def join(company, support):
    def make(**fields):
        member = MemberFactory(**{"reseller": company} | fields)
        TeamMembershipFactory(team=support, member=member)
        return member

    return make


def of(reseller, day=MARCH):
    (found,) = standing([reseller], day)[reseller.pk]
    return found


# --- Who counts --------------------------------------------------------------------


def test_everyone_who_counts_is_asked_for(company, edition, join):
    anna, ben = join(), join()
    qualified(anna, edition)
    unmet = of(company)
    qualified(ben, edition)
    met = of(company)

    assert (unmet.is_met, unmet.missing) == (False, (someone(ben),))
    assert unmet.gap is None
    assert unmet.until is None
    assert met.is_met is True
    assert met.qualified == (someone(anna), someone(ben))
    assert (met.gap, met.until) == (None, None)
    assert met.need.words == "Everyone in Support"


@pytest.mark.parametrize(
    ("day", "part"),
    [
        (MARCH - DAY, Part.IN_TRAINING),
        (MARCH, Part.MISSING),
        (MARCH + DAY, Part.MISSING),
    ],
)
def test_person_counts_from_their_due_date_on(company, edition, join, day, part):
    member = join()
    begun = instant(MARCH - 60 * DAY)
    EnrolmentFactory(member=member, edition=edition, due_on=MARCH, enrolled_at=begun)
    found = of(company, day)

    in_training = part == Part.IN_TRAINING
    assert found.in_training == ((someone(member),) if in_training else ())
    assert found.missing == (() if in_training else (someone(member),))
    assert found.is_met is (None if in_training else False)
    assert found.state is (IN_TRAINING if in_training else NEED_NOT_MET)


def test_without_a_due_date_a_person_counts_at_once(company, edition, join):
    EnrolmentFactory(member=join(), edition=edition, enrolled_at=instant(MARCH))

    assert of(company).is_met is False


@pytest.mark.parametrize(
    ("days", "is_away"), [(-1, False), (0, True), (5, True), (6, False)]
)
def test_who_is_away_is_left_out_qualified_or_not(
    company, edition, join, days, is_away
):
    away = {"away_from_on": MARCH, "away_until_on": MARCH + 5 * DAY}
    anna, ben = join(**away), join(**away)
    qualified(anna, edition)
    found = of(company, MARCH + days * DAY)

    assert found.away == ((someone(anna), someone(ben)) if is_away else ())
    assert found.qualified == (() if is_away else (someone(anna),))
    assert found.is_met is (None if is_away else False)
    assert found.state is (ALL_AWAY if is_away else NEED_NOT_MET)


@pytest.mark.parametrize(
    ("at_least", "holding", "is_met"),
    [(1, 0, False), (1, 1, True), (2, 1, False), (2, 2, True), (2, 3, True)],
)
def test_at_least_so_many_suffice(company, support, join, at_least, holding, is_met):
    edition = EditionFactory(audience=[support], topics=[], need_count=at_least)
    members = [join() for _ in range(3)]
    for member in members[:holding]:
        qualified(member, edition)
    found = of(company)

    assert found.is_met is is_met
    assert len(found.qualified) == holding


@pytest.mark.parametrize(("at_least", "is_met"), [(None, None), (1, False)])
def test_nobody_in_the_teams_is_everybody_but_not_one(
    company, support, at_least, is_met
):
    EditionFactory(audience=[support], topics=[], need_count=at_least)
    MemberFactory(reseller=company)
    found = of(company)

    assert found.is_met is is_met
    assert found.state is (NEED_NOT_MET if at_least else NOT_REQUIRED)


def test_only_one_who_is_away_does_not_fill_a_need_of_one(company, support, join):
    edition = EditionFactory(audience=[support], topics=[], need_count=1)
    qualified(join(away_from_on=MARCH, away_until_on=MARCH), edition)

    assert of(company).is_met is False
    assert of(company, MARCH + DAY).is_met is True


def test_need_says_of_which_teams():
    teams = [TeamFactory(name=name) for name in ("Analysts", "Officers", "Admins")]
    EditionFactory(audience=teams, topics=[], need_count=1)
    EditionFactory(audience=teams[:2], topics=[], need_count=2)
    company = ResellerFactory()

    words = [found.need.words for found in standing([company], MARCH)[company.pk]]

    assert words == [
        "At least one person in Admins, Analysts or Officers",
        "At least 2 people in Analysts or Officers",
    ]


def test_subsidiaries_count_in_and_strangers_do_not(company, edition, join):
    below = ResellerFactory(parent=company)
    lower = ResellerFactory(parent=below)
    theirs, stranger = join(reseller=lower), join(reseller=ResellerFactory())
    qualified(theirs, edition)
    company.refresh_from_db()
    of_both = standing([company, below], MARCH)

    assert of_both[company.pk][0].qualified == (someone(theirs),)
    assert of_both[below.pk][0].is_met is True
    assert of(stranger.reseller).is_met is False


def test_who_was_added_is_not_of_the_audience(company, edition, join):
    qualified(join(), edition)
    added = MemberFactory(reseller=company)
    EnrolmentFactory(member=added, edition=edition, source=Source.MANAGER)

    assert of(company).is_met is True


def test_programme_without_an_edition_yet_is_left_out(company, support):
    EditionFactory(audience=[support], topics=[], effective_on=MARCH)

    assert standing([company], MARCH - DAY) == {company.pk: []}
    assert len(standing([company], MARCH)[company.pk]) == 1


def test_exemption_fills_the_need_and_a_mistake_takes_it_back(company, support, join):
    page = TopicPageFactory()
    edition = EditionFactory(
        programme=page.get_parent().specific, audience=[support], topics=[page]
    )
    enrolment = enrol(join(), edition.programme, source=Source.TEAM, by=None)
    evidence = record_evidence(enrolment, page, EvidenceKind.EXEMPTION, by=None)
    exempt = of(company, None)
    end(Certificate.objects.get(), End.REVOKED, why="A matter", by=None)
    revoked = of(company, None)
    void_evidence(evidence, by=None, why="A mistake")

    assert exempt.is_met is True
    assert revoked.is_met is True  # a certificate is the proof, not the source
    assert of(company, None).is_met is False


# --- The next gap ------------------------------------------------------------------


def gap(day, *causes):
    return Gap(day, tuple(Cause(why, who) for why, who in causes))


@pytest.mark.parametrize(
    ("field", "why"),
    [("valid_until", Why.EXPIRES), ("counts_until", Why.UPDATE_DUE)],
)
def test_next_gap_is_when_a_qualification_ends(company, edition, join, field, why):
    anna, ben = join(), join()
    qualified(anna, edition, **{field: MARCH + 9 * DAY})
    qualified(ben, edition, valid_until=MARCH + 90 * DAY)
    found = of(company)

    assert found.until == MARCH + 9 * DAY
    assert found.gap == gap(MARCH + 9 * DAY, (why, someone(anna)))
    assert of(company, MARCH + 8 * DAY).is_met is True
    assert of(company, MARCH + 9 * DAY).is_met is False


def test_renewal_in_time_leaves_no_gap(company, edition, join):
    anna = join()
    qualified(anna, edition, valid_until=MARCH + 9 * DAY)
    qualified(anna, edition, since=MARCH + 9 * DAY, cycle=2)

    assert of(company).gap is None


def test_who_is_due_joins_or_comes_back_makes_a_gap(company, edition, join):
    qualified(join(), edition)
    ben = join(joined_on=MARCH + 20 * DAY)
    joins = of(company).gap
    dora = join(away_from_on=MARCH, away_until_on=MARCH + 14 * DAY)
    back = of(company).gap
    carl = join()
    EnrolmentFactory(
        member=carl,
        edition=edition,
        due_on=MARCH + 10 * DAY,
        enrolled_at=instant(MARCH),
    )
    due = of(company).gap

    assert joins == gap(MARCH + 20 * DAY, (Why.JOINS, someone(ben)))
    assert back == gap(MARCH + 15 * DAY, (Why.IS_BACK, someone(dora)))
    assert due == gap(MARCH + 10 * DAY, (Why.IS_DUE, someone(carl)))


def test_who_joins_later_is_due_by_the_editions_days(company, support, join):
    edition = EditionFactory(audience=[support], topics=[], due_days=30)
    qualified(join(), edition)
    ben = join(joined_on=MARCH + 20 * DAY)

    assert of(company).gap == gap(MARCH + 50 * DAY, (Why.IS_DUE, someone(ben)))


def test_last_of_at_least_one_who_leaves_makes_a_gap(company, support, join):
    edition = EditionFactory(audience=[support], topics=[], need_count=1)
    anna, ben = join(), join()
    qualified(anna, edition)
    qualified(ben, edition)
    with time_machine.travel(instant(MARCH + 5 * DAY), tick=False):
        leave(anna, on=MARCH + 5 * DAY, by=None)
    enough = of(company).gap
    ben.team_memberships.update(until_on=MARCH + 9 * DAY)
    left_team = of(company).gap
    Member.objects.filter(pk=ben.pk).update(left_on=MARCH + 9 * DAY)

    assert enough is None
    assert left_team == gap(MARCH + 9 * DAY, (Why.LEAVES_TEAM, someone(ben)))
    assert of(company).gap == gap(MARCH + 9 * DAY, (Why.LEAVES, someone(ben)))


def test_last_of_at_least_one_who_goes_away_makes_a_gap(company, support, join):
    edition = EditionFactory(audience=[support], topics=[], need_count=1)
    away = {"away_from_on": MARCH + DAY, "away_until_on": MARCH + 5 * DAY}
    anna = join(**away)
    qualified(anna, edition)

    assert of(company).gap == gap(MARCH + DAY, (Why.GOES, someone(anna)))


def test_next_edition_that_needs_more_makes_a_gap(company, support, join):
    first = EditionFactory(audience=[support], topics=[], need_count=1)
    qualified(join(), first)
    EditionFactory(
        programme=first.programme,
        audience=[support],
        topics=[],
        need_count=2,
        effective_on=MARCH + 30 * DAY,
    )

    assert of(company).gap == gap(MARCH + 30 * DAY, (Why.PROGRAMME, None))


# --- Day by day --------------------------------------------------------------------

WINDOW = 24  # days before and after MARCH within which anything happens


def chance(seed):
    """Two trees of companies, seven people and two programmes, all drawn."""
    draw = Random(seed)

    def day(least=-WINDOW, most=WINDOW - 1):
        return MARCH + draw.randint(least, most) * DAY

    def some(chance, make):
        return make() if draw.random() < chance else None

    teams = TeamFactory.create_batch(2)
    top = ResellerFactory()
    companies = [top, ResellerFactory(parent=top), ResellerFactory()]
    for company in companies:
        ended_on = some(0.1, lambda: day(0))
        Reseller.objects.filter(pk=company.pk).update(ended_on=ended_on)
    editions = []
    for _number in range(2):
        first = None
        for effective_on in [MARCH - 90 * DAY, *filter(None, [some(0.5, day)])]:
            edition = EditionFactory(
                **({"programme": first.programme} if first else {}),
                topics=[],
                audience=draw.sample(teams, draw.randint(1, 2)),
                effective_on=effective_on,
                need_count=draw.choice([None, 1, 2]),
                due_days=draw.choice([None, 7]),
            )
            first = first or edition
        editions.append(first)
    for _number in range(7):
        joined_on = day(-2 * WINDOW, 0)
        away_from = some(0.3, day)
        member = MemberFactory(
            reseller=draw.choice(companies),
            joined_on=joined_on,
            left_on=some(0.3, lambda: day(0)),
            until_on=some(0.3, lambda: day(0)),
            away_from_on=away_from,
            away_until_on=away_from and away_from + draw.randint(0, 20) * DAY,
        )
        for team in teams:
            from_on = day(-2 * WINDOW, 0)
            for until_on in (from_on + draw.randint(0, 60) * DAY, None):
                if draw.random() < 0.8:
                    TeamMembershipFactory(
                        member=member, team=team, from_on=from_on, until_on=until_on
                    )
        for edition in editions:
            enrol_by_chance(draw, member, edition, day, some)
    return companies


def enrol_by_chance(draw, member, edition, day, some):
    begun = day(-2 * WINDOW, 0)
    for cycle in range(draw.randint(1, 3)):
        fields = {"due_on": some(0.5, lambda: day(-WINDOW))}
        ended = begun + draw.randint(0, 30) * DAY
        how = draw.choice(["completed"] * 5 + ["annulled", "withdrawn"])
        if how == "withdrawn":
            fields["withdrawn_at"] = instant(ended)
        else:
            fields |= {"completed_at": instant(ended), "valid_from": ended}
            fields["valid_until"] = some(0.7, lambda: day(0, 2 * WINDOW))
            fields["counts_until"] = some(0.3, lambda: day(-WINDOW))
        if how == "annulled":
            fields["annulled_at"] = instant(ended + draw.randint(0, 20) * DAY)
        EnrolmentFactory(
            member=member,
            edition=edition,
            cycle=cycle + 1,
            enrolled_at=instant(begun),
            **fields,
        )
        begun = ended + draw.randint(0, 10) * DAY
    if draw.random() < 0.3:
        EnrolmentFactory(
            member=member,
            edition=edition,
            cycle=9,
            enrolled_at=instant(begun),
            due_on=some(0.5, lambda: day(-WINDOW)),
        )


def count_by_hand(members, day):
    """By programme and company: how many are what, and what is asked of them."""
    counts = {}
    for duty in duties_on(members, day):
        if not duty.teams:
            continue
        member, edition = duty.member, duty.edition
        due_on = duty.due_on
        if duty.enrolment is None:
            begins = max(duty.since, edition.effective_on)
            due_on = begins + timedelta(days=edition.due_days or 0)
        part = "missing"
        if member.away_from_on and member.away_from_on <= day <= member.away_until_on:
            part = "away"
        elif duty.is_qualified:
            part = "qualified"
        elif due_on and day < due_on:
            part = "in_training"
        key = edition.programme_id, member.reseller.path
        counts.setdefault(key, Counter())[part] += 1
    return counts


def verdict_by_hand(parts, need_count):
    if need_count is None:
        counting = parts["qualified"] + parts["missing"]
        return None if counting == 0 else parts["qualified"] == counting
    return parts["qualified"] >= need_count


@pytest.mark.parametrize("seed", range(3))
def test_standing_and_gap_are_as_counted_day_by_day(seed):
    companies = chance(seed)
    days = [MARCH + number * DAY for number in range(-WINDOW // 2, 3 * WINDOW)]
    with transaction.atomic():  # planned ends, as the clock will bring them
        ending = Member.objects.filter(left_on=None, until_on__isnull=False)
        assert ending.update(left_on=F("until_on"))
        members = list(Member.objects.select_related("reseller", "user"))
        by_day = {day: count_by_hand(members, day) for day in days}
        transaction.set_rollback(True)
    gaps = 0

    def by_hand(found, day):
        edition = found.edition.programme.edition_on(day)
        parts = Counter()
        for (programme, path), counted in by_day[day].items():
            if programme == edition.programme_id and path.startswith(
                found.reseller.path
            ):
                parts += counted
        return parts, verdict_by_hand(parts, edition.need_count)

    for day in (MARCH - WINDOW // 2 * DAY, MARCH, MARCH + 11 * DAY):
        for standings in standing(companies, day).values():
            for found in standings:
                parts, is_met = by_hand(found, day)
                told = {
                    part: len(getattr(found, part))
                    for part in ("qualified", "missing", "in_training", "away")
                }
                later = (each for each in days if each > day)
                gap_on = next(
                    (each for each in later if by_hand(found, each)[1] is False), None
                )
                assert told == {part: parts[part] for part in told}, (found, day)
                assert found.is_met is is_met
                if is_met is False:
                    assert found.gap is None
                else:
                    assert (found.gap and found.gap.on) == gap_on
                    assert found.gap is None or found.gap.because
                    gaps += found.gap is not None

    assert gaps  # else the histories asked nothing of it


def test_planned_end_of_the_last_one_makes_a_gap(company, support, join):
    edition = EditionFactory(audience=[support], topics=[], need_count=1)
    member = join(until_on=MARCH + DAY)
    qualified(member, edition)

    assert of(company).gap == gap(MARCH + DAY, (Why.LEAVES, someone(member)))
    assert of(company, MARCH + DAY).is_met is False


def test_days_read_together_are_as_each_read_alone():
    companies = chance(7)
    days = [MARCH - 20 * DAY, MARCH, MARCH + 20 * DAY]

    together = standing_on_days(companies, days, gaps_on=[MARCH])

    alone = {day: standing(companies, day) for day in days}
    assert together[MARCH] == alone[MARCH]
    for day in days:
        for company in companies:
            pairs = zip(together[day][company.pk], alone[day][company.pk], strict=True)
            assert all(one == replace(other, gap=one.gap) for one, other in pairs)


@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_companies_and_people_takes_five_queries(
    django_assert_num_queries, support, count
):
    companies = ResellerFactory.create_batch(count)
    edition = EditionFactory(audience=[support], topics=[])
    for company in companies:
        for _number in range(count):
            row = TeamMembershipFactory(team=support, member__reseller=company)
            qualified(row.member, edition)

    with django_assert_num_queries(5):
        found = standing(companies, MARCH)

    assert [len(found[each.pk][0].qualified) for each in companies] == [count] * count
