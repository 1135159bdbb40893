"""Kill the processes at work, KILLS times (200), on SQLite and on PostgreSQL.

Prints for each what was cut, what came twice, and how soon all was up again; and when
the channel team was told what did not work.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ["tests/operations/test_kills.py", "tests/operations/test_told.py"]


def main() -> int:
    os.environ.setdefault("KILLS", "200")
    codes = []
    for database in ("sqlite", "postgresql"):
        print(f"--- {database}", flush=True)
        pytest = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-s",
            "--show-capture=no",
            *TESTS,
        ]
        asked = os.environ | {"TEST_DATABASE": database}
        codes.append(
            subprocess.run(pytest, cwd=ROOT, env=asked, check=False).returncode
        )
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
