"""What is installed is what was locked, its licences are known, no secret is kept here."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.sbom import LICENCES, SBOM, SHIPPED, licence, uv, written_for_people

ROOT = Path(__file__).resolve().parents[2]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")

# What may be shipped with a product that is not itself open: used as it comes.
ALLOWED = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "OFL-1.1",
    "PSF-2.0",
    "Python-2.0",
}


def is_allowed(expression: str) -> bool:
    """Tell whether all that hold at once are, or one of those we choose from."""
    return all(
        any(choice.strip("() ") in ALLOWED for choice in part.split(" OR "))
        for part in expression.split(" AND ")
    )


# --- Locked ----------------------------------------------------------------------


def test_every_python_package_is_locked_by_its_hashes():
    others = [each for each in LOCK["package"] if "virtual" not in each["source"]]

    assert len(others) == len(LOCK["package"]) - 1 > 100
    for package in others:
        files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
        assert files, package["name"]
        assert all(SHA256.fullmatch(file["hash"]) for file in files), package["name"]


def test_every_npm_package_is_locked_by_its_hash():
    lock = json.loads((ROOT / "tests/node/package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}

    assert packages
    assert {
        name for name, each in packages.items() if "sha512-" not in each["integrity"]
    } == set()


def test_what_installs_takes_what_is_locked_and_nothing_else():
    setup = (ROOT / "tools/setup.py").read_text()
    pinned = (ROOT / "tools/uv.txt").read_text()

    assert '"sync", "--quiet", "--frozen"' in setup
    assert '"--require-hashes"' in setup
    assert re.fullmatch(
        r"uv==[\d.]+ \\\n(\s+--hash=sha256:[0-9a-f]{64}( \\)?\n)+", pinned
    )


# --- Listed ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sbom() -> dict:
    return json.loads(SBOM.read_text())


def test_list_of_what_is_shipped_is_that_of_the_lock(sbom):
    """But for what only other machines need, such as Windows."""
    exported = subprocess.run(
        [
            *(uv(), "export", "--quiet", *SHIPPED),
            *("--no-hashes", "--no-emit-project", "--no-annotate", "--no-header"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [line.partition(" ;") for line in exported.stdout.splitlines()]
    shipped = {tuple(line.strip().split("==")) for line, _, _ in lines}
    everywhere = {
        tuple(line.strip().split("==")) for line, _, when in lines if not when
    }

    listed = {(each["name"], each["version"]) for each in sbom["components"]}
    same = {(canonicalize_name(name), Version(version)) for name, version in listed}

    assert len(same) > 80
    assert same <= {(name, Version(version)) for name, version in shipped}
    assert {(name, Version(version)) for name, version in everywhere} <= same, (
        "Please run make sbom: uv.lock has changed."
    )


def test_list_is_what_cyclonedx_asks_for(sbom):
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert all(each["purl"].startswith("pkg:pypi/") for each in sbom["components"])


def test_every_licence_is_known_and_may_be_shipped(sbom):
    unfit = {
        each["name"]: each["licenses"][0]["expression"]
        for each in sbom["components"]
        if not is_allowed(each["licenses"][0]["expression"])
    }

    assert unfit == {}


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("GPL-2.0-or-later OR LGPL-2.1-or-later OR MPL-1.1", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("unknown", False),
    ],
)
def test_licence_is_allowed_where_all_its_parts_are(expression, allowed):
    assert is_allowed(expression) is allowed


def test_package_that_says_nothing_of_its_licence_is_unknown():
    classifier = {"license": {"name": "License :: Other/Proprietary License"}}

    assert licence({"name": "some"}) == "unknown"
    assert licence({"name": "some", "licenses": [classifier]}) == "unknown"


def test_licences_for_people_are_those_of_the_list(sbom):
    assert LICENCES.read_text() == written_for_people(sbom)


# --- No secret -------------------------------------------------------------------

SECRETS = re.compile(
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}"
    r"|\bgithub_pat_\w{50}"
    r"|\bglpat-[\w-]{20}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10}"
    r"|\b[rs]k_live_[A-Za-z0-9]{20}"
    r"|\bAIza[\w-]{35}\b"
    r"|\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20}"
    r"|https://[0-9a-f]{32}@[\w.-]+/\d"  # of Sentry
    r"|://[\w.-]+:(?!password\b|p@|word\b|secret\b|hush\b)[^\s:@/\"'{}$%<>]{8,}@(?!example|localhost)"
)


def test_no_secret_is_committed():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]

    found = {
        str(path.relative_to(ROOT)): match[0][:60]
        for path in paths
        if path.is_file()
        for match in [SECRETS.search(path.read_bytes().decode(errors="ignore"))]
        if match
    }

    assert len(paths) > 500
    assert found == {}


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN PRIVATE KEY-----\n" + "M" * 64,
        "-----BEGIN RSA PRIVATE KEY-----\n" + "M" * 64,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "postgresql://me:" + "vK3jd93kd02l@db.bytekast.com/q",
        "https://" + "0123456789abcdef" * 2 + "@sentry.bytekast.com/7",
    ],
)
def test_secret_would_be_found(secret):
    assert SECRETS.search(f"KEY = {secret}")


def test_nothing_kept_while_it_runs_is_ever_committed():
    """Data, keys and settings lie where git does not look."""
    for name in ("var/keys/seal.pem", "deploy/secrets/secret_key", ".env"):
        asked = ["git", "check-ignore", "--quiet", name]
        assert subprocess.run(asked, cwd=ROOT, check=False).returncode == 0, name
