"""The package as others get it: complete, light to import, and working without what learns."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

import mindsight
from mindsight.envs import minds
from mindsight.envs.kernels import cache_folder

ROOT = Path(mindsight.__file__).parent

# What of the checkout is no part of the package
BESIDE = {"tests", "docs", "examples", "build", "dist", "runs"}


def run(*command, **options):
    """Run a command to its end; show what it said if it fails."""
    process = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
        **options,
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def folders_of_python():
    """The package's folders: all that hold Python files, as module names."""
    for folder, subfolders, files in os.walk(ROOT):
        subfolders[:] = [
            name
            for name in subfolders
            if not name.startswith((".", "_"))
            and not name.endswith(".egg-info")
            and not (Path(folder) == ROOT and name in BESIDE)
        ]
        if any(name.endswith(".py") for name in files):
            yield ".".join(("mindsight", *Path(folder).relative_to(ROOT).parts))


def test_every_folder_is_listed_as_a_package():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(folders_of_python())
    for package in listed:
        assert (ROOT.joinpath(*package.split(".")[1:]) / "__init__.py").exists(), package


def test_importing_mindsight_loads_nothing_heavy():
    heavy = ["torch", "stable_baselines3", "sb3_contrib", "pygame", "matplotlib", "imageio"]
    heavy += ["transformers", "openai"]
    heavy.append("numba.np.arraymath")  # what numba loads as soon as a kernel is called
    code = f"import sys, mindsight; print([name for name in {heavy} if name in sys.modules])"
    assert run(sys.executable, "-c", code).strip() == "[]"


def test_pygame_and_pygame_ce_are_not_both_installed():
    names = {distribution.name.lower() for distribution in distributions()}
    assert "pygame-ce" in names
    assert "pygame" not in names


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and source distribution, built from a copy of the checkout: (wheel, sdist)"""
    folder = tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "runs", "__pycache__", ".*_cache", ".hypothesis"
    )
    shutil.copytree(ROOT, folder / "checkout", ignore=ignored)
    # The build tools are those that `make` has installed: nothing is downloaded for this.
    build = (sys.executable, "-P", "-m", "build", "--no-isolation", "--outdir", folder / "dist")
    run(*build, folder / "checkout")
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_holds_the_package_and_nothing_else(built):
    held = {
        name
        for name in zipfile.ZipFile(built[0]).namelist()
        if not name.startswith(f"mindsight-{mindsight.__version__}.dist-info/")
    }
    expected = {"mindsight/py.typed"}
    for package in folders_of_python():
        folder = ROOT.joinpath(*package.split(".")[1:])
        expected |= {f"mindsight/{path.relative_to(ROOT)}" for path in folder.glob("*.py")}
    scenarios = (ROOT / "scenarios").rglob("*.yaml")
    expected |= {f"mindsight/{path.relative_to(ROOT)}" for path in scenarios}
    assert held == expected


def test_the_source_distribution_holds_what_make_test_needs(built):
    with tarfile.open(built[1]) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    tests = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")}
    assert {"Makefile", "constraints.txt", "pyproject.toml", "LICENSE", ".ci/run"} | tests <= held


STEP_SOME = """
import importlib.util
for missing in ("torch", "scipy"):
    assert importlib.util.find_spec(missing) is None
import mindsight
from importlib.metadata import version
assert version("mindsight") == mindsight.__version__
names = mindsight.list_environments()
for name in names:
    assert mindsight.describe(name)
    if name not in ("reach", "sally_anne_chat"):  # one of each family: all would take minutes
        continue
    env = mindsight.env(name)
    env.reset(seed=0)
    for _ in range(25):
        if not env.agents:
            env.reset()
        observation, reward, terminated, truncated, info = env.last()
        over = terminated or truncated
        assert env.observation_space(env.agent_selection).contains(observation)
        env.step(None if over else env.action_space(env.agent_selection).sample(info["action_mask"]))
    env.close()
print(len(names), "environments")

import numpy as np
from mindsight.envs.kernels import njit
from mindsight.envs.random import draw
@njit
def drawn(words):  # what is outside of the package is always compiled
    for k in range(words.shape[0]):
        words[k] = draw(7, k)
    return words.max()
assert drawn(np.zeros(5, np.uint64)) > 0
"""


@pytest.mark.slow  # half a minute: a virtual environment, an install, and two environments
def test_the_wheel_works_in_an_empty_environment_without_torch(built, tmp_path):
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--no-compile")
    run(*pip, "-c", ROOT / "constraints.txt", built[0])
    # It is given what was compiled here, and uses it if it has the very same sources. That these compile is
    # tested with every game; that for this nothing is needed beside numba, in test_kernels.py.
    (installed,) = (tmp_path / "venv").glob("lib/python*/site-packages/mindsight/envs")
    if kept := cache_folder(Path(minds.__file__)):
        shutil.copytree(kept.parent, installed / "__pycache__" / "kernels", dirs_exist_ok=True)
    report = run(python, "-c", STEP_SOME, cwd=tmp_path)
    assert int(report.split()[0]) == len(mindsight.list_environments()) > 0
