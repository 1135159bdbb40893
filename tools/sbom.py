"""Write what is shipped, and under which licences: `make sbom`.

`docs/sbom.cdx.json` is a CycloneDX list of the Python packages that production installs,
extras and all, and none that only tests need; `docs/licences.md` is the same for people.
Both are committed; a test compares them with uv.lock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SBOM = ROOT / "docs" / "sbom.cdx.json"
LICENCES = ROOT / "docs" / "licences.md"
SHIPPED = ("--frozen", "--no-dev", "--all-extras")
LEFT_OUT = ("description", "externalReferences")  # words, and addresses to visit

# What a package's classifiers say, in the words of SPDX.
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# Where a package says more than one thing: what the files it brings say.
LOOKED_AT = {
    "aiohappyeyeballs": "PSF-2.0",
    "fido2": "BSD-2-Clause AND Apache-2.0 AND MPL-2.0",
    "pyphen": "GPL-2.0-or-later OR LGPL-2.1-or-later OR MPL-1.1",  # whichever we like
    "qrcode": "BSD-3-Clause AND MIT",  # and a word on the trademark of QR
}


def licence(component: Mapping[str, Any]) -> str:
    """Return a component's licence as an expression; "unknown" where it says none."""
    name = component["name"].lower().replace("_", "-")
    if name in LOOKED_AT:
        return LOOKED_AT[name]
    said = set()
    for each in component.get("licenses", []):
        word = each.get("expression") or each["license"].get("id")
        if not word:
            word = each["license"]["name"].rpartition(" :: ")[2]
            word = CLASSIFIERS.get(word, "unknown")
        said.add(word)
    return " AND ".join(sorted(said)) or "unknown"


def uv() -> str:
    return str(ROOT / ".cache" / "uv" / "bin" / "uv")


def make_sbom() -> dict[str, Any]:
    """Install what is shipped into a folder of its own, and list what is there."""
    with tempfile.TemporaryDirectory() as folder:
        place = {"UV_PROJECT_ENVIRONMENT": folder, "UV_PYTHON_DOWNLOADS": "never"}
        subprocess.run(
            [uv(), "sync", "--quiet", "--python", sys.executable, *SHIPPED],
            cwd=ROOT,
            env=os.environ | place,
            check=True,
        )
        listed = subprocess.run(
            [
                Path(sys.executable).parent / "cyclonedx-py",
                *(
                    "environment",
                    f"{folder}/bin/python",
                    "--pyproject",
                    "pyproject.toml",
                ),
                *("--output-reproducible", "--short-PURLs", "--output-file", "-"),
            ],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
    found: dict[str, Any] = json.loads(listed.stdout)
    for component in [*found["components"], *found["metadata"]["tools"]["components"]]:
        for name in LEFT_OUT:
            component.pop(name, None)
    for component in found["components"]:
        component["licenses"] = [{"expression": licence(component)}]
    return found


def written_for_people(sbom: Mapping[str, Any]) -> str:
    by_licence = defaultdict(list)
    for component in sbom["components"]:
        by_licence[component["licenses"][0]["expression"]].append(component)
    rows = "\n".join(
        f"| {name} | {', '.join(_named(by_licence[name]))} |"
        for name in sorted(by_licence)
    )
    return f"""\
# Licences of what is shipped

Made by `make sbom`, as [sbom.cdx.json](sbom.cdx.json) is: the Python packages that production
installs. Each is used as it comes, from its own package; those under the LGPL and the MPL are not
changed. The libraries of Debian that set the letters of certificates (Pango, HarfBuzz) are Debian's.

| licence | packages |
|---|---|
{rows}
"""


def _named(components: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in sorted(components, key=lambda each: each["name"].lower()):
        yield f"{each['name']} {each['version']}"


if __name__ == "__main__":
    made = make_sbom()
    SBOM.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    LICENCES.write_text(written_for_people(made))
    print(f"{len(made['components'])} packages: {SBOM}, {LICENCES}")
