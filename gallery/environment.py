"""A virtual environment for a release: what pip installs for it, and refold with what refold needs, linked from where refold runs.

Nothing else of the surrounding environment is visible in it. Environments are kept, by what is in them; one whose making was interrupted
is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata

from packaging.markers import default_environment
from packaging.requirements import Requirement

from refold.model.errors import UsageError

NAME = "refold"
HERE = (sys.version_info.major, sys.version_info.minor)
READY = "ready.txt"
"""The file that is written when an environment is complete."""
INSTALLING_SECONDS_MAX = 600
LAST_LINES = 3
"""How much of what pip says is repeated."""


class NotRun(Exception):
    """A row cannot be run; the message says why."""


def cache_folder() -> pathlib.Path:
    """Where environments are kept, as the XDG standard has it. Raises `UsageError` where nobody is at home."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    except RuntimeError:
        raise UsageError(
            "there is no home directory to keep virtual environments in; say with --cache-dir where they go"
        ) from None
    return pathlib.Path(base) / "refold" / "gallery"


class Environment:
    """A virtual environment. `requires` is what is under test, `extras` those of refold's that its row needs."""

    def __init__(
        self, cache: pathlib.Path, requires: Sequence[str], extras: Sequence[str], python: tuple[int, int]
    ) -> None:
        self.requires = list(requires)
        self.extras = list(extras)
        self.version = max(python, HERE)
        said = repr((self.requires, self.extras, self.version))
        name = "-".join([*self.requires, *self.extras]) or NAME
        readable = re.sub(r"[^\w.]+", "-", name).strip("-")[:60]
        self.folder = cache / f"{readable}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"

    @property
    def python(self) -> pathlib.Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def packages(self) -> pathlib.Path:
        """Where pip installs."""
        if os.name == "nt":
            return self.folder / "Lib" / "site-packages"
        return self.folder / "lib" / f"python{self.version[0]}.{self.version[1]}" / "site-packages"

    def make(self) -> None:
        """Make it, unless it is there. Who comes while another one makes it waits for that. Raises `NotRun`."""
        with alone(self.folder):
            self.make_alone()

    def make_alone(self) -> None:
        """Make it, unless it is whole. What is linked is linked anew: refold may have moved."""
        linked, missing = self.parts()
        wanted = [*missing, *self.requires]
        content = "\n".join([*wanted, ""])
        complete = self.folder / READY
        whole = complete.exists() and self.python.exists()  # a Python that was upgraded takes its links away
        if not whole or complete.read_text(encoding="utf-8") != content:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.create()
            self.install(wanted)
            complete.write_text(content, encoding="utf-8")
        self.link(linked)

    def parts(self) -> tuple[list[metadata.Distribution], list[str]]:
        """What of refold's needs can be linked, and what has to be installed."""
        if self.version == HERE:
            return closure(self.extras)
        refold = installed(NAME)
        return [refold], [str(plain(one)) for one in needs(refold, self.extras)]

    def create(self) -> None:
        """An empty one. Raises `NotRun`."""
        interpreter = sys.executable if self.version == HERE else found(self.version)
        done = said([interpreter, "-m", "venv", "--without-pip", str(self.folder)])
        if done.returncode:
            raise NotRun(f"{interpreter} makes no virtual environment: {last(done.stderr or done.stdout)}")

    def install(self, wanted: Sequence[str]) -> None:
        """With the pip of the Python that runs this. What refold needs is a constraint, so that nothing comes that refold cannot run with.
        Raises `NotRun`."""
        if not wanted:
            return
        limits = self.folder / "constraints.txt"
        refold = installed(NAME)
        limits.write_text("\n".join(str(plain(one)) for one in needs(refold, self.extras)) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet", "--no-input"]
        done = said([*command, "--disable-pip-version-check", "--constraint", str(limits), *wanted])
        if done.returncode:
            raise NotRun(f"pip cannot install {' '.join(wanted)}: {last(done.stderr)}")

    def link(self, parts: Sequence[metadata.Distribution]) -> None:
        """Make these importable, behind all that pip has installed. Links that are right are left alone: another gallery may use them."""
        library = self.folder / "linked"
        wanted: dict[str, pathlib.Path] = {}
        for part in parts:
            for name, place in top(part):
                wanted.setdefault(name, place)
            for place in programs(part):
                with contextlib.suppress(FileExistsError):
                    (self.python.parent / place.name).symlink_to(place)
        if library.exists() and {one.name: one.readlink() for one in library.iterdir()} == wanted:
            return
        shutil.rmtree(library, ignore_errors=True)
        library.mkdir(parents=True)
        for name, place in wanted.items():
            (library / name).symlink_to(place)
        self.packages.mkdir(parents=True, exist_ok=True)
        (self.packages / "refold-linked.pth").write_text(f"import site; site.addsitedir({str(library)!r})\n")

    def version_of(self, distribution: str) -> str:
        """The version of a distribution in it. Raises `NotRun` if refold or the distribution cannot be had there."""
        code = "import sys, refold.reports; from importlib.metadata import version; print(version(sys.argv[1]))"
        done = said([str(self.python), "-c", code, distribution])
        if done.returncode:
            raise NotRun(f"refold does not run beside {' '.join(self.requires)}: {last(done.stderr)}")
        return done.stdout.strip()


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Iterator[None]:
    """Nobody else makes this folder meanwhile, in whatever process. The lock ends with its process. Nothing locks on Windows."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f"{folder.name}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def said(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises `NotRun` if it has none."""
    names = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=names,
            stdin=subprocess.DEVNULL,
            timeout=INSTALLING_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        raise NotRun(f"{pathlib.Path(command[0]).name} did not end within {INSTALLING_SECONDS_MAX} s") from None


def found(version: tuple[int, int]) -> str:
    """A Python of this version on the path. Raises `NotRun`."""
    name = f"python{dotted(version)}"
    place = shutil.which(name)
    if place is None:
        raise NotRun(f"it needs Python {dotted(version)}, and there is no {name} on the path")
    tried = said([place, "-c", ""])
    if tried.returncode:
        raise NotRun(f"it needs Python {dotted(version)}, and {name} on the path does not run: {last(tried.stderr)}")
    return place


def dotted(version: tuple[int, int]) -> str:
    """``3.12``."""
    return ".".join(map(str, version))


def last(text: str) -> str:
    """What an error comes down to: the last lines that say anything."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    return " ".join(errors[-LAST_LINES:])[:400] or "it said nothing"


# -- what refold needs


def installed(name: str) -> metadata.Distribution:
    """A distribution that knows its files: not a checkout that happens to be on the path. Raises `PackageNotFoundError`."""
    for found in metadata.distributions(name=name):
        if found.read_text("RECORD") is not None:
            return found
    raise metadata.PackageNotFoundError(name)


def needs(distribution: metadata.Distribution, extras: Sequence[str] = ()) -> Iterator[Requirement]:
    """The requirements of a distribution that count here."""
    environment = {key: str(value) for key, value in default_environment().items()}
    for text in distribution.requires or ():
        requirement = Requirement(text)
        chosen = ["", *extras]
        if requirement.marker is None or any(
            requirement.marker.evaluate({**environment, "extra": extra}) for extra in chosen
        ):
            yield requirement


def plain(requirement: Requirement) -> Requirement:
    """Without what does not belong into a file of constraints."""
    return Requirement(f"{requirement.name}{requirement.specifier}")


def closure(extras: Sequence[str]) -> tuple[list[metadata.Distribution], list[str]]:
    """refold and all that it needs, as far as it is installed here; and what is not."""
    refold = installed(NAME)
    parts: dict[str, metadata.Distribution] = {NAME: refold}
    missing: list[str] = []
    left = list(needs(refold, extras))
    while left:
        requirement = left.pop()
        try:
            part = installed(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(f"{requirement.name}{requirement.specifier}")
            continue
        key = f"{part.metadata['Name']}[{','.join(sorted(requirement.extras))}]"
        if key not in parts:
            parts[key] = part
            left += needs(part, sorted(requirement.extras))
    return list(parts.values()), missing


def top(distribution: metadata.Distribution) -> Iterator[tuple[str, pathlib.Path]]:
    """Name and place of all that a distribution puts beside the others."""
    seen: set[str] = set()
    for file in distribution.files or ():
        name = file.parts[0]
        if name not in seen and name not in ("..", "__pycache__"):
            seen.add(name)
            yield name, pathlib.Path(str(distribution.locate_file(name))).resolve()


def programs(distribution: metadata.Distribution) -> Iterator[pathlib.Path]:
    """Programs that are no scripts of Python, which would run with the Python that they were installed for."""
    for file in distribution.files or ():
        place = pathlib.Path(str(distribution.locate_file(file)))
        if len(file.parts) > 1 and file.parts[-2] in ("bin", "Scripts") and ".." in file.parts and place.is_file():
            with place.open("rb") as program:
                if program.read(2) != b"#!":
                    yield place.resolve()
