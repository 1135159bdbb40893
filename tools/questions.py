"""Write down what tests ask the database: `tools/questions.py FILE [pytest's words]`.

One statement a line, without its values. Of two such files `comm -13` says what the
first run did not ask: nothing, where the second's tests may be left out on PostgreSQL
(the marker `asked_elsewhere`) as far as the database is concerned.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.utils import CursorWrapper

SAVEPOINT = re.compile(r"^(SAVEPOINT|RELEASE|ROLLBACK).*")
VALUES = re.compile(r"(?:%s|\?|\b\d+\b)(?:::\w+)?")
SEVERAL = re.compile(r"\(?V\)?(?:, \(?V\)?)+")


def without_values(sql: str) -> str:
    """The statement, with one V for a value and for any number of them."""
    sql = SAVEPOINT.sub(r"\1", " ".join(sql.split()))
    return SEVERAL.sub("V", VALUES.sub("V", sql))


class Listening:
    def __init__(self) -> None:
        self.heard: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        """Listen in a test's fixtures too: they are what it asks about."""
        kept = CursorWrapper.execute

        def execute(cursor: Any, sql: Any, params: Any = None) -> Any:
            self.heard.add(without_values(str(sql)))
            return kept(cursor, sql, params)

        CursorWrapper.execute = execute  # type: ignore[assignment, method-assign]  # listens
        try:
            return (yield)
        finally:
            CursorWrapper.execute = kept  # type: ignore[method-assign]  # no more


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    listening = Listening()
    code = pytest.main(sys.argv[2:], plugins=[listening])
    Path(sys.argv[1]).write_text(
        "".join(f"{each}\n" for each in sorted(listening.heard))
    )
    print(f"{len(listening.heard)} statements")
    sys.exit(code)
