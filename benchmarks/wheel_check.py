"""Build the wheel, install it where the source is not in reach, and use what was installed.

Checks that the wheel holds every package and its data, that no top-level package but `refold` becomes importable, and that the command
works. Run by CI; prints one line.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("model", "properties", "systems", "search", "reports", "refold")


def run(*command: str, cwd: pathlib.Path) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, look inside, install, use."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT), cwd=place)
        wheel = next(place.glob("*.whl"))
        names = zipfile.ZipFile(wheel).namelist()
        for source in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*")):
            if (
                source.suffix in {".py", ".json", ".html", ".typed"}
                and "generated" not in source.parts
                and "__pycache__" not in source.parts
            ):
                wanted = f"refold/{source.relative_to(ROOT)}".replace("refold/refold/", "refold/")
                if wanted not in names:
                    sys.exit(f"the wheel lacks {wanted}: is its package listed in pyproject.toml?")
        foreign = sorted({name.split("/")[0] for name in names if not name.startswith(("refold/", "refold-"))})
        if foreign:
            sys.exit(f"the wheel would install top-level {', '.join(foreign)}")
        site = place / "site"
        run(
            sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel), cwd=place
        )
        use = (
            f"import sys; root = {str(ROOT)!r}; sys.path[:] = [{str(site)!r}] +"
            " [p for p in sys.path if p and p != root];"
            "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in getattr(f, '__module__', '') and 'editable' not in repr(f)];"
            "import importlib.util as u; assert u.find_spec('model') is None, 'model is importable';"
            "import refold.model.log as m; assert m.__file__.startswith(sys.path[0]), m.__file__;"
            "from refold.reports.commands.cli import main; main(['verify', '--examples', '40', '--seed', '1', '--json'])"
        )
        out = run(sys.executable, "-c", use, cwd=place)
        assert '"verdict": "held"' in out, out
        print(f"{wheel.name}: {len(names)} files, installs as refold alone, verifies the reference")


if __name__ == "__main__":
    main()
