"""Mutation testing of the verification code: each check broken in some small way, and a test that notices it.

``python -m tools.mutants [--tests=NAME,NAME] [MODULE ...]`` from the folder tests/, or ``make mutants``. Mutants are made of a module's syntax tree:
comparisons, conditions, arithmetic, constants, and statements that are left out. The tests are collected once; each mutant is put
into functions that are there already, in a process forked for it, and meets the tests that reach its lines: first those that
noticed many mutants of its module in little time, and of the others the fastest first.
A mutant that no test notices has to stand, with its reason, in mutants_explained.txt; and what stands there has to be one.
"""

import ast
import copy
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import coverage
import pytest

TESTS = Path(__file__).parent.parent
ANCHOR = TESTS.parent / "anchor" / "perdure_anchor"
EXPLAINED = Path(__file__).parent / "mutants_explained.txt"
# modules that decide together, and the test files that are asked about them: those that notice most in the least time
GROUPS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (
        (
            "finality",
            "validator_changes",
            "time_bounds",
            "verify",
            "findings",
            "trust",
            "coalitions",
        ),
        (
            "finality",
            "validator_changes",
            "time_bounds",
            "verify_changed",
            "verify_grades",
            "verify_steps",
            "verify_times",
            "verify_told_wrong",
            "verify_verdict",
            "coalitions",
            "trust",
            "vectors",
        ),
    ),
    (("anchor_checks",), ("shared_checks", "verify_steps", "verify_told_wrong", "vectors")),
    (
        ("qbft", "ibft2", "clique", "sealed_header", "header", "rlp", "engines"),
        ("qbft", "ibft2", "clique", "engines", "header", "rlp", "vectors"),
    ),
    (
        ("trie", "receipt", "registry_event", "checkpoint", "key_rotation", "typed_data", "secp256k1"),
        (
            "trie",
            "receipt",
            "registry_event",
            "checkpoint",
            "key_rotation",
            "secp256k1",
            "bounds",
            "verify_told_wrong",
            "vectors",
        ),
    ),
    (
        (
            "evidence",
            "trust_file",
            "record",
            "slot_values",
            "plain_disclosures",
            "base64_text",
            "log.inclusion",
        ),
        (
            "evidence_format",
            "trust_file",
            "record",
            "slot_values",
            "plain_disclosures",
            "base64_text",
            "log_proofs",
            "bounds",
            "vectors",
        ),
    ),
]
# run where no other is named: those that were run to the end, and left no survivor without its reason
BY_DEFAULT = [
    "finality",
    "validator_changes",
    "time_bounds",
    "verify",
    "findings",
    "trust",
    "coalitions",
    "qbft",
    "ibft2",
    "clique",
    "sealed_header",
    "header",
    "rlp",
]
# that a test may take with a mutant, beside ten times of what it takes without: a loop without an end is noticed too
SECONDS = 5
# of tests for one mutant, and of a test that is asked at all
BUDGET, SLOWEST = 30, 1
JOBS = 2


@dataclass(frozen=True, slots=True)
class Mutant:
    """``name`` has no line numbers, so that it outlives other changes; ``number`` is the node's in the module's tree, ``whole``."""

    module: str
    name: str
    lines: range
    at_import: bool
    whole: ast.Module
    number: int
    replacement: ast.AST | None

    def tree(self) -> ast.Module:
        changed = _Put(self.number, self.replacement).visit(copy.deepcopy(self.whole))
        return ast.fix_missing_locations(changed)


# --- making them

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.RShift: ast.LShift,
    ast.LShift: ast.RShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}


_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


def _replacements(node: ast.AST) -> Iterator[ast.AST | None]:
    """What is put in the node's place, one after another; None: the statement is left out."""
    match node:
        case ast.Compare():
            yield from _other_comparisons(node)
        case ast.BoolOp() | ast.UnaryOp() | ast.BinOp():
            yield from _other_operations(node)
        case ast.Constant():
            yield from _other_constants(node.value)
        case ast.Call(ast.Name(name), args, keywords) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name], ast.Load()), args, keywords)
        case _:
            yield from _other_ways(node)


def _other_comparisons(node: ast.Compare) -> Iterator[ast.AST]:
    for position, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            operators = [*node.ops[:position], other(), *node.ops[position + 1 :]]
            yield ast.Compare(node.left, operators, node.comparators)


def _other_operations(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
            for position in range(len(values)):
                rest = values[:position] + values[position + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            yield ast.BinOp(left, _OPERATORS[type(op)](), right)


def _other_constants(value: object) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int():
            yield ast.Constant(value + 1)
            if value:
                yield ast.Constant(value - 1)
        case bytes():
            yield ast.Constant(value + b"\1")


def _other_ways(node: ast.AST) -> Iterator[ast.AST | None]:
    match node:
        case ast.IfExp(_, body, other):
            yield body
            yield other
        case ast.If(_, statements, others):
            yield ast.If(ast.Constant(True), statements, others)
            yield ast.If(ast.Constant(False), statements, others)
        case ast.Raise() | ast.AugAssign() | ast.Expr(ast.Call()):
            yield None
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def _is_left_alone(parent: ast.AST, field: str, node: ast.AST) -> bool:
    """Annotations and decorators are for other tools, asserts and messages for people."""
    match parent, field:
        case _, "annotation" | "returns" | "decorator_list" | "msg":
            return True
        case ast.Raise(), "exc":
            return True
        case ast.AnnAssign(), "target":
            return True
    return isinstance(node, ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom)


def _nodes(node: ast.AST, scope: tuple[str, ...]) -> Iterator[tuple[ast.AST, tuple[str, ...]]]:
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_left_alone(node, field, child):
                continue
            named = isinstance(child, ast.FunctionDef | ast.ClassDef)
            inner = (*scope, child.name) if named else scope  # type: ignore[attr-defined]
            yield child, inner
            yield from _nodes(child, inner)


class _Put(ast.NodeTransformer):
    def __init__(self, number: int, replacement: ast.AST | None) -> None:
        self.number, self.replacement = number, replacement

    def visit(self, node: ast.AST) -> Any:
        if getattr(node, "number", None) == self.number:
            return ast.copy_location(self.replacement or ast.Pass(), node)
        return self.generic_visit(node)


def mutants_of(module: str) -> list[Mutant]:
    """All mutants of a module of the library."""
    path = ANCHOR / f"{module.replace('.', '/')}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[Mutant] = []
    names: Counter[str] = Counter()
    nodes = list(_nodes(tree, ()))
    for number, (node, _) in enumerate(nodes):
        node.number = number  # type: ignore[attr-defined]
    functions = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for number, (node, scope) in enumerate(nodes):
        for replacement in _replacements(node):
            before, after = _shown(node), "left out" if replacement is None else _shown(replacement)
            name = f"{module} {'.'.join(scope) or '-'}: {before} -> {after}"
            names[name] += 1
            if names[name] > 1:
                name += f" #{names[name]}"
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)  # type: ignore[attr-defined]
            if isinstance(node, ast.If):
                lines = range(node.lineno, node.test.end_lineno + 1)  # type: ignore[operator]
            found.append(Mutant(module, name, lines, node not in functions, tree, number, replacement))
    return found


def _shown(node: ast.AST) -> str:
    if isinstance(node, ast.If):
        return f"if {_shown(node.test)}"
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 120 else f"{text[:90]} ... {text[-25:]}"


# --- putting one into a process where the module is loaded


def functions_of_library() -> dict[str, list[FunctionType]]:
    """All functions that came from the library's files, by the file's path."""
    found: dict[str, list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(str(ANCHOR)):
            found[each.__code__.co_filename].append(each)
    return found


def put(mutant: Mutant, functions: dict[str, list[FunctionType]]) -> None:
    """Give the module's functions the mutant's code, or its constants other values, wherever they are known by name."""
    module = importlib.import_module(f"perdure_anchor.{mutant.module}")
    path = str(module.__file__)
    code = compile(mutant.tree(), path, "exec", dont_inherit=True)
    if mutant.at_import:
        _put_constants(module, code)
    codes = {(found.co_qualname, found.co_firstlineno): found for found in _codes(code)}
    for function in functions[path]:
        new = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
        if new is not None:
            function.__code__ = new


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _put_constants(module: ModuleType, code: CodeType) -> None:
    """Names that are bound in the module to something other than functions and classes."""
    values: dict[str, Any] = {"__name__": f"{module.__name__}_mutant", "__file__": module.__file__}
    sys.modules[values["__name__"]] = ModuleType(values["__name__"])
    exec(code, values)
    for name, new in values.items():
        old = getattr(module, name, None)
        for known, other in _functions_in(old, new):
            known.__defaults__, known.__kwdefaults__ = other.__defaults__, other.__kwdefaults__
        if name.startswith("__") or callable(new) or isinstance(new, ModuleType) or _equal(new, old):
            continue
        for other in list(sys.modules.values()):
            if _is_ours(other) and other.__dict__.get(name) is old:
                setattr(other, name, new)


def _functions_in(old: object, new: object) -> Iterator[tuple[FunctionType, FunctionType]]:
    """The function, or those of the class, with its counterpart that has other default values."""
    pairs = [(old, new)]
    if isinstance(new, type) and isinstance(old, type) and new.__module__.endswith("_mutant"):
        pairs = [(vars(old).get(name), function) for name, function in vars(new).items()]
    for known, other in pairs:
        if isinstance(known, FunctionType) and isinstance(other, FunctionType) and known is not other:
            yield known, other


def _is_ours(module: ModuleType) -> bool:
    """The library's modules, and the tests', which know its constants by name."""
    path = str(getattr(module, "__file__", None))
    return path.startswith((str(ANCHOR), str(TESTS)))


def _equal(new: object, old: object) -> bool:
    return bool(new == old)


# --- the tests


def paths_of(names: Sequence[str]) -> list[str]:
    """The test files of these names."""
    return [str(TESTS / "anchor" / f"test_{name}.py") for name in names]


@dataclass(slots=True)
class Reached:
    """What the tests did without any mutant: seconds of each, and which of them run a module's line."""

    seconds: dict[str, float]
    by_line: dict[tuple[str, int], set[str]]


class Runner:
    """A plugin for pytest: instead of running what was collected, it runs it against each mutant."""

    def __init__(self, modules: list[str], report: Callable[[str], None]) -> None:
        self.modules, self.report = modules, report
        self.survivors: list[str] = []
        self.names: set[str] = set()

    def pytest_configure(self) -> None:
        """The same examples for each mutant; imported here, since pytest wants to rewrite its assertions first."""
        from hypothesis import settings

        settings.register_profile("mutants", derandomize=True, database=None, deadline=None)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        reached = _reached(session, items)
        functions = functions_of_library()
        gc.freeze()  # or each process would copy everything only to see that nothing is garbage
        slowest = sorted(reached.seconds.items(), key=lambda entry: -entry[1])[:5]
        self.report("; ".join(f"{name.rpartition('/')[2]}: {seconds:.1f} s" for name, seconds in slowest))
        self.report(f"{len(items)} tests in {sum(reached.seconds.values()):.0f} s")
        for module in self.modules:
            began, mutants = time.monotonic(), mutants_of(module)
            self.names |= {mutant.name for mutant in mutants}
            survivors = self._survivors(session, items, reached, mutants, functions)
            self.survivors += survivors
            self.report(
                f"{module}: {len(mutants)} mutants, {len(survivors)} not noticed, {time.monotonic() - began:.0f} s"
            )
            for name in survivors:
                self.report(f"  {name}")
        return True

    def _survivors(
        self,
        session: pytest.Session,
        items: dict[str, pytest.Item],
        reached: Reached,
        mutants: list[Mutant],
        functions: dict[str, list[FunctionType]],
    ) -> list[str]:
        running: dict[int, tuple[Mutant, int]] = {}
        survivors: list[str] = []
        noticed: Counter[str] = Counter()
        for mutant in [*mutants, *[None] * JOBS]:
            if len(running) >= JOBS or (mutant is None and running):
                pid, status = os.wait()
                ended, pipe = running.pop(pid)
                noticed[_text_in(pipe)] += 1
                if os.waitstatus_to_exitcode(status) == 0:
                    survivors.append(ended.name)
            if mutant is None:
                continue
            chosen = _tests_of(mutant, items, reached, noticed)
            pipe, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                _judge(
                    session, chosen, reached.seconds, lambda mutant=mutant: put(mutant, functions), writing
                )
            os.close(writing)
            running[pid] = mutant, pipe
        return sorted(survivors)


def _text_in(pipe: int) -> str:
    text = os.read(pipe, 4096).decode()
    os.close(pipe)
    return text


def _tests_of(
    mutant: Mutant, items: dict[str, pytest.Item], reached: Reached, noticed: Counter[str]
) -> list[pytest.Item]:
    """The tests that run the mutant's lines, as the module says in which order, and no more of them than fit the budget."""
    if mutant.at_import:
        names = set(items)
    else:
        names = set().union(*(reached.by_line.get((mutant.module, line), set()) for line in mutant.lines))
    asked = [name for name in names if reached.seconds[name] <= SLOWEST]
    chosen, seconds = [], 0.0
    for name in sorted(asked, key=lambda name: (reached.seconds[name] / (1 + 20 * noticed[name]), name)):
        seconds += reached.seconds[name]
        if seconds > BUDGET:
            break
        chosen.append(items[name])
    return chosen


def _judge(
    session: pytest.Session,
    items: list[pytest.Item],
    seconds: dict[str, float],
    put_it: Callable[[], None],
    pipe: int,
) -> None:
    """In a process of its own: ends with 0 if no test fails, and otherwise writes which one did."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    _be_silent(session)
    try:
        put_it()
        for item in items:
            signal.alarm(SECONDS + int(10 * seconds[item.nodeid]))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                os.write(pipe, item.nodeid.encode())
                os._exit(1)
    except BaseException:  # noqa: BLE001  # the mutant ended the test in whatever way: it is noticed
        os._exit(1)
    os._exit(0)


def _be_silent(session: pytest.Session) -> None:
    session.config.pluginmanager.unregister(name="terminalreporter")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _reached(session: pytest.Session, items: dict[str, pytest.Item]) -> Reached:
    """Run all tests once, in processes of their own, so that nothing is remembered in this one."""
    seconds: dict[str, float] = {}
    by_line: dict[tuple[str, int], set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"reached-{share}.json" for share in range(JOBS)]
        for share, path in enumerate(paths):
            if os.fork() == 0:
                _be_silent(session)
                path.write_text(json.dumps(_measure(session, dict(list(items.items())[share::JOBS]))))
                os._exit(1 if session.testsfailed else 0)
        statuses = [os.wait()[1] for _ in paths]
        if any(statuses):
            raise SystemExit("the tests fail without any mutant")
        for path in paths:
            some_seconds, lines = json.loads(path.read_text())
            seconds |= some_seconds
            for name, module, line in lines:
                by_line[module, line].add(name)
    return Reached(seconds, by_line)


class _TooSlow(BaseException):
    """A test takes longer than any that is asked."""


def _stop_the_test(*_: object) -> None:
    raise _TooSlow


def _measure(session: pytest.Session, items: dict[str, pytest.Item]) -> tuple[Any, ...]:
    measured = coverage.Coverage(data_file=None, include=[f"{ANCHOR}/*"])
    seconds, lines = {}, []
    signal.signal(signal.SIGALRM, _stop_the_test)
    measured.start()
    for name, item in items.items():
        measured.switch_context(name)
        began, failed = time.monotonic(), session.testsfailed
        # Hypothesis would wait for ever for a lock that it held when it was stopped
        if not getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            signal.setitimer(signal.ITIMER_REAL, 2 * SLOWEST)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        seconds[name] = time.monotonic() - began
        if seconds[name] >= 2 * SLOWEST:
            session.testsfailed = failed
    measured.stop()
    data = measured.get_data()
    for path in data.measured_files():
        module = ".".join(Path(path).relative_to(ANCHOR).with_suffix("").parts)
        for line, names in data.contexts_by_lineno(path).items():
            lines += [(name, module, line) for name in names if name]
    return seconds, lines


# --- the command


def explained() -> dict[str, str]:
    """Mutants that change nothing that anybody could notice, each with the reason."""
    lines = [line for line in EXPLAINED.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return dict(line.split("  # ", 1) for line in lines)  # type: ignore[misc]


def main(arguments: list[str]) -> int:
    names = arguments.pop(0).partition("=")[2] if arguments and arguments[0].startswith("--tests=") else ""
    wanted = arguments or BY_DEFAULT
    known = {module for modules, _ in GROUPS for module in modules}
    if not known.issuperset(wanted):
        print(f"no such module: {', '.join(sorted(set(wanted) - known))}")
        return 2
    failed = 0
    for modules, tests in GROUPS:
        chosen = [module for module in modules if module in wanted]
        if chosen:
            failed += _in_a_process(
                lambda chosen=chosen, tests=tests: _run(chosen, names.split(",") if names else tests)
            )
    print(
        f"{failed} of the groups of modules left something unexplained"
        if failed
        else "nothing is left unexplained"
    )
    return 1 if failed else 0


def _in_a_process(job: Callable[[], int]) -> int:
    """pytest runs once in a process, since it does not forget what it imported."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = job()
        sys.stdout.flush()
        os._exit(code)
    return int(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0)


def _run(modules: list[str], tests: Sequence[str]) -> int:
    runner = Runner(modules, lambda line: print(line, flush=True))
    options = ["-qq", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--rootdir", str(TESTS.parent)]
    pytest.main([*options, *paths_of(tests)], plugins=[runner])
    reasons = explained()
    unexplained = [name for name in runner.survivors if name not in reasons]
    gone = [
        name
        for name in reasons
        if name.split()[0] in runner.modules and (name not in runner.names or name not in runner.survivors)
    ]
    print(
        f"{len(runner.names)} mutants, {len(runner.survivors)} not noticed, {len(unexplained)} of them not explained"
    )
    for name in unexplained:
        print(f"not explained: {name}")
    for name in gone:
        print(f"explained, but noticed or no mutant: {name}")
    return 1 if unexplained or gone or not runner.names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
