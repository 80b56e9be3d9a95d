"""Compiled functions whose machine code is kept on disk, soundly.

`njit` here is numba's, with the GIL released and with another disk cache. numba's own cache
(`cache=True`) will not do for a package of kernels that call each other, for two reasons. It looks
only at the file of the outermost function: edit a helper in another file, and the old machine code
goes on running. And where neither the package nor the home folder can be written, it raises at
import.

So every compiled function gets a cache of ours, hung on that function alone (no numba setting is
touched). What it keeps is stamped with a hash of its source file and of *every* file under `envs/`
that this one imports, that those import, and so on: helpers and constants are compiled into their
callers, so any of these files may have gone into the machine code. Editing the file of a game costs
the compilation of that game, editing an engine that of all; missing an edit would cost a day. Three
habits follow: whatever a kernel uses, constants included, lives under `envs/`; it is imported by a
relative import that stands outside of functions; and it does not depend on settings read at run
time, since globals are frozen when a kernel is compiled.

The folder is found when something is first compiled, in this order:

1. `$MINDSIGHT_CACHE_DIR`, if set; then no other folder is tried. `/dev/null` turns the disk off.
2. `envs/__pycache__/kernels` in the package itself.
3. `$XDG_CACHE_HOME/mindsight`, or `~/.cache/mindsight`.
4. A private folder in the system's temporary folder.
5. None: the machine code lives as long as the process.

Reading a cache means running what is in it, so folders outside the package are used only if they
belong to us and nobody else can write to them.

Functions defined outside the package are compiled but not kept: which files went into them is not
known here.
"""

import ast
import hashlib
import os
import pickle
import stat
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numba
import numpy as np
from llvmlite import ir
from numba.core import config, types
from numba.core.bytecode import FunctionIdentity
from numba.core.compiler import Compiler, CompileResult
from numba.core.serialize import dumps
from numba.core.untyped_passes import ExtractByteCode
from numba.extending import intrinsic

__all__ = ["CACHE_VARIABLE", "cache_folder", "njit", "trailing_zeros", "whole"]

CACHE_VARIABLE = "MINDSIGHT_CACHE_DIR"

_SOURCES = Path(__file__).resolve().parent  # of the kernels: the folder `envs/`
_STAMP_LENGTH = 20  # hexadecimal digits
_STAMPS_KEPT = 3  # of a file: going back and forth between two branches compiles nothing anew

if TYPE_CHECKING:

    def whole(value: Any) -> int:
        """A number of a record as a whole number (int64) of a kernel."""
        ...
else:
    # numba makes a float of what may be unsigned or signed: numbers out of records are cast
    whole = np.int64


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(_context: Any, word: Any) -> Any:
    """The number of a word's lowest set bit, in kernels: of a uint64 that is not 0, as int64."""
    if word != types.uint64:
        return None  # numba then says that there is no such function of this type

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


_Function = TypeVar("_Function", bound=Callable[..., Any])
_Snapshot = dict[str, tuple[int, int]]


@overload
def njit(function: _Function, /) -> _Function: ...


@overload
def njit(
    *, inline: Literal["always", "never"] = "never", **options: Any
) -> Callable[[_Function], _Function]: ...


def njit(function: Any = None, /, **options: Any) -> Any:
    """Compile a function to machine code at its first call, and keep the code on disk.

    Used as `@njit` or `@njit(inline="always")`; `options` are those of `numba.njit`. Nothing is
    compiled and no file is opened at import. The GIL is released while a kernel runs, so that two
    halves of a batch can be stepped by two threads.
    """
    if "cache" in options:
        raise TypeError("njit: cache= is not an option here, the cache is always on")
    decorate = numba.njit(**{"nogil": True, "no_cfunc_wrapper": True, "pipeline_class": _Named, **options})

    def with_cache(python_function: Any) -> Any:
        dispatcher = decorate(python_function)
        if dispatcher is not python_function:  # it is, under NUMBA_DISABLE_JIT=1
            dispatcher._cache = _KernelCache(python_function)
            _widen(dispatcher)
        return dispatcher

    return with_cache if function is None else with_cache(function)


class _Named(Compiler):  # type: ignore[misc]
    """Compiles a function under a name that tells all that went into it.

    In the names of compiled functions numba calls a record by a number that it counts in each process,
    and a function by another: two processes can give one name to the same function of two records (beliefs
    of order 2 and of order 4, say). Kept on disk and loaded together, one of the two is then linked
    where the other belongs, and runs over memory that is not its own. So names hold a hash of the
    types and of what the function closes over, too.
    """

    def compile_extra(self, func: Any) -> Any:
        identity = FunctionIdentity.from_function(func)
        cells = tuple(cell.cell_contents for cell in func.__closure__ or ())
        place = f"{_place(Path(identity.filename))}:{identity.firstlineno}"
        told = _digest(repr((place, self.state.args)).encode() + (dumps(cells) if cells else b""))
        identity.unique_id = f"{identity.unique_id}x{told[:20]}"
        self.state.func_id = identity
        # from here on as numba's own
        ExtractByteCode().run_pass(self.state)
        self.state.lifted = ()
        self.state.lifted_from = None
        return self._compile_bytecode()


def _widen(dispatcher: Any) -> None:
    """Make kernels see whole numbers that other kernels pass as int64.

    numba compiles a function anew for every type of argument, and to it 3, 4, a uint8 and an int16
    are four types. Between our kernels all of these are just whole numbers: widened, each function
    is compiled once, which halved the cold start of a game. uint64 (words of bits) stays.
    """
    template = dispatcher.get_call_template

    def widened(arguments: Any, keywords: Any) -> Any:
        return template(tuple(map(_wide, arguments)), {k: _wide(v) for k, v in keywords.items()})

    dispatcher.get_call_template = widened


def _wide(kind: Any) -> Any:
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) and kind is not types.uint64 else kind


class _KernelCache:
    """The disk cache of one compiled function; stands where numba has its own `FunctionCache`.

    Each entry is a file of its own, named after what was compiled. (numba keeps an index file per
    function; two processes that compile two signatures at the same moment can end up with one's
    index pointing to the other's code.) Whatever goes wrong with a file, the function is compiled
    as if it were not there: a cache may cost time but never an answer.
    """

    def __init__(self, python_function: Any) -> None:
        code = python_function.__code__
        self._function = python_function
        self._path = Path(code.co_filename).resolve()
        self._enabled = _SOURCES in self._path.parents
        # Two files may define functions of one name on one line: the path is part of the name.
        place = f"{_place(self._path)}:{code.co_firstlineno}"
        name = python_function.__qualname__.replace("<", "").replace(">", "")
        self._name = f"{self._path.stem}.{name}-{_digest(place.encode())[:8]}"

    # --- what numba's dispatcher calls

    @property
    def cache_path(self) -> str | None:
        folder = cache_folder(self._path) if self._enabled else None
        return None if folder is None else str(folder)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The machine code for a signature (a tuple of numba types), or None."""
        target_context.refresh()
        key = self._key(signature, target_context.codegen())
        file = self._file(key)
        if file is None:
            return None
        try:
            kept_key, payload = pickle.loads(file.read_bytes())
            if kept_key != key:
                return None
            return CompileResult._rebuild(target_context, *payload)
        except Exception:  # not there, cut short, or pickled by something else: compile
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the machine code, if it can be kept."""
        if any(not lifted.can_cache for lifted in result.lifted):
            return
        if result.library.has_dynamic_globals:  # addresses of this process are in the code
            return
        key = self._key(signature, result.codegen)
        file = self._file(key)
        if file is None:
            return
        try:
            content = dumps((key, result._reduce()))
            with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as part:
                try:
                    part.write(content)
                    part.close()
                    os.replace(part.name, file)  # readers see the whole file or none
                except BaseException:
                    os.unlink(part.name)
                    raise
        except Exception:  # the disk is full, say: the machine code is there all the same
            self._enabled = False

    def enable(self) -> None:
        self._enabled = _SOURCES in self._path.parents

    def disable(self) -> None:
        self._enabled = False

    def flush(self) -> None:
        """Forget what is kept of this function."""
        folder = cache_folder(self._path)
        if folder is not None:
            for file in folder.glob(f"{self._name}.*.nbc"):
                file.unlink(missing_ok=True)

    # --- ours

    def _key(self, signature: Any, codegen: Any) -> Any:
        """All that the machine code depends on besides the sources; comparable and picklable."""
        closure = self._function.__closure__
        return (
            numba.__version__,
            signature,
            codegen.magic_tuple(),  # processor and its features
            # numba's switches that change code but not sources
            (repr(config.OPT), config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT),
            # One `def` can make many functions: told apart by their code and what they close over.
            _digest(self._function.__code__.co_code),
            b"" if closure is None else dumps(tuple(cell.cell_contents for cell in closure)),
        )

    def _file(self, key: Any) -> Path | None:
        """Where the entry for a key is or would be; None where nothing is to be read or written."""
        if not self._enabled:
            return None
        folder = cache_folder(self._path)
        if folder is None or _snapshot() != _SNAPSHOT:
            # The sources were edited after this process started. What it has loaded may be neither
            # the old nor the new state: keep it away from the disk.
            return None
        return folder / f"{self._name}.{_digest(repr(key).encode())[:16]}.nbc"


# --- the sources: what the stamp is made from


def _snapshot() -> _Snapshot:
    """Time and size of every source file of the kernels: 0.1 ms, no file is opened."""

    def walk(folder: str) -> Iterator[tuple[str, tuple[int, int]]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    if not entry.name.startswith(("_", ".")):  # __pycache__
                        yield from walk(entry.path)
                elif entry.name.endswith(".py"):
                    about = entry.stat()
                    yield entry.path, (about.st_mtime_ns, about.st_size)

    try:
        return dict(walk(str(_SOURCES)))
    except OSError:  # imported from a zip file: there is no such folder
        return {}


# Taken at import, so before any kernel's file is imported (they all import this one): if it still
# holds when something is compiled, then what is compiled is what lies on disk.
_SNAPSHOT = _snapshot()


@cache
def _imported(path: Path) -> frozenset[Path]:
    """The sources that a source imports when it is imported itself."""
    found: set[Path] = set()
    todo: list[ast.stmt] = list(ast.parse(path.read_bytes()).body)
    while todo:
        statement = todo.pop()
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue  # runs later: no kernel's globals come from there
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            todo += statement.orelse
            continue
        if isinstance(statement, ast.ImportFrom) and statement.level:
            place = path.parents[statement.level - 1].joinpath(*(statement.module or "").split("."))
            for name in statement.names:
                # a module, a module of a package, or what a package has in its __init__.py
                tried = [place / f"{name.name}.py", place / name.name / "__init__.py", place / "__init__.py"]
                if statement.module:
                    tried.insert(0, place.with_suffix(".py"))
                found |= set([file for file in tried if str(file) in _SNAPSHOT][:1])
        todo += [part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.stmt)]
    return frozenset(found)


@cache
def _stamp(path: Path) -> str:
    """A hash of a source and of all that goes into it, computed once, when something in it is compiled."""
    sources, todo = {path}, [path]
    while todo:
        new = _imported(todo.pop()) - sources
        sources |= new
        todo += new
    hasher = hashlib.sha256()
    for source in sorted(sources):
        hasher.update(os.path.relpath(source, _SOURCES).encode() + b"\0")
        hasher.update(hashlib.sha256(source.read_bytes()).digest())
    return hasher.hexdigest()[:_STAMP_LENGTH]


def _place(path: Path) -> str:
    """What names call a source by: where it lies in the package, so that machine code of the same sources is
    found again when a checkout is moved, or copied into an image with what it has compiled."""
    path = path.resolve()
    return path.relative_to(_SOURCES).as_posix() if _SOURCES in path.parents else str(path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- the folder


@cache
def cache_folder(path: Path) -> Path | None:
    """The folder where this process keeps machine code of a source, made if need be; None for memory only."""
    if str(path) not in _SNAPSHOT:
        return None
    try:
        stamp = f"{_module(path)}-{_stamp(path)}"
    except OSError:
        return None
    for base, parts, checked in _places():
        folder = _prepare(base, (*parts, stamp), checked)
        if folder is not None:
            return folder
    return None


def _module(path: Path) -> str:
    return ".".join(path.relative_to(_SOURCES).with_suffix("").parts)


def _places() -> Iterator[tuple[Path, tuple[str, ...], bool]]:
    """In order: a folder, ours within it, and whether nobody else may write to ours."""
    # Several installations share the folders outside the package: each gets a subfolder.
    own = f"{_SOURCES.parent.name}-{_digest(str(_SOURCES).encode())[:12]}"
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        yield Path(chosen), (own,), True
        return
    yield _SOURCES, ("__pycache__", "kernels"), False  # as trusted as the sources beside it
    if caches := os.environ.get("XDG_CACHE_HOME"):
        yield Path(caches), ("mindsight", own), True
    elif os.path.isdir(home := os.path.expanduser("~")):
        yield Path(home, ".cache"), ("mindsight", own), True
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    try:
        yield Path(tempfile.gettempdir()), (f"mindsight-{user}", own), True
    except OSError:  # there is no writable folder at all
        return


def _prepare(base: Path, parts: tuple[str, ...], checked: bool) -> Path | None:
    """The folder `base/*parts`, made if need be; None if it cannot be used."""
    folder = base
    try:
        base.mkdir(parents=True, exist_ok=True)
        for part in parts:
            folder = folder / part
            folder.mkdir(mode=0o700 if checked else 0o777, exist_ok=True)
            # Looked at one by one: who owns a folder can exchange what is in it.
            if checked and not _is_ours_alone(folder):
                return None
        tempfile.TemporaryFile(dir=folder).close()  # can it be written?
        os.utime(folder)  # used just now, so the last to be cleaned away
        _clean(folder)
    except OSError:
        return None
    return folder


def _is_ours_alone(folder: Path) -> bool:
    """Whether a folder is really one (no link), ours, and closed to the pens of others."""
    about = os.lstat(folder)
    if not stat.S_ISDIR(about.st_mode):
        return False
    if not hasattr(os, "geteuid"):  # Windows: the folders tried are private to the user there
        return True
    return about.st_uid == os.geteuid() and not about.st_mode & 0o022


def _clean(folder: Path) -> None:
    """Remove what was compiled from a source as it was long ago: all its stamps but the latest few."""
    module = folder.name[:-_STAMP_LENGTH]
    with os.scandir(folder.parent) as entries:
        stamps = [
            entry
            for entry in entries
            if entry.name[:-_STAMP_LENGTH] == module and entry.is_dir(follow_symlinks=False)
        ]
    stamps.sort(key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    for old in stamps[_STAMPS_KEPT:]:
        with os.scandir(old.path) as files:  # another process may clean up, too
            for file in files:
                os.unlink(file.path)
        os.rmdir(old.path)
