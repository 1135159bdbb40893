"""What a night has to do with a crowd: `python -m tests.benchmarks.crowd 10000`.

So many people are qualified, and their qualification ends in 60 days. Prints, as JSON:
an audit pack of them all, then their renewals, all at once, then the notices. For each
the seconds, the processor's, the queries, how far memory grew, and the longest that one
transaction lasted. The environment says which database; it is migrated and filled.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.benchmarks.rush import prepare

AT_ONE_COMPANY = 100
TOPICS = 4


def fill(count: int) -> Any:
    """People, what they have shown and their certificates; returns a member of staff."""
    from django.core.files.base import ContentFile  # noqa: PLC0415  Django is set up
    from django.utils.timezone import now  # noqa: PLC0415

    from certificates.models import Certificate, private_storage  # noqa: PLC0415
    from courses.models import Enrolment, Evidence, TopicCompletion  # noqa: PLC0415
    from lms.people.models import Member, TeamMembership, User  # noqa: PLC0415
    from tests.factories import (  # noqa: PLC0415
        CertificateFactory,
        EditionFactory,
        MemberFactory,
        ResellerFactory,
        TeamFactory,
        UserFactory,
    )

    begun = now() - timedelta(days=305)
    ends_on = (now() + timedelta(days=60)).date()
    team = TeamFactory()
    edition = EditionFactory(audience=[team], validity_months=12)
    topics = [row.topic_id for row in edition.topics.all()]
    resellers = ResellerFactory.create_batch(
        -(-count // AT_ONE_COMPANY), approved_on=begun.date()
    )
    for reseller in resellers:
        MemberFactory(reseller=reseller, is_manager=True, joined_on=begun.date())
    users = User.objects.bulk_create(
        User(email=f"crowd{n}@example.com", full_name=f"Mara Lindqvist {n}")
        for n in range(count)
    )
    dated = {"joined_on": begun.date(), "recorded_at": begun}
    members = Member.objects.bulk_create(
        Member(user=user, reseller=resellers[n % len(resellers)], **dated)
        for n, user in enumerate(users)
    )
    TeamMembership.objects.bulk_create(
        TeamMembership(
            member=member, team=team, from_on=begun.date(), recorded_at=begun
        )
        for member in members
    )
    enrolments = Enrolment.objects.bulk_create(
        Enrolment(
            member=member,
            programme=edition.programme,
            edition=edition,
            source="team",
            enrolled_at=begun,
            completed_at=begun,
            valid_from=begun.date(),
            valid_until=ends_on,
        )
        for member in members
    )
    Evidence.objects.bulk_create(
        Evidence(enrolment=row, topic_id=topic, kind=kind, at=begun)
        for row in enrolments
        for topic in topics
        for kind in ("read", "call")
    )
    TopicCompletion.objects.bulk_create(
        TopicCompletion(enrolment=row, topic_id=topic, at=begun)
        for row in enrolments
        for topic in topics
    )
    content = b"%PDF-1.7 " + bytes(range(256)) * 220  # as long as ours are
    name = private_storage().save("certificates/of-all.pdf", ContentFile(content))
    from hashlib import sha256  # noqa: PLC0415

    digest = sha256(content).hexdigest()
    Certificate.objects.bulk_create(
        CertificateFactory.build(
            enrolment=row,
            state="ready",
            pdf=name,
            pdf_sha256=digest,
            issued_at=begun,
            release_at=begun,
        )
        for row in enrolments
    )
    return UserFactory(is_staff=True)


@contextmanager
def measured(found: dict[str, Any], name: str) -> Iterator[None]:
    from django.db import connection  # noqa: PLC0415

    queries = 0

    def count(execute: Any, *query: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*query)

    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with connection.execute_wrapper(count):
        yield
    after = resource.getrusage(resource.RUSAGE_SELF)
    found[name] = {
        "seconds": time.perf_counter() - began,
        "processor": after.ru_utime
        + after.ru_stime
        - before.ru_utime
        - before.ru_stime,
        "queries": queries,
        "megabytes": (after.ru_maxrss - before.ru_maxrss) / 1024,
    }


def longest(module: Any, name: str) -> Callable[[], float]:
    """Time each call of a function that is one transaction; tells the longest."""
    real, spent = getattr(module, name), [0.0]

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return real(*args, **kwargs)
        finally:
            spent[0] = max(spent[0], time.perf_counter() - began)

    setattr(module, name, timed)
    return lambda: spent[0]


def main(count: int) -> None:
    prepare()
    from django.utils.timezone import now  # noqa: PLC0415

    from certificates import auditing, expiring, fonts  # noqa: PLC0415
    from certificates.models import AuditPack  # noqa: PLC0415
    from courses import renewing  # noqa: PLC0415
    from courses.models import Enrolment  # noqa: PLC0415
    from lms.mail.models import Message  # noqa: PLC0415
    from lms.people.access import Access  # noqa: PLC0415

    fonts.ensure_fonts()
    staff, found = fill(count), {}
    pack = auditing.ask(Access(staff), now().date(), None)
    with measured(found, "pack"):
        if not auditing.make(pk=pack.pk):
            raise RuntimeError(AuditPack.objects.get().trouble)
    found["pack"]["size"] = AuditPack.objects.get().file.size
    for name, module, go_on, one in (
        ("renewals", renewing, renewing.renew_some, "renew"),
        ("notices", expiring, expiring.tell_some, "_tell_holder"),
    ):
        ask_longest, rounds = longest(module, one), 1
        with measured(found, name):
            while go_on():
                rounds += 1
        found[name] |= {"longest": ask_longest(), "rounds": rounds}
    found["renewals"]["opened"] = Enrolment.objects.filter(source="renewal").count()
    told = Message.objects.filter(key__startswith="expiry:")
    found["notices"]["told"] = told.count()
    digests = Message.objects.filter(key__startswith="expiry-digest:")
    found["notices"]["digests"] = digests.count()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
