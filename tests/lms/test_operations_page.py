"""docs/operations.md: what it tells to type exists, and what is left out says why."""

import re
import subprocess
from pathlib import Path

import pytest

from tools import deploy
from tools.try_operations import PAGE, Block, read_page

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = list(read_page(PAGE.read_text()))
HEADINGS = [
    "Install",
    "Check",
    "Watch",
    "Back up and restore",
    "Upgrade",
    "Grow",
    "When something fails",
    "Secrets and keys",
    "Figures",
]


def test_page_has_its_headings_in_order():
    assert re.findall(r"^## (.*)$", PAGE.read_text(), re.MULTILINE) == HEADINGS


def test_page_is_read_block_by_block():
    page = (
        "## One\n```sh\nls\n```\n```text\nnot this\n```\n### Two\n"
        "<!-- not tried: no\nserver -->\n```sh\na\n\nb\n```\n"
        "<!-- ends with 1 here: it is new -->\n```sh\nc\n```\n"
        "<!-- on turn.example.com -->\n```sh\nd\n```\n"
        "<!-- PostgreSQL -->\n```sh\ne\n```\n"
    )

    assert list(read_page(page)) == [
        Block("One", "ls\n"),
        Block("Two", "a\n\nb\n", left_out="no server"),
        Block("Two", "c\n", ends_with=1),
        Block("Two", "d\n", machine="turn.example.com"),
        Block("Two", "e\n", engine="PostgreSQL"),
    ]


def test_comment_that_says_nothing_known_is_refused():
    with pytest.raises(ValueError, match="Nothing is known"):
        list(read_page("## One\n<!-- not tired: no -->\n```sh\nls\n```\n"))


def test_every_block_of_commands_is_followed_or_says_why_not():
    fences = re.findall(r"^```sh$", PAGE.read_text(), re.MULTILINE)

    assert len(BLOCKS) == len(fences)
    assert sum(not block.left_out for block in BLOCKS) >= 17


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.text.split("\n")[0])
def test_block_is_what_a_shell_can_read(block):
    read = subprocess.run(
        ["sh", "-n"], input=block.text, capture_output=True, text=True, check=False
    )

    assert read.stderr == ""


def test_every_command_and_unit_that_is_named_is_there():
    places = ("*/management/commands", "lms/*/management/commands")
    known = {file.stem for place in places for file in ROOT.glob(f"{place}/[a-z]*.py")}
    known |= {"set_up", "upgrade", "migrate", "check"}  # the script's, and Django's
    units = {Path(name).name for name in deploy.files() if name.startswith("systemd/")}
    units = {unit.removesuffix(".service") for unit in units}
    lines = [line for block in BLOCKS for line in block.text.splitlines()]

    asked = {
        found[1]
        for line in lines
        if (found := re.match(r"\s*qualifications (\w+)", line))
    }
    named = {
        word.removesuffix(".service")
        for line in lines
        if line.strip().startswith(("systemctl", "journalctl"))
        for word in re.findall(r"qualifications[-.][\w.-]+", line)
    }

    assert asked <= known
    assert named <= units
    assert {"first_staff", "backup", "set_up"} <= asked
