"""A verifier of badges that is not ours: Digital Bazaar's, in Node, offline."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.databases import CACHE

NODE = Path(sys.executable).parent / "node"
PACKAGES = CACHE.parent / "npm" / "node_modules"
SCRIPT = Path(__file__).parent / "verify.mjs"


@dataclass(frozen=True)
class Judged:
    """Whether its proof holds, why not, and its bit in the status list."""

    verified: bool
    why: str
    status: bool | None


def verify(
    credentials: Sequence[dict[str, Any]],
    *,
    did: dict[str, Any],
    lists: Mapping[str, dict[str, Any]],
) -> list[Judged]:
    """Judge each by the issuer's DID document and the status lists alone."""
    done = subprocess.run(
        [NODE, SCRIPT, (PACKAGES / "any.js").as_uri()],
        input=json.dumps({"did": did, "lists": lists, "credentials": credentials}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [Judged(**judged) for judged in json.loads(done.stdout)]
