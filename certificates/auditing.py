"""Who had to be qualified on a day, and who was: as known then, and as known today.

*As known then* is what had been recorded by the end of that day in UTC: whatever was
told of, found wrong or put right later did not count yet. Who is qualified follows
from completed programmes. A certificate is the proof of that, not its source: a revoked
one is named as such, and takes nobody's qualification away by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import override

from certificates import fonts, packs, serials, storing
from certificates.keyfiles import KeyTrouble
from certificates.models import AuditPack, Certificate, private_storage
from certificates.models.audits import KEPT_FOR
from certificates.render import Attached, CannotRender, renderer_of
from certificates.seal import CannotSeal, findings, seal
from certificates.storing import CannotStore
from certificates.verdict import state_of
from courses.duties import Duty, duties_on, end_of, qualified_on
from courses.models import EditionTopic, Enrolment, Evidence
from lms.audit.log import record
from lms.errors import Refused
from lms.jobs import queued
from lms.mail import outbox
from lms.mail.times import clock, on_day
from lms.mail.zones import city
from lms.people.access import Access
from lms.people.models import Member, Reseller, User
from lms.tables import LongCsv

logger = logging.getLogger(__name__)

AT_ONCE = 200  # people
PRINTED = 300  # files, with the hash of each
_SUMS = "SHA256SUMS.txt"
_SAME = timedelta(minutes=1)  # asked again within it is the same question
_SILENT = timedelta(minutes=2)  # then its maker has died
_PAGES = 2_000
_STYLES = Path(__file__).parent / "pdf" / "audit.css"


@dataclass(frozen=True)
class View:
    """What was known of somebody in a programme: had to, and by what was qualified."""

    duty: Duty | None
    qualified_by: Enrolment | None


@dataclass(frozen=True)
class Line:
    """Somebody and a programme, as known then and as known today."""

    member: Member
    title: str
    then: View
    today: View

    @property
    def qualified_by(self) -> set[int]:
        views = (self.then, self.today)
        return {view.qualified_by.pk for view in views if view.qualified_by}


def lines_on(members: Iterable[Member], day: date) -> list[Line]:
    """Who of the members had to be or was qualified on a day, in their order.

    Bring them with their reseller.
    """
    members = list(members)
    found: dict[tuple[int, int], dict[bool, dict[str, Any]]] = {}
    titles: dict[tuple[int, int], str] = {}
    for is_then, known_by in ((True, end_of(day)), (False, None)):
        for duty in duties_on(members, day, known_by=known_by):
            key = (duty.member.pk, duty.edition.programme_id)
            found.setdefault(key, {}).setdefault(is_then, {})["duty"] = duty
            titles[key] = duty.edition.title
        for key, row in qualified_on(members, day, known_by=known_by).items():
            found.setdefault(key, {}).setdefault(is_then, {})["qualified_by"] = row
            titles.setdefault(key, row.edition.title)
    places = {member.pk: place for place, member in enumerate(members)}

    def view(told: dict[bool, dict[str, Any]], is_then: bool) -> View:
        said = told.get(is_then, {})
        return View(said.get("duty"), said.get("qualified_by"))

    return [
        Line(members[places[key[0]]], titles[key], view(told, True), view(told, False))
        for key, told in sorted(
            found.items(), key=lambda item: (places[item[0][0]], titles[item[0]])
        )
    ]


# --- Asked for ---------------------------------------------------------------------


@transaction.atomic
def ask(access: Access, day: date, top: Reseller | None) -> AuditPack:
    """Ask for the pack of a day, over a company and all below it (None: all one sees).

    The same question within a minute is the same pack. Raises Refused for a day to come.
    """
    if day > now().date():
        raise Refused(_("That day has not come. Choose today or a day before."))
    User.objects.select_for_update().get(pk=access.user.pk)
    seen = Reseller.objects.visible_to(access)
    scope = seen.below(top) if top else seen
    keys = sorted(scope.values_list("pk", flat=True))
    for pack in AuditPack.objects.visible_to(access).filter(
        asked_at__gt=now() - _SAME, day=day, top=top
    ):
        if pack.resellers == keys and not pack.is_over:
            return pack
    pack = AuditPack.objects.create(
        asked_by=access.user, day=day, top=top, resellers=keys
    )
    record(access.user, "asked_audit_pack", pack, top=top and top.pk)
    _enqueue_after_commit(pack.pk)
    return pack


def may_fetch(pack: AuditPack, access: Access) -> bool:
    """Whether all in its scope is still theirs to see."""
    seen = Reseller.objects.visible_to(access).filter(pk__in=pack.resellers)
    return int(seen.count()) == len(pack.resellers)


def _enqueue_after_commit(pk: int) -> None:
    from certificates.tasks import make_audit_pack  # noqa: PLC0415  it calls back

    transaction.on_commit(lambda: make_audit_pack.enqueue(pk) and None)


def carry_on() -> None:
    """Make what a killed worker left, and remove the files whose day is over."""
    from certificates.tasks import make_audit_pack  # noqa: PLC0415  as above

    asked = {args[0] for args in queued(make_audit_pack)}
    unmade = AuditPack.objects.filter(made_at=None, asked_at__gt=now() - KEPT_FOR)
    for pack in unmade.filter(asked_at__lte=now() - _SAME):
        is_silent = pack.beat_at is None or pack.beat_at <= now() - _SILENT
        if is_silent and pack.pk not in asked:
            make_audit_pack.enqueue(pack.pk)
    over = AuditPack.objects.filter(made_at__lte=now() - KEPT_FOR).exclude(file="")
    for pack in over:
        pack.file.delete(save=False)
        AuditPack.objects.filter(pk=pack.pk).update(file="")


# --- Made --------------------------------------------------------------------------


def make(pk: int) -> bool:
    """Make the file of a pack; tell whether this did. Safe to repeat and to be killed."""
    pack = (
        AuditPack.objects.filter(pk=pk, made_at=None)
        .select_related("asked_by", "top")
        .first()
    )
    if pack is None or pack.is_over:
        return False
    try:
        with TemporaryFile() as file, override(pack.asked_by.language):
            _Maker(pack, file).write()
            return _store(pack, file)
    except (CannotRender, CannotSeal, CannotStore, KeyTrouble, OSError) as reason:
        logger.exception("Audit pack %s cannot be made", pk)
        words = _("It could not be made yet, and is tried again: %(why)s")
        AuditPack.objects.filter(pk=pk, made_at=None).update(
            trouble=(words % {"why": reason})[:200], beat_at=now()
        )
        return False


def _store(pack: AuditPack, file: IO[bytes]) -> bool:
    file.seek(0)
    digest = sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    file.seek(0)
    with storing.told():
        name = private_storage().save(f"packs/{pack.key}.zip", File(file))
    with transaction.atomic():
        is_first = AuditPack.objects.filter(pk=pack.pk, made_at=None).update(
            made_at=now(),
            file=name,
            sha256=digest.hexdigest(),
            trouble="",
            done=pack.total,
        )
        if is_first:
            outbox.queue(
                f"audit-pack:{pack.key}",
                pack.asked_by,
                "certificates/email/audit.txt",
                {
                    "day": pack.day,
                    "url": f"{settings.PUBLIC_URL}{pack.get_absolute_url()}",
                },
                expires_at=now() + KEPT_FOR,
            )
    if not is_first:
        private_storage().delete(name)
    return bool(is_first)


class _Maker:
    """Writes the ZIP of a pack: the files, and in the end what says what they are."""

    def __init__(self, pack: AuditPack, file: IO[bytes]) -> None:
        self.pack = pack
        self.archive = ZipFile(file, "w", ZIP_DEFLATED)
        self.hashes: list[tuple[str, str]] = []
        self.counts = {
            "had_to_then": 0,
            "had_to_today": 0,
            "qualified_then": 0,
            "qualified_today": 0,
            "certificates": 0,
            "unreadable": 0,
            "revoked": 0,
        }
        self.at = now()

    def write(self) -> None:
        people = Member.objects.filter(reseller__in=self.pack.resellers)
        keys = list(
            people.order_by("reseller__path", "user__full_name", "pk").values_list(
                "pk", flat=True
            )
        )
        self.pack.total = len(keys) + 1
        self._beat(0)
        matrix, evidence = LongCsv(_matrix_header()), LongCsv(_evidence_header())
        for number, some in enumerate(_batches(keys)):
            found = people.filter(pk__in=some).select_related("user", "reseller")
            by_key = {member.pk: member for member in found}
            lines = lines_on([by_key[key] for key in some], self.pack.day)
            cycles = set().union(*(line.qualified_by for line in lines))
            names = self._certificates(cycles)
            for line in lines:
                matrix.append(self._row(line, names))
            for row in _evidence_rows(cycles, self.pack.asked_by.time_zone):
                evidence.append(row)
            self._beat(min(len(keys), (number + 1) * AT_ONCE))
        for name, table in (("matrix.csv", matrix), ("evidence.csv", evidence)):
            self.hashes.append((name, packs.add_long(self.archive, name, table)))
        sums = "".join(f"{digest}  {name}\n" for name, digest in self.hashes).encode()
        self._add(_SUMS, sums)
        cover = seal(self._cover(sums))
        if found_wrong := findings(cover):
            raise CannotSeal(str(found_wrong[0].text))
        self.archive.writestr(_("0 Read first") + ".pdf", cover)
        self.archive.close()

    def _beat(self, done: int) -> None:
        AuditPack.objects.filter(pk=self.pack.pk, made_at=None).update(
            done=done, total=self.pack.total, beat_at=now()
        )

    def _add(self, name: Any, content: bytes) -> None:
        self.archive.writestr(name, content)
        path = name if isinstance(name, str) else name.filename
        self.hashes.append((path, sha256(content).hexdigest()))

    def _certificates(self, cycles: set[int]) -> dict[int, list[str]]:
        """Take in the files of these enrolments; return what each row says of them."""
        said: dict[int, list[str]] = {}
        found = Certificate.objects.released().filter(enrolment__in=cycles)
        for certificate in packs.light(found.order_by("issued_at", "pk")):
            words = f"{serials.shown(certificate.serial)} ({state_of(certificate)}"
            if certificate.ended_at:
                words += f", {_instant(certificate.ended_at, 'UTC')}"
            said.setdefault(certificate.enrolment_id, []).append(f"{words})")
            self.counts["revoked"] += certificate.ended_as == "revoked"
            if not certificate.pdf:
                continue
            content = packs.content_of(certificate)
            if content is None:
                self.counts["unreadable"] += 1
                continue
            self.counts["certificates"] += 1
            self._add(packs.entry_of(certificate, "certificates/"), content)
        return said

    def _row(self, line: Line, names: dict[int, list[str]]) -> list[object]:
        for word, view in (("then", line.then), ("today", line.today)):
            self.counts[f"had_to_{word}"] += view.duty is not None
            self.counts[f"qualified_{word}"] += view.qualified_by is not None
        shown = [*_view_cells(line.then), *_view_cells(line.today)]
        certificates = [
            words
            for cycle in sorted(line.qualified_by)
            for words in names.get(cycle, [])
        ]
        return [
            line.member.user.full_name,
            line.member.email_here,
            line.member.reseller.name,
            line.title,
            *shown,
            "" if shown[:5] == shown[5:] else _("Yes"),
            ", ".join(certificates),
        ]

    def _cover(self, sums: bytes) -> bytes:
        """The page that says what this is, with the hash of each file inside it.

        It prints them too, if they are few: thousands take a machine minutes.
        """
        pack, user = self.pack, self.pack.asked_by
        at = self.at.replace(microsecond=0)
        resellers = Reseller.objects.filter(pk__in=pack.resellers)
        printed = self.hashes
        if len(printed) > PRINTED:
            printed = [each for each in printed if "/" not in each[0]]
        context = {
            "language": user.language,
            "title": _("Who was qualified on %(day)s") % {"day": on_day(pack.day)},
            "at": at.isoformat(),
            "made": _instant(at, "UTC"),
            "day": pack.day,
            "known_until": _instant(min(end_of(pack.day), at), "UTC"),
            "by": _printable(user.full_name or user.email),
            "scope": [_printable(reseller.name) for reseller in resellers],
            "counts": self.counts,
            "hashes": [(_printable(name), digest) for name, digest in printed],
            "more": len(self.hashes) - len(printed),
        }
        html = render_to_string("certificates/pdf/audit.html", context)
        inside = Attached(_SUMS, sums, _("The SHA-256 of each file"), "text/plain")
        return renderer_of(_STYLES.read_text()).render(
            html,
            identifier=str(pack.key),
            at=at.astimezone(UTC),
            pages=_PAGES,
            attachments=[inside],
        )


def _batches(keys: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]


def _matrix_header() -> list[str]:
    heads = [_("had to"), _("why"), _("due on"), _("qualified"), _("until")]
    then, today = _("As known then"), _("As known today")
    return [
        _("Name"),
        _("Email"),
        _("Company"),
        _("Programme"),
        *(f"{then}: {head}" for head in heads),
        *(f"{today}: {head}" for head in heads),
        _("Differs"),
        _("Certificates, as they are today"),
    ]


def _view_cells(view: View) -> list[str]:
    duty, row = view.duty, view.qualified_by
    why = ", ".join(team.name for team in duty.teams) if duty else ""
    return [
        _("Yes") if duty else _("No"),
        why or (_("Added") if duty else ""),
        on_day(duty.due_on) if duty and duty.due_on else "",
        _("Yes") if row else _("No"),
        on_day(row.valid_until) if row and row.valid_until else "",
    ]


def _evidence_header() -> list[str]:
    return [
        _("Name"),
        _("Programme"),
        _("Cycle"),
        _("Topic"),
        _("Step"),
        _("Shown"),
        _("Taken back"),
    ]


def _evidence_rows(cycles: set[int], zone: str) -> list[list[object]]:
    rows = (
        Evidence.objects.filter(enrolment__in=cycles)
        .select_related("enrolment__member__user", "enrolment__edition")
        .order_by("enrolment", "at", "pk")
    )
    asked = EditionTopic.objects.filter(edition__enrolments__in=cycles)
    titles = {
        (edition, topic): title
        for edition, topic, title in asked.values_list("edition", "topic", "title")
    }
    return [
        [
            row.enrolment.member.user.full_name,
            row.enrolment.edition.title,
            row.enrolment.cycle,
            titles.get((row.enrolment.edition_id, row.topic_id), ""),
            row.get_kind_display(),
            _instant(row.at, zone),
            _instant(row.voided_at, zone) if row.voided_at else "",
        ]
        for row in rows
    ]


def _instant(at: datetime, zone: str) -> str:
    """Write an instant for a file that is kept for years: the year always stands."""
    local = at.astimezone(ZoneInfo(zone)).date()
    return f"{on_day(local)}, {clock(at, zone)} ({city(zone)})"


def _printable(text: str) -> str:
    """Without the letters that no font of ours has: a middle dot stands for each."""
    missing = fonts.missing_letters(text)
    return "".join("·" if sign in missing else sign for sign in text)
