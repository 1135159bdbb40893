"""Fill PostgreSQL with so many people by statements over sets: for `make scale`.

They are what a house of some years holds: companies as trees of a hundred people (and a
tenth of all people in trees of ten thousand), teams, enrolments in the programmes of the
policy, what was read, checked and covered in calls, eighteen months of calls and the
four weeks to come, certificates, mail, sign-ins, invitations and the log. Who is what
is drawn from their number, so that every filling is the same but for its day.

Trainers grow with people, one for 1,500 of them: so many are needed for their calls.

Every CHECK, UNIQUE and EXCLUDE of the schema holds of every row. Above `IN_FORCE`
people, indexes and unique constraints are laid aside while a table is filled and made
again after, which asks them of all its rows; and foreign keys and triggers are not
asked (`session_replication_role = replica`). Below, all are in force all the time,
and a test fills a house so.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.db import connection

from certificates.serials import ALPHABET
from courses.check_paper import draw_paper
from courses.models import TopicPage
from sessions.hours import weekly_rule

IN_FORCE = 5000
PASSWORD = "correct horse battery staple"
AT_ONE_TREE, AT_A_BIG_ONE = 100, 10_000
PER_TRAINER = 1500
SLOTS = 8  # calls of a trainer's day
FIRST = [
    "Mara",
    "Liam",
    "Chiara",
    "Oluwaseun",
    "Zoë",
    "Amir",
    "Ines",
    "Jan",
    "Yuki",
    "Fatima",
    "Diego",
    "Olga",
]
LAST = [
    "Lindqvist",
    "O’Connor",
    "Rossi",
    "Adeyemi",
    "Novák",
    "Haddad",
    "Silva",
    "Tanaka",
    "Weber",
    "Moreau",
]
ZONES = ["Europe/London", "Europe/Berlin", "America/New_York", "Asia/Tokyo"]
TEXT = (
    "Your call is booked. Join it from its page a few minutes before it starts: camera "
    "and microphone are tried there. If your plans change, move it from the same page. "
)

Tell = Callable[[str], None]


def fill(people: int, tell: Tell = lambda line: None) -> None:
    """Fill a migrated and seeded house without people; tells how long each step took."""
    if connection.vendor != "postgresql":
        raise RuntimeError("The filling is written for PostgreSQL.")
    in_force = people <= IN_FORCE
    with connection.cursor() as cursor:
        if not in_force:
            cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET work_mem = '256MB'; SET maintenance_work_mem = '1GB'")
        cursor.execute(_functions())
        weekly_rule()
        _papers(cursor)
        for table, statements in _steps(people):
            began = time.perf_counter()
            with _laid_aside(cursor, [] if in_force else table.split()):
                count = 0
                for sql in statements:
                    cursor.execute(sql)
                    count += cursor.rowcount if sql.startswith("INSERT") else 0
            for name in table.split():
                _set_sequence(cursor, name)
            tell(f"{table}\t{count}\trows\t{time.perf_counter() - began:.1f}\ts")
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("RESET work_mem; RESET maintenance_work_mem")
        cursor.execute("ANALYZE")


def _functions() -> str:
    """Draws by number; addresses in the tree; serials with their check symbol."""
    symbols = [
        f"substr('{ALPHABET}', ((n >> {5 * at}) & 31)::int + 1, 1)" for at in range(12)
    ]
    # From the right every second symbol is doubled, and its two digits are added.
    values = [f"((n >> {5 * at}) & 31)" for at in range(12)]
    summed = " + ".join(
        f"(2 * {value} / 32 + 2 * {value} % 32)" if at % 2 == 0 else value
        for at, value in enumerate(values)
    )
    check = f"substr('{ALPHABET}', ((32 - ({summed}) % 32) % 32)::int + 1, 1)"
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    places = [
        f"substr('{digits}', (n / {36**at} % 36)::int + 1, 1)" for at in (3, 2, 1, 0)
    ]
    immutable = "LANGUAGE sql IMMUTABLE PARALLEL SAFE"
    return f"""
CREATE OR REPLACE FUNCTION pg_temp.dice(n bigint, about bigint, sides bigint)
RETURNS int {immutable} AS
$$ SELECT ((hashint8extended(n, about) & 9223372036854775807) % sides)::int $$;
CREATE OR REPLACE FUNCTION pg_temp.step(n bigint) RETURNS text {immutable} AS
$$ SELECT {" || ".join(places)} $$;
CREATE OR REPLACE FUNCTION pg_temp.serial(n bigint) RETURNS text {immutable} AS
$$ SELECT {" || ".join(reversed(symbols))} || {check} $$;
CREATE OR REPLACE FUNCTION pg_temp.workday(n bigint) RETURNS date {immutable} AS
$$ SELECT date '1970-01-05' + (n / 5 * 7 + n % 5)::int $$;
"""


def _papers(cursor: Any) -> None:
    """A check as it was shown and answered, for each topic that has one."""
    cursor.execute(
        "CREATE TEMP TABLE paper"
        " (topic_id int PRIMARY KEY, questions jsonb, key jsonb, places jsonb,"
        " answers jsonb)"
    )
    for topic in TopicPage.objects.order_by("pk"):
        paper = draw_paper(topic)
        places = [question["id"] for question in paper.questions]
        answers = {
            number: key["right"] for number, key in paper.key["questions"].items()
        }
        row = [paper.questions, paper.key, places, answers]
        cursor.execute(
            "INSERT INTO paper VALUES (%s, %s, %s, %s, %s)",
            [topic.pk, *map(json.dumps, row)],
        )


def _set_sequence(cursor: Any, table: str) -> None:
    cursor.execute(
        "SELECT pg_get_serial_sequence(%s, 'id') WHERE EXISTS (SELECT FROM"
        " information_schema.columns WHERE table_name = %s AND column_name = 'id')",
        [table, table],
    )
    if (found := cursor.fetchone()) and found[0]:
        cursor.execute(
            f"SELECT setval(%s, greatest((SELECT max(id) FROM {table}), 1))", found
        )


@contextmanager
def _laid_aside(cursor: Any, tables: Sequence[str]) -> Iterator[None]:
    """Fill these tables without their indexes but the primary key, then make them."""
    again: list[str] = []
    for table in tables:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype IN ('u', 'x')",
            [table],
        )
        for name, definition in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
            again.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
        cursor.execute(
            "SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = %s::regclass AND NOT indisprimary",
            [table],
        )
        for name, definition in cursor.fetchall():
            cursor.execute(f"DROP INDEX {name}")
            again.append(definition)
    yield
    for sql in again:
        cursor.execute(sql)


def _words(words: Sequence[str]) -> str:
    return "ARRAY[" + ",".join(f"'{word}'" for word in words) + "]"


def _one_of(words: Sequence[str], n: str, about: int) -> str:
    return f"({_words(words)})[1 + pg_temp.dice({n}, {about}, {len(words)})]"


def _steps(people: int) -> list[tuple[str, list[str]]]:
    """Each table, and what fills it; later ones read earlier ones."""
    trainers = max(1, people // PER_TRAINER)
    in_big = people // (10 * AT_A_BIG_ONE) * AT_A_BIG_ONE
    big_trees = in_big // AT_A_BIG_ONE
    password = make_password(PASSWORD)
    tree = (
        f"CASE WHEN n <= {in_big} THEN (n - 1) / {AT_A_BIG_ONE}"
        f" ELSE {big_trees} + (n - {in_big} - 1) / {AT_ONE_TREE} END"
    )
    place = (
        f"CASE WHEN n <= {in_big} THEN (n - 1) % {AT_A_BIG_ONE}"
        f" ELSE (n - {in_big} - 1) % {AT_ONE_TREE} END"
    )
    # The first is of the top and its manager, the next two manage a subsidiary each.
    office = (
        "CASE WHEN place IN (1, 2) THEN place WHEN place % 10 < 6 THEN 0"
        " WHEN place % 10 < 8 THEN 1 ELSE 2 END"
    )
    start = "CREATE TEMP TABLE"
    next_workday = (
        "((now() AT TIME ZONE 'UTC')::date - date '1970-01-05') / 7 * 5"
        " + least(extract(isodow FROM now() AT TIME ZONE 'UTC')::int - 1, 5)"
    )
    numbered = "row_number() OVER (ORDER BY ordinal, n)"
    return [
        (
            "people_user",
            [
                f"{start} house AS SELECT"
                " (SELECT coalesce(max(id), 0) FROM people_user) AS users,"
                " (SELECT coalesce(max(id), 0) FROM people_reseller) AS resellers,"
                " (SELECT coalesce(max(id), 0) FROM people_member) AS members,"
                " (SELECT coalesce(max(id), 0) FROM training_sessions_trainer)"
                " AS trainers, now() AS at, (now() AT TIME ZONE 'UTC')::date AS today",
                f"{start} person AS SELECT n, tree, place, {office} AS office,"
                " users + n AS user_id, members + n AS member_id,"
                f" resellers + tree * 3 + 1 + ({office}) AS reseller_id,"
                " today - 600 - pg_temp.dice(n, 1, 600) AS joined_on,"
                " place > 2 AND pg_temp.dice(n, 7, 100) < 4 AS gone"
                f" FROM (SELECT n, {tree} AS tree, {place} AS place"
                f"   FROM generate_series(1::bigint, {people}) AS n) AS each, house",
                "CREATE INDEX ON person (n); ANALYZE person",
                "INSERT INTO people_user (id, password, last_login, is_superuser, email,"
                " full_name, time_zone, language, call_needs, is_staff, is_active,"
                " joined_at, may_change_people, may_edit_content, private_email)"
                f" SELECT user_id, '{password}',"
                " at - interval '1 hour' * pg_temp.dice(n, 2, 9000), false,"
                " 'person' || n || '@company' || tree || '.example.com',"
                f" {_one_of(FIRST, 'n', 3)} || ' ' || {_one_of(LAST, 'n', 4)} || ' '"
                f" || n, {_one_of(ZONES, 'n', 5)}, 'en', '', false, true, joined_on,"
                " false, false, '' FROM person, house",
                "INSERT INTO people_user (id, password, is_superuser, email, full_name,"
                " time_zone, language, call_needs, is_staff, is_active, joined_at,"
                " may_change_people, may_edit_content, private_email)"
                f" SELECT users + {people} + t, '{password}', false,"
                " 'trainer' || t || '@bytekast.example.com', 'Trainer ' || t,"
                " 'Europe/London', 'en', '', false, true, at - interval '3 years',"
                f" false, false, '' FROM generate_series(1, {trainers}) AS t, house",
            ],
        ),
        (
            "account_emailaddress",
            [
                'INSERT INTO account_emailaddress (email, verified, "primary", user_id)'
                " SELECT email, true, true, id FROM people_user, house WHERE id > users"
            ],
        ),
        (
            "people_reseller",
            [
                "INSERT INTO people_reseller (id, path, depth, numchild, name,"
                " approved_on, ended_on)"
                " SELECT resellers + tree * 3 + 1 + office,"
                " pg_temp.step(tree + 1 + roots)"
                " || CASE WHEN office = 0 THEN '' ELSE pg_temp.step(office) END,"
                " 1 + (office > 0)::int, CASE WHEN office = 0 THEN 2 ELSE 0 END,"
                " 'Company ' || tree || CASE WHEN office = 0 THEN ''"
                " ELSE ', office ' || office END, today - 1500, NULL"
                " FROM (SELECT DISTINCT tree FROM person) AS trees,"
                " generate_series(0::bigint, 2) AS office, house,"
                " (SELECT count(*) AS roots FROM people_reseller WHERE depth = 1) AS old"
            ],
        ),
        (
            "people_member",
            [
                "INSERT INTO people_member (id, engagement, is_manager, joined_on,"
                " until_on, left_on, away_from_on, away_until_on, user_id, reseller_id,"
                " recorded_at, left_recorded_at, end_told_on)"
                " SELECT member_id, CASE WHEN pg_temp.dice(n, 6, 10) = 0 THEN"
                " 'contractor' ELSE 'employee' END, place < 3, joined_on, NULL,"
                " CASE WHEN gone THEN today - pg_temp.dice(n, 8, 500) END,"
                " CASE WHEN away THEN today - 3 END, CASE WHEN away THEN today + 9 END,"
                " user_id, reseller_id, joined_on,"
                " CASE WHEN gone THEN at - interval '500 days' END, NULL"
                " FROM (SELECT *, pg_temp.dice(n, 9, 100) = 0 AS away FROM person) AS each, house",
            ],
        ),
        (
            "people_teammembership",
            [
                f"{start} held AS SELECT n, member_id, joined_on, gone, ordinal, team.id AS"
                " team_id, team.order AS place FROM person,"
                " LATERAL (SELECT pg_temp.dice(n, 10, 6) AS one,"
                " pg_temp.dice(n, 11, 5) AS step, pg_temp.dice(n, 12, 4) = 0 AS twice)"
                " AS drawn, generate_series(1, 2) AS ordinal JOIN people_team AS team"
                " ON true WHERE (ordinal = 1 OR twice) AND"
                " team.order = (one + (ordinal - 1) * (step + 1)) % 6",
                "INSERT INTO people_teammembership (from_on, until_on, member_id,"
                " team_id, recorded_at, until_recorded_at)"
                " SELECT joined_on, NULL, member_id, team_id, joined_on, NULL FROM held",
            ],
        ),
        (
            "training_sessions_trainer schedule_calendar schedule_event",
            [
                f"{start} calendars AS SELECT coalesce(max(id), 0) AS base"
                " FROM schedule_calendar",
                "INSERT INTO schedule_calendar (id, name, slug)"
                " SELECT base + c, 'calendar ' || c, 'scale-' || c FROM calendars,"
                f" generate_series(1, {3 * trainers}) AS c",
                "INSERT INTO training_sessions_trainer (id, time_zone, languages,"
                " rest_minutes, notice_hours, horizon_days, room_kind, room_url,"
                " is_active, extra_id, hours_id, off_id, user_id)"
                " SELECT trainers + t, 'Europe/London', '[\"en\"]', 10, 24, 56, 'room', '',"
                " true, base + 3 * t - 2, base + 3 * t - 1, base + 3 * t,"
                f" users + {people} + t"
                f" FROM house, calendars, generate_series(1, {trainers}) AS t",
                "INSERT INTO training_sessions_trainer_programmes"
                " (trainer_id, programmepage_id) SELECT trainers + t, programme_id"
                " FROM house, (SELECT programme_id, row_number() OVER"
                " (ORDER BY programme_id) AS place FROM courses_edition) AS each,"
                f" generate_series(1, {trainers}) AS t WHERE {trainers} < 8"
                " OR (t + place) % 2 = 0",
                'INSERT INTO schedule_event (start, "end", title, description,'
                " created_on, updated_on, calendar_id, rule_id, color_event)"
                " SELECT day + interval '8 hours', day + interval '17 hours', '', '', at,"
                " at, hours_id, (SELECT id FROM schedule_rule WHERE name = 'Weekly'), ''"
                " FROM house, training_sessions_trainer, generate_series("
                " timestamptz '2024-01-01 00:00Z', '2024-01-05', '1 day') AS day"
                " WHERE training_sessions_trainer.id > trainers",
            ],
        ),
        (
            "courses_enrolment",
            [
                # Of a hundred: 68 have it, 2 of them renew; 6 have a call booked.
                f"{start} entry AS SELECT row_number() OVER () + (SELECT"
                " coalesce(max(id), 0) FROM courses_enrolment) AS id, held.n, member_id,"
                " joined_on, ordinal, edition.id AS edition_id, edition.programme_id,"
                " CASE WHEN gone AND luck >= 68 THEN 'left'"
                " WHEN NOT gone AND luck < 2 THEN 'renewing' WHEN luck < 68 THEN 'done'"
                " WHEN luck < 74 AND ordinal = 1 THEN 'booked' WHEN luck < 84 THEN"
                " 'begun' WHEN luck < 89 THEN 'late' WHEN luck < 91 THEN 'again'"
                " ELSE 'new' END AS way FROM held JOIN courses_editionaudience AS"
                " audience USING (team_id) JOIN courses_edition AS edition"
                " ON edition.id = audience.edition_id, LATERAL"
                " (SELECT pg_temp.dice(held.n * 2 + ordinal, 20, 100) AS luck) AS drawn",
                # Two of one's teams may ask for the same programme: once is enough.
                "DELETE FROM entry AS one USING entry AS other WHERE one.n = other.n"
                " AND one.programme_id = other.programme_id AND one.ordinal = 2"
                " AND other.ordinal = 1",
                # Two calls in a row with one trainer, the last of them some days ago.
                f"{start} past AS SELECT entry.*, trainers + 1 + k % {trainers} AS"
                f" trainer_id, pg_temp.workday({next_workday} - 3 - 2 * (k / {trainers})"
                f" / {SLOTS}) + interval '8 hours'"
                f" + interval '1 hour' * (2 * (k / {trainers}) % {SLOTS}) AS starts_at"
                f" FROM (SELECT *, {numbered} - 1 AS k FROM entry"
                " WHERE way IN ('done', 'renewing', 'again')) AS entry, house",
                "ALTER TABLE past ALTER starts_at TYPE timestamptz"
                " USING starts_at AT TIME ZONE 'UTC'",
                f"{start} coming AS SELECT entry.*, trainers + 1 + k % {trainers} AS"
                f" trainer_id, pg_temp.workday({next_workday} + k / {trainers} / 6)"
                f" + interval '8 hours' + interval '1 hour' * (k / {trainers} % 6) AS"
                f" starts_at FROM (SELECT *, {numbered} - 1 AS k FROM entry"
                " WHERE way = 'booked') AS entry, house",
                "ALTER TABLE coming ALTER starts_at TYPE timestamptz"
                " USING starts_at AT TIME ZONE 'UTC'",
                "CREATE INDEX ON past (id); CREATE INDEX ON entry (id);"
                " ANALYZE entry; ANALYZE past; ANALYZE coming",
                "INSERT INTO courses_enrolment (id, cycle, source, enrolled_at, due_on,"
                " completed_at, valid_from, valid_until, withdrawn_at, closed_why,"
                " edition_id, member_id, programme_id)"
                " SELECT entry.id, 1, 'team', joined_on, CASE way WHEN 'late' THEN"
                " today - 1 - pg_temp.dice(entry.id, 21, 60) ELSE"
                " today + 61 + pg_temp.dice(entry.id, 22, 60) END,"
                " done.at, done.at::date, CASE WHEN way = 'renewing' THEN"
                " today + 40 + pg_temp.dice(entry.id, 23, 45) WHEN done.at IS NOT NULL"
                " THEN done.at::date + 730 END, CASE way WHEN 'left' THEN"
                " house.at - interval '9 days' END, '', edition_id, member_id,"
                " programme_id"
                " FROM house, entry LEFT JOIN (SELECT id, starts_at + interval"
                " '110 minutes' AS at FROM past WHERE way <> 'again') AS done USING (id)",
                "INSERT INTO courses_enrolment (cycle, source, enrolled_at, due_on,"
                " closed_why, edition_id, member_id, programme_id, id)"
                " SELECT 2, 'renewal', at - interval '20 days', today + 62, '',"
                " edition_id, member_id, programme_id, row_number() OVER ()"
                " + (SELECT max(id) FROM courses_enrolment) FROM entry, house"
                " WHERE way = 'renewing'",
            ],
        ),
        (
            "training_sessions_booking",
            [
                f"{start} call AS SELECT id AS enrolment_id, n, edition_id, trainer_id,"
                " half, starts_at + interval '1 hour' * half AS starts_at, 'done' AS"
                " state, way FROM past, generate_series(0, 1) AS half"
                " WHERE way <> 'again' OR half = 0 UNION ALL"
                " SELECT id, n, edition_id, trainer_id, 0, starts_at, 'booked', way"
                " FROM coming UNION ALL"  # and one in ten was called off before
                " SELECT id, n, edition_id, trainer_id, 0, starts_at - interval"
                " '3 days', 'cancelled', way FROM past WHERE id % 10 = 0",
                "ALTER TABLE call ADD id bigint; CREATE TEMP SEQUENCE calls",
                "UPDATE call SET id = nextval('calls') + (SELECT coalesce(max(id), 0)"
                " FROM training_sessions_booking)",
                "CREATE INDEX ON call (id); ANALYZE call",
                "INSERT INTO training_sessions_booking (id, ref, starts_at, ends_at,"
                " busy_until, state, origin, request_key, created_at, reason, late,"
                " missed_by, uid, sequence, room_key, trainee_joined_at,"
                " trainer_joined_at, signed_off_at, signed_off_by_id, ended_at,"
                " enrolment_id, trainee_id, trainer_id, cause, room_kind, room_url,"
                " guest_name, guest_role)"
                " SELECT call.id, substr(md5('ref' || call.id), 1, 12), starts_at,"
                " starts_at + interval '45 minutes', starts_at + interval '55 minutes',"
                " state, 'trainee', md5('key' || call.id)::uuid,"
                " starts_at - interval '9 days', '', false, '',"
                " md5('uid' || call.id) || '@example.com', 0,"
                " md5('room' || call.id)::uuid,"
                " CASE state WHEN 'done' THEN starts_at END,"
                " CASE state WHEN 'done' THEN starts_at END,"
                " CASE state WHEN 'done' THEN starts_at + interval '46 minutes' END,"
                " CASE state WHEN 'done' THEN trainer.user_id END,"
                " CASE state WHEN 'cancelled' THEN starts_at - interval '2 days' END,"
                " enrolment_id, users + n, trainer_id, CASE state WHEN 'cancelled' THEN"
                " 'plans' ELSE '' END, '', '', '', '' FROM call"
                " JOIN training_sessions_trainer AS trainer ON trainer.id = trainer_id,"
                " house",
            ],
        ),
        (
            "training_sessions_bookingtopic",
            [
                "INSERT INTO training_sessions_bookingtopic (title, minutes, outcome,"
                " criteria_met, note, private_note, booked_for_id, booking_id, topic_id)"
                " SELECT title, call_minutes, CASE WHEN state = 'booked' THEN 'pending'"
                " WHEN state = 'cancelled' THEN 'not_reached' WHEN way = 'again' THEN"
                " 'again' ELSE 'covered' END, CASE WHEN state = 'done' THEN criteria"
                " ELSE '[]' END, CASE WHEN state = 'done' THEN 'Well prepared: read the"
                " part on exceptions once more.' ELSE '' END, '', CASE state WHEN"
                " 'booked' THEN enrolment_id END, call.id, topic_id FROM call"
                " JOIN courses_editiontopic AS topic USING (edition_id)"
                " WHERE (topic.order - 1) / 2 = half",
            ],
        ),
        (
            "training_sessions_presence",
            [
                "INSERT INTO training_sessions_presence (tab, joined_at, seen_at,"
                " left_at, ended, microphone, camera, screen, route, signals_seen,"
                " booking_id, user_id, counted, counted_from, told)"
                " SELECT md5(call.id || 'of' || who)::uuid, starts_at, starts_at +"
                " interval '44 minutes', starts_at + interval '44 minutes', 'left',"
                " true, true, false, 'direct', 40, call.id, CASE who WHEN 0 THEN"
                " users + n ELSE trainer.user_id END, 0, starts_at, 0 FROM house,"
                " generate_series(0, 1) AS who, call JOIN training_sessions_trainer AS"
                " trainer ON trainer.id = trainer_id WHERE state = 'done'",
            ],
        ),
        (
            "courses_evidence",
            [
                f"{start} shown AS SELECT entry.id AS enrolment_id, entry.n, topic_id,"
                " kind, CASE WHEN past.starts_at IS NULL OR entry.way = 'again' THEN"
                " at - interval '1 day' * pg_temp.dice(entry.id, 30, 40) ELSE"
                " past.starts_at + interval '1 hour' * CASE WHEN kind = 'call' THEN"
                " (topic.order - 1) / 2 + 0.76 ELSE -30 - topic.order END END AS at,"
                " trainer.user_id AS by_id FROM house, entry"
                " JOIN courses_editiontopic AS topic"
                " ON topic.edition_id = entry.edition_id"
                " LEFT JOIN past ON past.id = entry.id"
                " LEFT JOIN training_sessions_trainer AS trainer"
                " ON trainer.id = past.trainer_id,"
                " unnest(ARRAY['read', 'check', 'call']) AS kind"
                " WHERE entry.way IN ('done', 'renewing')"
                " OR (entry.way IN ('booked', 'again') AND kind <> 'call')"
                " OR (entry.way IN ('begun', 'late') AND kind = 'read'"
                " AND topic.order < 3)"
                " OR (entry.way = 'begun' AND kind = 'check' AND topic.order = 1)",
                "INSERT INTO courses_evidence (kind, at, detail, voided_why, by_id,"
                " enrolment_id, topic_id) SELECT kind, at, CASE kind WHEN 'check' THEN"
                " '{\"score\": 100}'::jsonb ELSE '{}' END, '', CASE kind WHEN 'call' THEN"
                " by_id END, enrolment_id, topic_id FROM shown",
            ],
        ),
        (
            "courses_topiccompletion",
            [
                "INSERT INTO courses_topiccompletion (at, enrolment_id, topic_id)"
                " SELECT at, enrolment_id, topic_id FROM shown WHERE kind = 'call'",
            ],
        ),
        (
            "courses_attempt",
            [
                "INSERT INTO courses_attempt (kind, started_at, questions, key,"
                ' "order", submitted_at, answers, score_percent, passed, enrolment_id,'
                " topic_id) SELECT 'check', at - interval '9 minutes' * (1 + try),"
                " questions, key, places, at - interval '9 minutes' * try, answers,"
                " CASE try WHEN 0 THEN 100 ELSE 40 END, try = 0, enrolment_id, topic_id"
                " FROM shown JOIN paper USING (topic_id), generate_series(0, 1) AS try"
                " WHERE kind = 'check'"
                " AND (try = 0 OR pg_temp.dice(enrolment_id + topic_id, 31, 5) = 0)",
            ],
        ),
        ("certificates_certificate", _certificates(start)),
        (
            "audit_link audit_event",
            [
                f"{start} told AS SELECT row_number() OVER (ORDER BY at) AS id, line.*"
                " FROM ("
                " SELECT joined_on::timestamptz AS at, user_id AS actor, user_id AS"
                " about, verb, 'people.Member' AS kind, member_id AS target"
                " FROM person, unnest(ARRAY['accepted', 'joined', 'teams set']) AS verb"
                " UNION ALL SELECT at - interval '1 day' * pg_temp.dice(n, s, 500),"
                " user_id, user_id, 'signed in', 'people.User', user_id"
                " FROM person, house, generate_series(40, 42) AS s"
                " UNION ALL SELECT joined_on, NULL, user_id, 'enrolled',"
                " 'courses.Enrolment', entry.id FROM entry JOIN person USING"
                " (n, member_id, joined_on)"
                " UNION ALL SELECT shown.at, coalesce(by_id, users + n), users + n,"
                " 'completed', 'courses.Enrolment', enrolment_id FROM shown, house"
                " WHERE kind = 'call'"
                " UNION ALL SELECT starts_at + delay, users + n, users + n, verb,"
                " 'training_sessions.Booking', call.id FROM call, house, (VALUES"
                " ('booked', interval '-9 days'), ('signed_off', '46 minutes')) AS"
                " what (verb, delay) WHERE state <> 'booked' OR verb = 'booked'"
                " UNION ALL SELECT issued_at, NULL, users + n, 'certificate_issued',"
                " 'certificates.Certificate', certificate.id"
                " FROM certificates_certificate AS certificate JOIN entry"
                " ON entry.id = enrolment_id, house) AS line",
                "INSERT INTO audit_link (number, at, count, content, digest)"
                " SELECT 1 + (id - 1) / 1000 + (SELECT coalesce(max(number), 0)"
                " FROM audit_link), max(at), count(*), md5(min(id)::text),"
                " md5(max(id)::text) FROM told GROUP BY (id - 1) / 1000",
                "INSERT INTO audit_event (at, verb, target_type, target_id, ids,"
                " actor_id, about_id, address, agent, request, system, link_id)"
                " SELECT at, verb, kind, target::text, '{}', actor, about, CASE WHEN"
                " actor IS NOT NULL THEN inet '192.0.2.1' + id % 200 END, 'Firefox',"
                " md5(id::text), '', (SELECT max(number) FROM audit_link)"
                " - (SELECT max(id) - 1 FROM told) / 1000 + (id - 1) / 1000 FROM told",
            ],
        ),
        (
            "mail_message",
            [
                'INSERT INTO mail_message (key, "to", subject, body, attachments,'
                " created_at, send_after, sent_at, tries, error, recipient_id,"
                " is_secret, writer, kind)"
                " SELECT 'booked:' || call.id, 'person' || n || '@example.com',"
                " 'Your call is booked', CASE WHEN starts_at > house.at - interval '183 days'"
                f" THEN '{TEXT * 3}' ELSE '' END, '[]'::jsonb, sent.at, sent.at, sent.at, 1, '',"
                " users + n, false, '', 'call' FROM call, house,"
                " LATERAL (SELECT starts_at - interval '9 days' AS at) AS sent"
                " UNION ALL SELECT 'certificate-ready:' || serial, 'person' || n ||"
                " '@example.com', 'Your certificate', '', '[]', issued_at, issued_at,"
                " issued_at, 1, '', users + n, false, '', 'certificate' FROM house,"
                " certificates_certificate JOIN entry ON entry.id = enrolment_id",
            ],
        ),
        (
            "people_invitation",
            [
                "INSERT INTO people_invitation (email, full_name, engagement,"
                " is_manager, token_hash, created_at, expires_at, accepted_at,"
                " accepted_by_id, reseller_id) SELECT 'person' || n || '@company' ||"
                " tree || '.example.com', '', 'employee', place < 3, md5('of' || n),"
                " joined_on - 5, joined_on + 9, joined_on, user_id, reseller_id"
                " FROM person UNION ALL SELECT 'new' || n || '@company' || tree ||"
                " '.example.com', 'New ' || n, 'employee', false, md5('new' || n),"
                " at - interval '3 days', at + interval '11 days', NULL, NULL,"
                " reseller_id FROM person, house WHERE n % 100 = 7",
            ],
        ),
        (
            "content_acknowledgement",
            [
                "INSERT INTO content_acknowledgement (version, at, member_id, page_id,"
                " revision_id) SELECT number, joined_on, member_id, page_id,"
                " revision_id FROM person, content_handbookversion"
                " WHERE pg_temp.dice(n, 50, 10) > 0",
            ],
        ),
        (
            "django_session people_signin",
            [
                f"{start} session AS SELECT user_id, md5(n || 'session') AS key, at -"
                " interval '1 hour' * pg_temp.dice(n, 51, 300) AS began FROM person,"
                " house WHERE n % 7 = 3",
                "INSERT INTO django_session (session_key, session_data, expire_date)"
                " SELECT key, repeat(md5(key), 9), began + interval '14 days'"
                " FROM session",
                "INSERT INTO people_signin (session_key, device, began_at, last_used_at,"
                " user_id) SELECT key, 'Firefox on Windows', began, began, user_id"
                " FROM session",
            ],
        ),
        (
            "mail_nudge",
            [
                "INSERT INTO mail_nudge (kind, about, at, until_at, member_id,"
                " person_id) SELECT 'due', '[]', at - interval '1 day' *"
                " (5 + pg_temp.dice(n, 52, 300)), at - interval '1 day' *"
                " (2 + pg_temp.dice(n, 52, 300)), member_id, user_id FROM person, house"
                " WHERE n % 10 = 1",
            ],
        ),
    ]


def _certificates(start: str) -> list[str]:
    """One ready certificate of whatever was completed; digests stand for real ones."""
    return [
        f"{start} titles AS SELECT edition_id, jsonb_agg(jsonb_build_object('title',"
        " title, 'completed_on', '2026-01-01') ORDER BY topic.order)"
        " FILTER (WHERE kind = 'call') AS topics, jsonb_agg(jsonb_build_object('topic',"
        " topic_id, 'kind', kind, 'at', '2026-01-01T10:00:00+00:00', 'by',"
        " CASE kind WHEN 'call' THEN 'Trainer 1' END)) AS evidence"
        " FROM courses_editiontopic AS topic, unnest(ARRAY['read', 'check', 'call'])"
        " AS kind GROUP BY edition_id",
        "INSERT INTO certificates_certificate (serial, public_claim, private_claim,"
        " public_sha256, private_sha256, issued_at, release_at, state,"
        " missing_letters, pdf, pdf_sha256, ready_at, ended_as, ended_why,"
        " enrolment_id, credential, is_name_hidden, status_index, trouble, design_id)"
        " SELECT serial, jsonb_build_object('language', 'en', 'name', full_name,"
        " 'direction', 'ltr', 'reseller', company.name, 'programme',"
        " jsonb_build_object('title', edition.title, 'section', section, 'edition',"
        " number, 'policy', 'Reseller Support & Qualification Policy'), 'topics',"
        " topics, 'valid_from', valid_from, 'valid_until', valid_until, 'serial',"
        " serial, 'issuer', 'ByteKast', 'issued_at', completed_at, 'issued_on', completed_at::date, 'version', 1, 'url',"
        " 'https://training.example.com/c/' || serial, 'salt', md5(serial)),"
        " jsonb_build_object('version', 1, 'evidence', evidence, 'salt', md5('private' || serial)),"
        " encode(sha256(serial::bytea), 'hex'),"
        " encode(sha256(('private' || serial)::bytea), 'hex'), completed_at,"
        " completed_at + interval '15 minutes', 'ready', '', 'certificates/' || serial"
        " || '/certificate.pdf', encode(sha256(('file' || serial)::bytea), 'hex'),"
        " completed_at + interval '16 minutes', '', '', enrolment.id, '{}', false,"
        " enrolment.id * 2, '', NULL FROM courses_enrolment AS enrolment"
        " JOIN entry USING (id) JOIN courses_edition AS edition ON edition.id ="
        " enrolment.edition_id JOIN titles ON titles.edition_id = edition.id"
        " JOIN people_member AS member ON member.id = enrolment.member_id"
        " JOIN people_reseller AS company ON company.id = member.reseller_id"
        " JOIN people_user AS person ON person.id = member.user_id,"
        " LATERAL (SELECT pg_temp.serial(hashint8extended(enrolment.id, 60)) AS serial)"
        " AS drawn WHERE enrolment.completed_at IS NOT NULL",
    ]


def sizes() -> dict[str, int]:
    """Bytes of each table that holds anything, with its indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return dict(cursor.fetchall())


def rows() -> dict[str, int]:
    """About how many rows each of our tables has, as the last ANALYZE found."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples::bigint FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        names = {model._meta.db_table for model in apps.get_models()}
        return {
            name: max(count, 0) for name, count in cursor.fetchall() if name in names
        }
