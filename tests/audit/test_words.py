"""Whatever is written into the log has words, and nothing else has."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from lms.audit.models import Event
from lms.audit.words import KINDS, VERBS, kind, said

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ["lms", "content", "courses", "sessions", "certificates"]

# What is written by a verb that is worked out, not spelt: by file.
WORKED_OUT = {
    "lms/audit/looking.py": {"looked_at", "read_log"},
    "lms/people/approving.py": {
        "second person: granted",
        "second person: declined",
        "second person: taken back",
    },
    "courses/cycles.py": {"withdrawn", "annulled"},
    "sessions/days.py": {"added_off", "added_extra"},
    "certificates/issuing.py": {
        "certificate_undone",
        "certificate_withdrawn",
        "certificate_revoked",
        "certificate_replaced",
    },
    "certificates/preparing.py": {
        "certificate_waits_for_letters",
        "certificate_waits_for_help",
    },
    "certificates/sharing.py": {"certificate_name_hidden", "certificate_name_shown"},
}


def written() -> Iterator[tuple[str, set[str] | None]]:
    """Each call that writes, by file: its verbs; None where they are worked out."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            nodes = list(ast.walk(ast.parse(path.read_text())))
            for node in nodes:
                if isinstance(node, ast.Call) and _writes(node):
                    verb = node.args[1]
                    if isinstance(verb, ast.Name):
                        verb = _value_of(verb.id, nodes) or verb
                    yield name, _verbs(verb)


def _value_of(name: str, nodes: Sequence[ast.AST]) -> ast.expr | None:
    """What the name stands for, where the file says it once."""
    values = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and [getattr(target, "id", "") for target in node.targets] == [name]
    ]
    return values[0] if len(values) == 1 else None


def _writes(call: ast.Call) -> bool:
    name = getattr(call.func, "id", None)
    return name in {"record", "record_all"} and len(call.args) > 1


def _verbs(node: ast.expr) -> set[str] | None:
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.IfExp):
        one, other = _verbs(node.body), _verbs(node.orelse)
        return one | other if one and other else None
    return None


def test_every_verb_has_words() -> None:
    verbs: dict[str, set[str]] = {}
    for name, spelt in written():
        verbs.setdefault(name, set()).update(spelt or WORKED_OUT.get(name, {"?"}))

    has_words = {key.split(" people.")[0].split(" training")[0] for key in all_keys()}
    without = {name: found - has_words for name, found in verbs.items()}
    assert {name: found for name, found in without.items() if found} == {}
    assert has_words - set().union(*verbs.values()) == set()


def all_keys() -> set[str]:
    return {key for table in VERBS.values() for key in table}


def test_the_same_verb_says_what_it_is_of() -> None:
    member = Event(verb="joined", target_type="people.Member")
    call = Event(verb="joined", target_type="training_sessions.Booking")

    assert (said(member), said(call)) == ("Joined", "Joined a call")


def test_a_verb_of_old_is_shown_as_it_is() -> None:
    event = Event(verb="did_something", target_type="gone.Thing")

    assert (said(event), kind(event)) == ("did something", "gone.Thing")


def test_every_word_after_a_verb_is_a_kind() -> None:
    after = {key.rpartition(" ")[2] for key in all_keys() if "." in key}

    assert after <= set(KINDS)
