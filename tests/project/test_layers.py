"""The house: imports go down only, names stay where they belong, and every part is small."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import apical
from apical.neurons.base import Population
from apical.neurons.encoding import Encoder

ROOT = Path(apical.__file__).parent
LONGEST_FUNCTION = 45


def floors(page: str) -> dict[str, int]:
    """Return the floor of every folder, as the table of ARCHITECTURE.md shows them."""
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", page, re.MULTILINE)
    return {name: int(floor) for floor, names in rows for name in re.findall("`(\\w+)`", names)}


FLOORS = floors((Path(__file__).parents[2] / "ARCHITECTURE.md").read_text())
"""A folder may import what is on lower floors; `apical` is the package itself, its public names."""

ANYWHERE = ("_moved",)
"""Modules that import nothing of the package."""

KEPT_IN = {
    "brian2": ("devices.brian",),
    "brian2cuda": ("devices.brian",),
    "brian2genn": ("devices.brian",),
    "matplotlib": ("plotting",),
    "click": ("cli", "scripts.command", "scripts.options", "scripts.sweeping"),
    "torch": ("devices.arrays.torch_library",),
}
"""Libraries, and the only modules that may import them."""


def module_name(path: Path) -> str:
    """Return the name of a module below the package; "" for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for path in sorted(ROOT.rglob("*.py"))
    if path.relative_to(ROOT).parts[0] != "models"  # scripts that a wheel brings along
}
every_module = pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "apical")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text())


def package(name: str) -> str:
    return name.partition(".")[0]


def floor(name: str) -> int:
    """Return the floor of the folder of a module, or fail: every folder has one."""
    folder = package(name) or "apical"
    if folder not in FLOORS:
        pytest.fail(
            f"Folder apical.{folder} has no floor; add it to the table in ARCHITECTURE.md, above "
            "everything it imports."
        )
    return FLOORS[folder]


def imported(name: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the full name of everything a module imports, wherever it does."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = inner.removeprefix("apical.") in MODULES
                yield node.lineno, inner if is_module else str(node.module)


def own_imports(name: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every module of this package that a module imports."""
    for line, full in imported(name):
        if full == "apical" or full.startswith("apical."):
            yield line, full.removeprefix("apical").removeprefix(".")


@every_module
def test_imports_go_down_only(name: str) -> None:
    if name in ANYWHERE:
        assert not list(own_imports(name))
        return
    for line, other in own_imports(name):
        if package(other) == package(name) or other in ANYWHERE:
            continue
        assert floor(other) < floor(name), (
            f"{MODULES[name]}:{line}: apical.{name} (floor {floor(name)}) imports apical.{other} "
            f"(floor {floor(other)}); imports go down only."
        )


def test_the_house_has_few_floors() -> None:
    assert sorted(set(FLOORS.values())) == list(range(20))
    assert {package(name) or "apical" for name in MODULES} - {*ANYWHERE} == {*FLOORS}
    flat = [path.name for path in ROOT.glob("*.py") if path.name != "__init__.py"]
    assert len(flat) <= 3, "modules belong into folders"


def test_imports_never_go_in_a_circle() -> None:
    graph = {name: {other for _, other in own_imports(name)} - {name} for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"Modules import each other in a circle: {' <- '.join(error.args[1])}.")


def test_a_folder_without_a_floor_is_refused() -> None:
    with pytest.raises(pytest.fail.Exception, match="Folder apical.helpers has no floor"):
        floor("helpers.angles")
    assert floor("measures.cost") == floor("measures")
    assert floors("| 2 | `a`, `b_c` | x |\n| 1 | `d` | y `e` |") == {"a": 2, "b_c": 2, "d": 1}


@every_module
@pytest.mark.parametrize("library", KEPT_IN)
def test_libraries_stay_where_they_belong(name: str, library: str) -> None:
    if any(name == home or name.startswith((f"{home}.", f"{home}_")) for home in KEPT_IN[library]):
        return
    lines = [line for line, full in imported(name) if package(full) == library]
    assert not lines, (
        f"{MODULES[name]}:{lines}: only {', '.join(KEPT_IN[library])} may import {library}."
    )


@every_module
def test_no_relative_or_star_imports(name: str) -> None:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom):
            where = f"{MODULES[name]}:{node.lineno}"
            assert node.level == 0, f"{where}: write the import in full, from apical."
            assert all(alias.name != "*" for alias in node.names), f"{where}: name what you import."


@every_module
def test_functions_are_short(name: str) -> None:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            doc = (ast.get_docstring(node, clean=False) or "").splitlines()
            length = node.end_lineno - node.lineno + 1 - len(doc)
            assert length <= LONGEST_FUNCTION, (
                f"{MODULES[name]}:{node.lineno}: {node.name} has {length} lines besides its "
                f"docstring; {LONGEST_FUNCTION} are enough: split it."
            )


def is_text(node: ast.expr) -> bool:
    """Say whether an expression is text, or a list of what may be text."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, str)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return any(is_text(part) or isinstance(part, ast.Name) for part in parts)
        case ast.BinOp(left=left, right=right):
            return is_text(left) or is_text(right)
    return isinstance(node, ast.JoinedStr)


def is_count(node: ast.expr) -> bool:
    """Say whether an expression is for certain a number of times."""
    match node:
        case ast.Constant(value=value):
            return type(value) is int
        case ast.Call(func=ast.Name(id=name)):
            return name == "len"
        case ast.BinOp(left=left, right=right):
            return is_count(left) and is_count(right)
    return False


def chosen_by_product(code: ast.Module) -> list[str]:
    """Return where text is multiplied by what may be true or false."""
    products = [n for n in ast.walk(code) if isinstance(n, ast.BinOp)]
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in products
        if isinstance(node.op, ast.Mult)
        for text, times in ((node.left, node.right), (node.right, node.left))
        if is_text(text) and not is_count(times)
    ]


@every_module
def test_no_text_is_chosen_by_a_product(name: str) -> None:
    found = chosen_by_product(tree(name))
    assert not found, (
        f"{MODULES[name]}:{found}: write `text if condition else other`, or in the text of a model "
        "apical.language.fragments.when(condition, text)."
    )


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("x = ' - v' * self.leak", True),
        ("x = bool(tau) * f'{tau} + '", True),
        ("x = ['count : 1', *told] * counted", True),
        ("x = [line] * draws", True),
        ("x = ('a' + 'b') * (n > 0)", True),
        ("x = '---' * len(heads)", False),
        ("x = [''] * (2 + len(cards))", False),
        ("x = [0.0] * size", False),
        ("x = a * (b > 0)", False),
    ],
)
def test_text_that_is_chosen_by_a_product_is_found(code: str, is_found: bool) -> None:
    assert bool(chosen_by_product(ast.parse(code))) is is_found


WRITTEN_WHOLE = ("language", "neurons", "plasticity", "devices.brian")
"""Folders whose texts are equations and statements: written whole, never edited afterwards."""

EDITS = frozenset({"replace", "removeprefix", "removesuffix", "translate"})
NO_EQUATION = {
    "devices.brian.cuda_compiling": "a compute capability, '9.0', in a compiler's option",
    "devices.brian.cuda_device": "C++ that Brian2CUDA wrote; exactly one match, or an error",
    "devices.brian.standalone": "C++ that Brian2 wrote; exactly one match, or an error",
    "devices.brian.genn_device": "the name of a variable, without the '_post' that Brian2 adds",
    "devices.brian.live": "the name of a variable, without the '_' for values without unit",
}
"""Modules that edit other text, and which."""


def edits(code: ast.Module) -> list[str]:
    """Return where text is edited by a method of its own or a pattern."""
    calls = [
        n for n in ast.walk(code) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    ]
    return [
        f"{call.lineno}: {ast.unparse(call)}"
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and (call.func.attr in EDITS or ast.unparse(call.func) in ("re.sub", "re.subn"))
    ]


@every_module
def test_equations_are_written_whole(name: str) -> None:
    if not any(name == folder or name.startswith(f"{folder}.") for folder in WRITTEN_WHOLE):
        return
    found = edits(tree(name))
    if name in NO_EQUATION:
        assert found, f"{name} edits no text any more; take it off the list."
        return
    assert not found, (
        f"{MODULES[name]}:{found}: write an equation whole, with a fragment for each option "
        "(apical.language.fragments); names are exchanged by apical.language.expressions."
        "substituted, which reads the syntax tree."
    )


def test_edited_text_is_found() -> None:
    code = "a = t.removeprefix('v > ')\nb = re.sub('v', 'u', t)\nc = replace(plain, reset='')"
    assert [line.partition(":")[0] for line in edits(ast.parse(code))] == ["1", "2"]


def test_populations_and_encoders_are_abstract_or_final() -> None:
    def below(kind: type) -> Iterator[type]:
        for other in kind.__subclasses__():
            yield from (other, *below(other))

    ours = [k for kind in (Population, Encoder) for k in below(kind) if "apical." in k.__module__]
    assert len(ours) > 15
    for kind in ours:
        is_final = getattr(kind, "__final__", False)
        assert inspect.isabstract(kind) or is_final, (
            f"{kind.__name__} is neither abstract nor final"
        )
        assert not (is_final and [k for k in kind.__subclasses__() if k in ours]), kind.__name__


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if "overload" not in map(ast.unparse, node.decorator_list):  # the last one is documented
            yield node


@cache
def classes() -> dict[str, ast.ClassDef]:
    found = (node for name in MODULES for node in ast.walk(tree(name)))
    return {node.name: node for node in found if isinstance(node, ast.ClassDef)}


def is_documented(owner: ast.ClassDef, method: str) -> bool:
    """Say whether a class, or one it inherits from, documents a method."""
    if any(n.name == method and ast.get_docstring(n) for n in public(owner.body)):
        return True
    plain = (b.value if isinstance(b, ast.Subscript) else b for b in owner.bases)  # of a generic
    bases = (classes().get(ast.unparse(base)) for base in plain)
    return any(is_documented(base, method) for base in bases if base is not None)


@every_module
def test_everything_public_is_documented(name: str) -> None:
    assert ast.get_docstring(tree(name)), f"{MODULES[name]} has no docstring."
    for node in public(tree(name).body):
        where = f"{MODULES[name]}:{node.lineno}: {node.name}"
        assert ast.get_docstring(node), f"{where} has no docstring."
        if isinstance(node, ast.ClassDef):
            for method in public(node.body):
                assert is_documented(node, method.name), f"{where}.{method.name} has no docstring."
