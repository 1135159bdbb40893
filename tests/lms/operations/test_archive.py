"""The file of a backup: no byte of it changes unseen, and nothing in it leads out."""

import random
import subprocess
import tarfile
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest

from lms.operations.archive import Damaged, Reader, Trouble, Writer

MADE_AT = 1_790_000_000
PARTS = {
    "backup.json": b"{}",
    "database.sqlite3": random.Random(1).randbytes(700),
    "keys/seal-1/key.pem": b"a key",
    "media/empty": b"",
    "private/certificates/of Zoë.pdf": bytes(512),
}


def written(parts: dict[str, bytes] = PARTS) -> bytes:
    out = BytesIO()
    with Writer(out, MADE_AT) as writer:
        for name, content in parts.items():
            writer.add(name, BytesIO(content), len(content))
    assert writer.bytes == len(out.getvalue())
    return out.getvalue()


def read(archive: bytes) -> dict[str, bytes]:
    return {part.name: b"".join(part.pieces) for part in Reader(BytesIO(archive))}


def is_refused(archive: bytes) -> bool:
    try:
        read(archive)
    except Damaged:
        return True
    return False


def test_parts_come_back_as_they_were():
    parts = PARTS | {
        "media/documents/" + "long " * 60 + "name.pdf": b"of 300 letters",
        "media/documents/two\nlines \\ and more": b"strange",
        "media/one block": bytes(512),
        "media/more than a piece": bytes(3 * 1024 * 1024 + 1),
    }

    assert read(written(parts)) == parts


def test_every_single_byte_is_minded():
    archive = written()
    changed = bytearray(archive)

    for place in range(len(archive)):
        changed[place] ^= 1 << place % 8
        assert is_refused(bytes(changed)), f"byte {place}"
        changed[place] = archive[place]
    assert not is_refused(bytes(changed))


def test_every_missing_end_is_minded_and_every_addition():
    archive = written()

    assert all(is_refused(archive[:length]) for length in range(len(archive)))
    assert is_refused(archive + b"\0")
    assert is_refused(archive + archive)


def test_order_of_the_parts_is_minded():
    """Blocks that change places leave each of them, and each sum, as it was."""
    blocks = [archive[at : at + 1024] for archive in [written()] for at in (1024, 3072)]
    archive = written()

    swapped = archive.replace(blocks[0], b"\1" * 1024)
    swapped = swapped.replace(blocks[1], blocks[0]).replace(b"\1" * 1024, blocks[1])

    assert len(swapped) == len(archive)
    assert is_refused(swapped)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../outside",
        "media",
        "media/",
        "media/../../outside",
        "media/./here",
        "media//twice",
        "keys/..",
        "other/file",
        "database.sqlite3/file",
        "media/a\0b",
        "",
    ],
)
def test_no_part_leads_out_of_its_folder(name):
    with pytest.raises(Trouble):
        written({"backup.json": b"{}", name: b"evil"})

    assert is_refused(made_by_tar([("backup.json", b"{}"), (name, b"evil")]))


def made_by_tar(members: list[tuple[str, bytes]], **extra: object) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), MADE_AT, 0o600
            if name != "backup.json":
                for key, value in extra.items():
                    setattr(info, key, value)
            tar.addfile(info, BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    "extra",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.LNKTYPE, "linkname": "backup.json"},
        {"type": tarfile.DIRTYPE},
        {"type": tarfile.CHRTYPE},
        {"type": tarfile.FIFOTYPE},
        {"mode": 0o4755},
        {"uid": 7},
    ],
    ids=str,
)
def test_nothing_but_plain_files_is_taken(extra):
    archive = made_by_tar([("backup.json", b"{}"), ("media/x", b"")], **extra)

    with pytest.raises(Damaged, match="what no backup of ours does"):
        read(archive)


@pytest.mark.parametrize("junk", [b"", b"no backup", bytes(4096), b"PK\3\4" * 999])
def test_other_files_are_refused(junk):
    assert is_refused(junk)


def test_tar_and_sha256sum_read_it_too(tmp_path):
    (tmp_path / "it.tar").write_bytes(written())

    subprocess.run(["tar", "xf", "it.tar"], cwd=tmp_path, check=True)
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, check=True)
    first = (tmp_path / "it.tar").read_bytes().partition(b"WHOLE\0")[0]
    whole = subprocess.run(
        ["sha256sum"], input=first, capture_output=True, check=True
    ).stdout.split()[0]

    assert (tmp_path / "WHOLE").read_bytes().split() == [whole]
    assert (tmp_path / "keys/seal-1/key.pem").read_bytes() == b"a key"


class Endless:
    """A file of zeros that lies nowhere."""

    def read(self, size: int) -> bytes:
        return bytes(size)


def test_large_parts_need_no_memory(usual_collector):
    size = 200 * 1024 * 1024
    tracemalloc.start()

    with Path("/dev/null").open("wb") as nowhere, Writer(nowhere, MADE_AT) as writer:
        writer.add("database.sqlite3", Endless(), size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8 * 1024 * 1024
