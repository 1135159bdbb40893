"""Reads the code of screens, and names each fetch of people's records past the wall."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from django.apps import apps
from django.db.models import Model, QuerySet

from tests.test_visible_to import records

ROOT = Path(__file__).parents[1]
ROOMS = ["lms", "content", "courses", "sessions", "certificates"]
# A screen is what takes a request, and these, which serve one.
SCREENS = [
    "*views*.py",
    "*forms*.py",
    "*_form.py",
    "*_page.py",
    "cms*.py",
    "screens.py",
    "wagtail_hooks.py",
    "listing.py",
    "previews.py",
    "context.py",
    "middleware.py",
    "adapters.py",
    "templatetags/*.py",
    "dashboards/*.py",
]
NOT_SCREENS = {"management", "migrations", "seed", "models"}
NO_SCREEN = {
    "lms/dashboards/everybody.py": "decides about members its caller fetched in scope",
    "lms/dashboards/clock.py": "the clock asks for everybody, and shows nobody",
    "lms/people/access.py": "makes what the wall asks",
}

# The methods of a queryset that take the request's access, and only let through
# what it may see. `none()` lets nothing through.
SCOPES = {"visible_to", "managed_by", "of_people", "none"}
MANAGERS = {"objects", "_default_manager", "_base_manager"}
SHORTCUTS = {"get_object_or_404", "get_list_or_404", "aget_object_or_404"}
RAW = {"raw", "cursor", "extra"}
# Of an open record, such as a programme, these would read people's by its name.
READING = {"values", "values_list", "annotate", "aggregate", "prefetch_related"}
# What hangs on the person who asks is their own.
THEMSELVES = {
    "request.user",
    "self.request.user",
    "access.user",
    "request.access.user",
}
# Whoever sees the first sees each of its second: `visible_to` of the second says so
# (`test_who_sees_a_record_sees_what_hangs_on_it`). The last word is what variables
# and attributes that hold the first are called.
LEADS_ON = {
    ("Booking", "topics"): {"call", "booking"},
    ("Booking", "waitings"): {"call", "booking"},
    ("Enrolment", "completions"): {"enrolment"},
    ("Enrolment", "evidence"): {"enrolment"},
    ("Enrolment", "earlier_dates"): {"enrolment"},
    ("Member", "acknowledgements"): {"member"},
    ("Member", "enrolments"): {"member"},
    ("Member", "programme_requests"): {"member"},
    ("Member", "team_memberships"): {"member"},
    ("OutsideCalendar", "busy"): {"calendar"},
}
# Classes of these kinds fetch the rows of their `model` by themselves.
FETCHING = ("View", "ViewSet", "Chooser")


@cache
def walled() -> set[type[Model]]:
    return set(records())


@cache
def related() -> dict[str, set[str]]:
    """Of each name by which one record leads to many walled ones: all who have it."""
    names: dict[str, set[str]] = {}
    for model in apps.get_models():
        for relation in model._meta.related_objects:
            name = relation.get_accessor_name()
            if name and relation.related_model in walled() and not relation.one_to_one:
                names.setdefault(name, set()).add(model.__name__)
    return names


@cache
def query_methods() -> set[str]:
    """What a queryset or a manager can be asked, by name."""
    kinds = [QuerySet, *(type(model.objects.all()) for model in walled())]
    return {name for kind in kinds for name in dir(kind) if name[0] != "_"}


def screens() -> list[Path]:
    """Every module that answers a request, or helps to."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if NOT_SCREENS & set(inside.parts) or str(inside) in NO_SCREEN:
                continue
            named = any(inside.match(pattern) for pattern in SCREENS)
            if named or takes_a_request(ast.parse(path.read_text())):
                found.append(path)
    return found


def takes_a_request(tree: ast.Module) -> bool:
    return any(
        kind in ast.unparse(node.annotation)
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) and node.annotation
        for kind in ("HttpRequest", "MemberRequest")
    )


class Reader:
    """One module's syntax tree, with the way up from each node."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        self.up = {
            child: node
            for node in ast.walk(self.tree)
            for child in ast.iter_child_nodes(node)
        }
        self.names = {model.__name__: model.__name__ for model in walled()}
        self.methods = query_methods()
        self.related = related()
        self.texts: dict[str, str] = {}  # constants, by name
        self.open: set[str] = set()  # variables that hold classes not walled
        self.open_classes: list[ast.ClassDef] = []
        for node in ast.walk(self.tree):
            self._learn(node)

    def faults(self) -> Iterator[tuple[int, str]]:
        """The line, and what is fetched there past the wall."""
        for node in ast.walk(self.tree):
            if (what := self._fetch(node)) and not self._is_scoped(node):
                yield node.lineno, what

    def _learn(self, node: ast.AST) -> None:
        """Other names for a walled model: `import … as`, `Person = User`."""
        if isinstance(node, ast.ImportFrom):
            for each in node.names:
                if each.asname and each.name in self.names:
                    self.names[each.asname] = each.name
                if each.name.isupper() and node.module:
                    text = getattr(import_module(node.module), each.name, None)
                    self.texts[each.name] = text if isinstance(text, str) else ""
        if isinstance(node, ast.Assign) and (model := self._model(node.value)):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.names[target.id] = model
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))
            ) if name.isupper():
                self.texts[name] = text
            case ast.comprehension(
                target=ast.Name(id=name), iter=ast.Tuple(elts=kinds)
            ) if not any(self._model(kind) for kind in kinds):
                self.open.add(name)
            case ast.ClassDef(name=name) if name not in self.names:
                self.open_classes.append(node)

    def _model(self, node: ast.AST) -> str:
        """The walled model that an expression names; empty if it names none."""
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):  # models.Booking
                return self.names.get(name, "")
            case ast.Call(func=ast.Name(id="get_user_model")):
                return "User"
        return ""

    def _fetch(self, node: ast.AST) -> str:
        """What the node fetches; empty if nothing that is walled."""
        match node:
            case ast.Attribute(attr=name) if name in MANAGERS:
                return self._managers_rows(node)
            case ast.Attribute(attr=name) if name in self.related:
                return self._related_rows(node)
            case ast.Call():
                return self._called(node)
            case ast.ClassDef():
                return self._class(node)
        return ""

    def _managers_rows(self, node: ast.Attribute) -> str:
        if model := self._model(node.value):
            return f"{model}.{node.attr}"
        match node.value:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name[0].isupper():
                return ""  # a model that is not walled
            case ast.Name(id=name) if name in self.open:
                return ""
            case ast.Name(id="cls") if self._class_around(node) in self.open_classes:
                return ""
        return f"{ast.unparse(node)}, of we know not what"

    def _class_around(self, node: ast.AST) -> ast.AST | None:
        while node and not isinstance(node, ast.ClassDef):
            node = self.up.get(node)
        return node

    def _related_rows(self, node: ast.Attribute) -> str:
        step = self.up[node]
        if not isinstance(step, ast.Attribute) or step.attr not in self.methods:
            return ""
        holder = ast.unparse(node.value)
        if holder in THEMSELVES or self.leads_on(node.attr, holder):
            return ""
        return f"{holder}.{node.attr}"

    def leads_on(self, name: str, holder: str) -> bool:
        """Whether what hangs on a record by that name is seen by all who see it."""
        owners = self.related[name]
        if all((owner, name) in LEADS_ON for owner in owners):
            return True
        word = holder.rpartition(".")[2]
        return any(word in LEADS_ON.get((owner, name), ()) for owner in owners)

    def _called(self, node: ast.Call) -> str:
        name = ast.unparse(node.func).rpartition(".")[2]
        first = self._model(node.args[0]) if node.args else ""
        if first and (name in SHORTCUTS or name.endswith("QuerySet")):
            return f"{name}({first})"
        if name in RAW and isinstance(node.func, ast.Attribute):
            return f"SQL by .{name}()"
        if name in READING and isinstance(node.func, ast.Attribute):
            return self._read_by_name(node)
        return ""

    def _read_by_name(self, node: ast.Call) -> str:
        """What `values("enrolments__…")` and the like read from an open model."""
        root = self._root(node)
        for each in (*node.args, *(keyword.value for keyword in node.keywords)):
            for text in ast.walk(each):
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    for step in text.value.split("__"):
                        owners = self.related.get(step, set())
                        if owners and not any(
                            (owner, step) in LEADS_ON or owner in self.names
                            for owner in {root} & owners or owners
                        ):
                            return f"{root or 'something'}…{text.value}"
        return ""

    def _root(self, node: ast.expr) -> str:
        """The model whose manager a chain of calls begins with."""
        while isinstance(node, ast.Call | ast.Attribute):
            if isinstance(node, ast.Attribute) and node.attr in MANAGERS:
                return ast.unparse(node.value)
            node = node.func if isinstance(node, ast.Call) else node.value
        return ""

    def _class(self, node: ast.ClassDef) -> str:
        bases = [ast.unparse(base).partition("[")[0] for base in node.bases]
        if not any(base.endswith(FETCHING) for base in bases):
            return ""
        for line in node.body:
            match line:
                case ast.Assign(targets=[ast.Name(id="model")], value=value):
                    if model := self._model(value):
                        return f"{node.name}.model = {model}"
        return ""

    def _says_why(self, call: ast.Call, rows: ast.AST) -> bool:
        """`unscoped(rows, "why")`, with a reason in words."""
        match call.args:
            case [first, ast.Constant(value=str(why))] if first is rows:
                return len(why.split()) >= 3
            case [first, ast.Name(id=name)] if first is rows:
                return len(self.texts.get(name, "").split()) >= 3
        return False

    def _is_scoped(self, node: ast.AST) -> bool:
        """Whether the chain of calls that goes through here is, or says why not."""
        while True:
            above = self.up.get(node)
            match above:
                case ast.Attribute(attr=name) if name in SCOPES:
                    call = self.up[above]
                    if isinstance(call, ast.Call) and (call.args or name == "none"):
                        return True
                case ast.Attribute():
                    pass
                case ast.Call(func=func) if func is node:
                    pass
                case ast.Call(func=ast.Name(id="unscoped")):
                    return self._says_why(above, node)
                case _:
                    return self._only_narrows(node)
            node = above

    def _only_narrows(self, node: ast.AST) -> bool:
        """Whether it is a condition: what is narrowed by it is read where it began."""
        while not isinstance(above := self.up.get(node), ast.stmt | None):
            match above:
                case ast.Call(func=ast.Attribute(attr="filter" | "exclude")):
                    return True
                case ast.Call(func=ast.Name(id="Q" | "Exists")) | ast.keyword():
                    pass
                case ast.BinOp() | ast.UnaryOp():
                    pass
                case _:
                    return False
            node = above
        return False


def faults_of(source: str) -> list[str]:
    return [what for _, what in sorted(Reader(source).faults())]


# In a template: `programme.enrolments.all`, with whatever is asked of it.
ASKED = re.compile(r"([\w.]+)\.(\w+)\.(\w+)")


def faults_of_template(source: str) -> list[str]:
    reader = Reader("")
    found = []
    for tag in re.findall(r"{[{%].*?[}%]}", source, re.DOTALL):
        for holder, name, step in ASKED.findall(re.sub(r"\"[^\"]*\"", "", tag)):
            if name not in reader.related or step not in reader.methods:
                continue
            if holder not in THEMSELVES and not reader.leads_on(name, holder):
                found.append(f"{holder}.{name}.{step}")
    return found
