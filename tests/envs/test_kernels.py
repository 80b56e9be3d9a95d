"""The disk cache of compiled kernels: it saves time, and never gives an answer of its own.

Each test works on a small package of its own round a copy of `envs/kernels.py`, in processes of its
own, with a home and a temporary folder of its own.
"""

import ast
import json
import os
from pathlib import Path

import pytest
from forks import Forks

import mindsight.envs.kernels
from mindsight.envs.kernels import njit

HELPER = """
from .kernels import njit
from .constants import BONUS

@njit
def value(x):
    return x + BONUS
"""

RULES = """
from . import helper
from .kernels import njit

@njit
def step(x):
    return 10 * helper.value(x)

@njit(inline="always")
def double(x):
    return x + x

def adder(amount):
    @njit
    def add(x):
        return x + amount
    return add
"""


class Package:
    """A package `copied` with kernels, and what surrounds it on a machine."""

    def __init__(self, folder: Path, forks: Forks) -> None:
        self.forks, self.started = forks, 0
        self.envs = folder / "site" / "copied" / "envs"
        self.envs.mkdir(parents=True)
        self.home = folder / "home"
        self.home.mkdir()
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.write("__init__.py", "")
        self.write("../__init__.py", "")
        self.write("kernels.py", Path(mindsight.envs.kernels.__file__).read_text())
        self.write("constants.py", "BONUS = 1\n")
        self.write("helper.py", HELPER)
        self.write("rules.py", RULES)

    def write(self, name: str, content: str) -> None:
        (self.envs / name).write_text(content)

    def start(self, code: str, **variables: str) -> tuple[int, Path]:
        """A process that prints `result` of `code` and how `step` came by its code; and into which file."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("NUMBA_", "XDG_", "MINDSIGHT_"))
        }
        environment |= {"HOME": str(self.home), "TMPDIR": str(self.temporary)}
        self.started += 1
        said = self.temporary.parent / f"said-{self.started}"
        # Python's own bytecode cache goes by whole seconds; tests edit faster than that.
        lines = (
            "import json, os, sys",
            "sys.dont_write_bytecode = True",
            f"os.environ.clear(); os.environ.update({environment | variables})",
            "import numba; numba.core.config.reload_config()",  # it has read another environment
            f"sys.path.insert(0, {str(self.envs.parent.parent)!r})",
            "from copied.envs import rules",
            code,
            "stats = rules.step.stats",
            "print(json.dumps({'result': result, 'hits': sum(stats.cache_hits.values()),"
            " 'misses': sum(stats.cache_misses.values()), 'folder': stats.cache_path}))",
        )
        return self.forks.start("\n".join(lines), said, said.with_suffix(".errors")), said

    def finish(self, process: tuple[int, Path]) -> dict:
        number, said = process
        code, errors = self.forks.wait(number), said.with_suffix(".errors").read_text()
        assert code == 0, errors
        assert not errors
        return json.loads(said.read_text())

    def run(self, code: str = "result = rules.step(4)", **variables: str) -> dict:
        return self.finish(self.start(code, **variables))

    def lock(self) -> None:
        """A read-only installation: a file in the folder's place, as root may write anywhere."""
        (self.envs / "__pycache__").write_text("")

    @property
    def stamps(self) -> set[Path]:
        """The folders of `rules.py`."""
        return set((self.envs / "__pycache__" / "kernels").glob("rules-*"))

    @property
    def kept(self) -> list[Path]:
        return sorted(self.envs.parents[2].rglob("*.nbc"))


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    """Processes that have imported numba: half of what each of them would take."""
    with Forks("import numba", tmp_path_factory.mktemp("forks")) as found:
        yield found


@pytest.fixture
def package(tmp_path, forks):
    return Package(tmp_path, forks)


def test_a_second_process_compiles_nothing(package):
    first = package.run()
    assert first["result"] == 50
    assert (first["hits"], first["misses"]) == (0, 1)
    assert Path(first["folder"]).parent == package.envs / "__pycache__" / "kernels"
    second = package.run()
    assert second["result"] == 50
    assert (second["hits"], second["misses"]) == (1, 0)


def test_importing_compiles_and_opens_nothing(package):
    report = (
        "import os; result = [os.path.exists(rules.__file__ + '/../__pycache__'), bool(rules.step.overloads)]"
    )
    assert package.run(report)["result"] == [False, False]


def test_an_edited_helper_in_another_file_is_seen(package):
    assert package.run()["result"] == 50
    package.write("helper.py", HELPER.replace("x + BONUS", "x + 2 * BONUS"))
    edited = package.run()
    assert (edited["result"], edited["misses"]) == (60, 1)


def test_an_edited_constant_in_a_file_without_kernels_is_seen(package):
    assert package.run()["result"] == 50
    package.write("constants.py", "BONUS = 7\n")
    assert package.run()["result"] == 110


def test_a_file_that_goes_into_nothing_costs_nothing(package):
    package.run()
    package.write("other.py", "from .rules import step\n")
    assert package.run()["misses"] == 0


@pytest.mark.parametrize(
    "line",
    [
        "from .grid.numbers import BONUS",
        "from .grid import numbers; BONUS = numbers.BONUS",
        "from .grid import BONUS",
        "from .grid.deep import BONUS",
        "try:\n    from .grid.numbers import BONUS\nexcept ImportError:\n    BONUS = 1",
    ],
)
def test_however_a_constant_is_imported_its_edit_is_seen(package, line):
    for folder in ("grid", "grid/deep"):
        (package.envs / folder).mkdir()
    package.write("grid/__init__.py", "from .numbers import BONUS\n")
    package.write("grid/deep/__init__.py", "from ..numbers import BONUS\n")
    package.write("constants.py", line + "\n")
    folders = set()
    for bonus in (1, 2):
        package.write("grid/numbers.py", f"BONUS = {bonus}\n")
        folders.add(
            package.run("result = 0")["folder"]
        )  # nothing is compiled: it says where it would be kept
    assert len(folders) == 2


def test_going_back_to_older_sources_compiles_nothing_and_old_ones_are_cleaned_away(package):
    package.run()
    package.write("constants.py", "BONUS = 2\n")
    package.run()
    package.write("constants.py", "BONUS = 1\n")
    back = package.run()
    assert (back["result"], back["hits"]) == (50, 1)
    for bonus in (3, 4, 5):
        package.write("constants.py", f"BONUS = {bonus}\n")
        latest = package.run()
        assert latest["result"] == 10 * (4 + bonus)
    assert len(package.stamps) == 3
    assert Path(latest["folder"]) in package.stamps


def test_a_package_that_was_moved_compiles_nothing_anew(package):
    """A checkout that gets another name, an image that is given what was compiled elsewhere."""
    package.run()
    moved = package.envs.parents[1].rename(package.envs.parents[2] / "elsewhere") / "copied" / "envs"
    package.envs = moved
    again = package.run()
    assert (again["result"], again["hits"], again["misses"]) == (50, 1, 0)
    assert Path(again["folder"]).is_relative_to(moved)
    package.write("helper.py", HELPER.replace("x + BONUS", "x + 2 * BONUS"))
    assert package.run()["result"] == 60


def test_a_process_whose_sources_change_under_it_keeps_away_from_the_disk(package):
    edit = "open(rules.helper.__file__, 'a').write('# edited'); result = rules.step(4)"
    assert package.run(edit)["result"] == 50
    assert not package.kept


def test_a_damaged_file_is_compiled_anew_and_replaced(package):
    package.run()
    for damage in (b"", b"\x80nonsense"):
        for file in package.kept:
            file.write_bytes(damage)
        damaged = package.run()
        assert (damaged["result"], damaged["misses"]) == (50, 1)
        assert package.run()["hits"] == 1


def test_same_names_on_the_same_lines_of_two_files_are_told_apart(package):
    for folder, factor in (("one", 2), ("two", 3)):
        (package.envs / folder).mkdir()
        package.write(f"{folder}/__init__.py", "")
        kernel = "from ..kernels import njit\n@njit\ndef scale(x):\n    return x * " + str(factor)
        package.write(f"{folder}/rules.py", kernel)
    code = (
        "import copied.envs.one.rules as one, copied.envs.two.rules as two\n"
        "result = [one.scale(5), two.scale(5)]"
    )
    assert package.run(code)["result"] == [10, 15]
    assert package.run(code)["result"] == [10, 15]


def test_functions_from_one_closure_are_told_apart(package):
    code = "result = [rules.adder(amount)(1) for amount in (1, 2)]"
    assert package.run(code)["result"] == [2, 3]
    assert package.run(code.replace("(1, 2)", "(2, 1)"))["result"] == [3, 2]


def test_processes_that_compile_at_the_same_time(package):
    arguments = ["4", "4.0", "4", "4.0"]
    running = [package.start(f"result = rules.step({argument})") for argument in arguments]
    assert [package.finish(process)["result"] for process in running] == [50, 50.0, 50, 50.0]
    for argument in arguments:
        warm = package.run(f"result = rules.step({argument})")
        assert (warm["result"], warm["hits"]) == (50, 1)


def test_other_switches_of_numba_make_other_code(package):
    package.run()
    checked = package.run(NUMBA_BOUNDSCHECK="1")
    assert (checked["result"], checked["misses"]) == (50, 1)


# --- where nothing, or little, can be written


def test_a_read_only_package_uses_the_users_cache(package):
    package.lock()
    first = package.run()
    folder = Path(first["folder"])
    assert first["result"] == 50
    assert package.home / ".cache" / "mindsight" == folder.parents[1]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert package.run()["hits"] == 1


def test_the_users_cache_may_be_elsewhere(package, tmp_path):
    package.lock()
    report = package.run(XDG_CACHE_HOME=str(tmp_path / "caches"))
    assert Path(report["folder"]).is_relative_to(tmp_path / "caches" / "mindsight")


def test_without_a_home_a_private_folder_is_used(package):
    package.lock()
    package.home.rmdir()
    package.home.write_text("")
    first = package.run()
    assert first["result"] == 50
    assert Path(first["folder"]).is_relative_to(package.temporary)
    assert Path(first["folder"]).parents[1].stat().st_mode & 0o777 == 0o700
    assert package.run()["hits"] == 1


def test_where_nothing_can_be_written_kernels_live_in_memory(package):
    package.lock()
    package.home.rmdir()
    package.home.write_text("")
    nowhere = f"import tempfile; tempfile.tempdir = {str(package.home)!r}\n"
    report = package.run(nowhere + "result = rules.step(4)")
    assert (report["result"], report["folder"]) == (50, None)
    assert not package.kept


def test_the_variable_overrides(package, tmp_path):
    chosen = tmp_path / "chosen"
    report = package.run(MINDSIGHT_CACHE_DIR=str(chosen))
    assert Path(report["folder"]).is_relative_to(chosen)
    assert package.run(MINDSIGHT_CACHE_DIR=str(chosen))["hits"] == 1
    assert not package.stamps


def test_the_variable_can_turn_the_disk_off(package):
    report = package.run(MINDSIGHT_CACHE_DIR="/dev/null")
    assert (report["result"], report["folder"]) == (50, None)
    assert not package.kept


# --- what others could put in our way: a cache is code


def private_folder(package) -> Path:
    package.lock()
    package.home.rmdir()
    package.home.write_text("")
    return package.temporary / f"mindsight-{os.getuid()}"


def test_a_private_folder_of_another_user_is_refused(package):
    private_folder(package).mkdir(mode=0o700)
    other_user = "import os; user = os.geteuid(); os.geteuid = lambda: user + 1\n"
    report = package.run(other_user + "result = rules.step(4)")
    assert (report["result"], report["folder"]) == (50, None)
    assert not package.kept


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_private_folder_really_given_away_is_refused(package):
    folder = private_folder(package)
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    report = package.run()
    assert (report["result"], report["folder"]) == (50, None)


def test_a_private_folder_open_to_others_is_refused(package):
    folder = private_folder(package)
    folder.mkdir()
    folder.chmod(0o777)
    report = package.run()
    assert (report["result"], report["folder"]) == (50, None)


def test_a_link_in_the_place_of_the_private_folder_is_refused(package, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    private_folder(package).symlink_to(tmp_path / "elsewhere")
    report = package.run()
    assert (report["result"], report["folder"]) == (50, None)


# --- the decorator itself


def test_a_function_outside_the_package_is_compiled_and_not_kept():
    @njit
    def triple(x):
        return 3 * x

    assert triple(5) == 15
    assert triple.stats.cache_path is None
    assert triple.targetoptions["nogil"]


def test_options_reach_numba():
    @njit(inline="always", nogil=False)
    def triple(x):
        return 3 * x

    assert triple.targetoptions["inline"] == "always"
    assert not triple.targetoptions["nogil"]
    with pytest.raises(TypeError, match="cache"):
        njit(cache=True)


RECORDS = """
import numpy as np
from .kernels import njit

NARROW = np.dtype([("pad", "i8", (2,)), ("last", "i8")], align=True)
WIDE = np.dtype([("pad", "i8", (50,)), ("last", "i8")], align=True)

@njit
def read(w):
    return w.last

@njit
def total(worlds):
    found = 0
    for i in range(worlds.shape[0]):
        found += read(worlds[i])
    return found

def asked(dtype):
    worlds = np.zeros(3, dtype)
    worlds["pad"] = 1000
    worlds["last"] = 7
    return int(total(worlds))
"""


def test_code_for_two_records_from_two_processes_is_told_apart(package):
    """numba numbers records in each process, and both processes call theirs the first. Loaded together, code
    of one name is linked as if it were one: so no two may share a name."""
    package.write("records.py", RECORDS)
    load = "from copied.envs import records\n"
    for name in ("NARROW", "WIDE"):
        assert package.run(f"{load}result = records.asked(records.{name})")["result"] == 21
    names = "[overload.fndesc.mangled_name for overload in records.total.overloads.values()]"
    for one, other in (("NARROW", "WIDE"), ("WIDE", "NARROW")):
        both = f"records.asked(records.{one}), records.asked(records.{other})"
        found = package.run(f"{load}result = [{both}, *{names}]")["result"]
        assert found[:2] == [21, 21]
        assert len(set(found[2:])) == 2, found


def test_our_own_sources_import_each_other_by_relative_imports_alone():
    """The stamp follows those; an absolute one would be missed."""
    package = mindsight.__name__
    for file in Path(mindsight.envs.kernels.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module)
            assert not any(name.split(".")[0] == package for name in names), (file, names)


def test_our_own_kernels_compile_without_scipy():
    """It is no dependency, but may be here: numba asks for it where matrices are multiplied or solved."""
    for file in Path(mindsight.envs.kernels.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not isinstance(node, ast.MatMult), file
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("linalg", "dot", "vdot", "matmul", "roots"), (file, node.lineno)
