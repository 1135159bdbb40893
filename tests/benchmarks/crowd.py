"""What a night has to do with a crowd: `python -m tests.benchmarks.crowd 10000`.

So many people are qualified, and their qualification ends in 60 days. Prints, as JSON,
ZIPs of their certificates, an audit pack of them all, their renewals, all at once, and
the notices: for each the seconds, the processor's, the queries, how far memory grew,
and how long the longest transaction lasted. The environment says which database; it is
migrated and filled.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.benchmarks.rush import prepare

AT_ONE_COMPANY = 100
TOPICS = 4


def fill(count: int) -> int:
    """People, what they have shown and their certificates; returns the key of staff."""
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
    return int(UserFactory(is_staff=True).pk)


def measured(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Do it in a process of its own; returns what it says, and what it took."""
    from django.db import connection  # noqa: PLC0415

    from tests.processes import run_in_processes  # noqa: PLC0415

    def work_measured(number: int, barrier: Any) -> dict[str, float]:
        queries = 0

        def count(execute: Any, *query: Any) -> Any:
            nonlocal queries
            queries += 1
            return execute(*query)

        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        with connection.execute_wrapper(count):
            said = work()
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "seconds": time.perf_counter() - began,
            "processor": spent,
            "queries": queries,
            "megabytes": (after.ru_maxrss - before.ru_maxrss) / 1024,
            **said,
        }

    (found,) = run_in_processes(1, work_measured)
    return dict(found)


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


def make_pack(staff_pk: int) -> dict[str, float]:
    from django.utils.timezone import now  # noqa: PLC0415

    from certificates import auditing  # noqa: PLC0415
    from certificates.models import AuditPack  # noqa: PLC0415
    from lms.people.access import Access  # noqa: PLC0415
    from lms.people.models import User  # noqa: PLC0415

    staff = User.objects.get(pk=staff_pk)
    made = auditing.make(auditing.ask(Access(staff), now().date(), None).pk)
    pack = AuditPack.objects.get()
    if not made:
        raise RuntimeError(pack.trouble)
    return {"bytes": pack.file.size}


def send_zip(count: int) -> dict[str, float]:
    from certificates.models import Certificate  # noqa: PLC0415
    from certificates.packs import pack  # noqa: PLC0415

    ready = Certificate.objects.ready().order_by("pk")[:count]
    return {"bytes": sum(len(piece) for piece in pack(ready))}


def open_renewals() -> dict[str, float]:
    from courses import renewing  # noqa: PLC0415
    from courses.models import Enrolment  # noqa: PLC0415

    lasted = longest(renewing, "renew")
    while renewing.renew_some():
        pass
    return {
        "done": Enrolment.objects.filter(source="renewal").count(),
        "longest": lasted(),
    }


def tell() -> dict[str, float]:
    from certificates import expiring  # noqa: PLC0415
    from lms.mail.models import Message  # noqa: PLC0415

    lasted = longest(expiring, "_tell_holder")
    while expiring.tell_some():
        pass
    keys = Message.objects.values_list("key", flat=True)
    return {
        "done": keys.filter(key__startswith="expiry:").count(),
        "digests": keys.filter(key__startswith="expiry-digest:").count(),
        "longest": lasted(),
    }


def main(count: int) -> None:
    prepare()
    from certificates import fonts  # noqa: PLC0415
    from tests.processes import run_in_processes  # noqa: PLC0415

    fonts.ensure_fonts()
    (staff,) = run_in_processes(1, lambda number, barrier: fill(count))
    send_zip(2)  # what is loaded once is loaded
    found = {
        "zip of 500": measured(lambda: send_zip(500)),
        "zip of 5000": measured(lambda: send_zip(5000)),
        "pack": measured(lambda: make_pack(staff)),
        "renewals": measured(open_renewals),
        "notices": measured(tell),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
