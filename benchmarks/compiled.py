"""What mypyc makes of the hot rooms: which modules it compiles as they are, and how many more steps a second that gives.

Copies the packages to a folder in the layout in which they are installed, compiles the modules that a run spends its time in, and measures
steps per CPU second there and in an equal copy that stays Python, in turns. A module that mypyc refuses, or that fails when it is imported
after it was compiled, is left as it is and listed with the reason. The figures are in docs/decisions/0019-mypyc.md.

    python benchmarks/compiled.py [--folder DIR] [--rounds N] [--skip model/consumer.py]...
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROOMS = ("model", "properties", "systems", "search", "reports")
HOT = (
    "model/client.py",
    "model/consumer.py",
    "model/datastore.py",
    "model/log.py",
    "model/process.py",
    "model/snapshot.py",
    "model/context.py",
    "properties/property.py",
    "properties/oracle.py",
    "properties/log/durability.py",
    "properties/log/identity.py",
    "properties/log/visibility.py",
    "properties/log/reachability.py",
    "properties/updates/decisions.py",
    "properties/updates/views.py",
    "properties/consumers/effects.py",
    "properties/consumers/replay.py",
    "properties/consumers/snapshots.py",
    "properties/consumers/cache.py",
    "properties/consumers/convergence.py",
    "systems/deployment.py",
    "systems/observer.py",
)
"""Where a run spends its time: the parts of the reference system, the folds of the properties, and what drives them. Not the values
(`event`, `record`, `action`, `expectation`): they are msgspec Structs, which are written in C already."""

SETUP = """
from mypyc.build import mypycify
from setuptools import setup
setup(name="compiled", packages=[], ext_modules=mypycify(["--config-file", "mypy.ini", *{files!r}], opt_level="3", separate=True))
"""

MEASURE = """
import gc, random, time
from refold.properties.suite import checker
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import undisturbed
from refold.systems.reference import Reference
system = Reference()
gc.freeze()
for name, make in EXAMPLES.items():
    application = make()
    menu = system.menu(application)
    generator = random.Random(7)
    plans = [menu.decode(generator.randbytes(menu.length(192))) for _ in range(300)]
    steps = 0
    started = time.process_time()
    with undisturbed():
        for plan in plans:
            judge = checker(application)
            deployment = system.open(application, judge.recorder([]))
            for action in plan:
                steps += deployment.perform(action)
            deployment.settle()
            deployment.close()
            assert not judge.finish()
    print(name, steps, steps / (time.process_time() - started))
"""


def lay_out(folder: pathlib.Path) -> pathlib.Path:
    """A copy of the packages as they are installed."""
    place = folder / "refold"
    shutil.copytree(ROOT / "refold", place)
    for room in ROOMS:
        shutil.copytree(ROOT / room, place / room, ignore=shutil.ignore_patterns("__pycache__", "generated"))
    (folder / "mypy.ini").write_text("[mypy]\nignore_missing_imports = True\nfollow_imports = silent\n")
    return folder


def opened(place: pathlib.Path) -> None:
    """Mark every class of the hot modules as one that Python classes may inherit from: the smallest change to the code that mypyc needs,
    because a broken system is one overridden method of one part, and a property one subclass."""
    for name in HOT:
        path = place / "refold" / name
        text = path.read_text(encoding="utf-8")
        text = re.sub(
            r"^((?:@.*\n)*class )", r"@mypyc_attr(allow_interpreted_subclasses=True)\n\1", text, flags=re.MULTILINE
        )
        beginning = "from __future__ import annotations\n"
        path.write_text(
            text.replace(beginning, beginning + "from mypy_extensions import mypyc_attr\n", 1), encoding="utf-8"
        )


def run(place: pathlib.Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in that folder, where `refold` is the copy."""
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONSAFEPATH": "1", "MYPYPATH": str(place)}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def compiled(place: pathlib.Path, skipped: set[str]) -> dict[str, str]:
    """Compile what can be; the refused modules with the first line that says why."""
    files = {f"refold/{name}" for name in HOT if (place / "refold" / name).exists() and name not in skipped}
    refused: dict[str, str] = {}
    while files:
        (place / "setup.py").write_text(SETUP.format(files=sorted(files)))
        done = run(place, sys.executable, "setup.py", "-q", "build_ext", "--inplace")
        said = done.stdout + done.stderr
        if not done.returncode:
            failing = imported(place)
            if failing is None:
                return refused
            said = failing
        blamed = {name: line for name in files for line in said.splitlines() if name in line and "note:" not in line}
        if "cannot inherit from compiled" in said and not blamed:
            opened(place)
            print("classes written in Python cannot inherit from compiled ones: marked them in the copy")
            clean(place)
            continue
        if not blamed:
            sys.exit(
                f"it fails when it is used, and the error blames none of the compiled modules; leave one out with --skip.\n"
                f"refused until then: {refused}\n{said[-4000:]}"
            )
        refused |= blamed
        files -= blamed.keys()
        clean(place)
    return refused


def clean(place: pathlib.Path) -> None:
    """Remove what was compiled."""
    for artefact in [*place.rglob("*.so"), place / "build"]:
        if artefact.is_dir():
            shutil.rmtree(artefact)
        else:
            artefact.unlink(missing_ok=True)


def imported(place: pathlib.Path) -> str | None:
    """What goes wrong when the copy is used: None, or the traceback."""
    done = run(place, sys.executable, "-c", MEASURE)
    return done.stderr if done.returncode else None


def rates(place: pathlib.Path) -> dict[str, float]:
    """Steps per CPU second for each application."""
    done = run(place, sys.executable, "-c", MEASURE)
    if done.returncode:
        sys.exit(done.stderr)
    return {name: float(rate) for name, _, rate in re.findall(r"(\w+) (\d+) ([\d.]+)", done.stdout)}


def main() -> None:
    """Compile, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="where the copies stay; default: a temporary one")
    parser.add_argument("--skip", action="append", default=[], metavar="MODULE.py", help="leave it as it is")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(options.folder or scratch)
        plain, other = lay_out(folder / "python"), lay_out(folder / "compiled")
        refused = compiled(other, set(options.skip))
        modules = sorted(path.relative_to(other / "refold").as_posix() for path in (other / "refold").rglob("*.so"))
        print(f"compiled {len(modules)} files: {', '.join(modules)}")
        for name, why in refused.items():
            print(f"refused {name}: {why}")
        rounds = [(rates(plain), rates(other)) for _ in range(options.rounds)]
        for name in rounds[0][0]:
            before, after = (statistics.median(pair[n][name] for pair in rounds) for n in (0, 1))
            print(f"{name}: {before:,.0f} steps/s as Python, {after:,.0f} compiled: {after / before:.2f} times")


if __name__ == "__main__":
    main()
