"""Repeat the survey: ``python gallery/survey/run.py litequeue``, or with no name all packages.

For each package: a virtual environment of its own in a temporary folder, with this checkout and the newest release that fits the Python at
hand; then ``refold verify`` on its adapter. What comes out is written to results.json, and from there into the tables of docs/survey.md.
"""

import argparse
import ast
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
RESULTS = HERE / "results.json"
PAGE = ROOT / "docs" / "survey.md"
LATEST = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
KEPT = ("verdict", "seed", "examples", "steps", "guarantees", "not_checked")
FINDING = ("anomaly", "guarantee", "headline", "sentences")


def adapters():
    """The adapters, by the name of what they are about."""
    return {path.stem.removesuffix("_check"): path for path in sorted(HERE.glob("*/*_check.py"))}


def constants(path):
    """What an adapter says of itself, and its docstring; it is not imported, for its package may not be here."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {"doc": ast.get_docstring(tree)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("NEEDS", "RUNS", "EXTRAS", "DOCUMENTED", "CONTROLS"):
                found[name] = ast.literal_eval(node.value)
    return found


def noted():
    """What was found so far."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def environment(name, said, folder):
    """A virtual environment with refold and the package; its Python."""
    place = folder / name
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
        extras = f"[{','.join(said['EXTRAS'])}]" if "EXTRAS" in said else ""
        subprocess.run([python, "-m", "pip", "install", "-q", "-e", f"{ROOT}{extras}", *said["NEEDS"]], check=True)
    return python


def verified(python, path, system, application, options, folder):
    """One run of `refold verify`, as far as the page needs it."""
    command = ["verify", "--json", "--system", f"{path}:{system}"]
    if application:
        command += ["--application", f"{path.parent / application}"]
    command += ["--seconds", str(options.seconds), "--seed", str(options.seed), "--report-dir", str(folder / "report")]
    done = subprocess.run(
        [python.with_name("refold"), *command], capture_output=True, text=True, check=False, cwd=folder
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{path.name}: refold verify ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    found = json.loads(done.stdout)
    counts = {key: value for key, value in found["counts"].items() if value}
    findings = [{key: finding[key] for key in FINDING} for finding in found["findings"]]
    return {**{key: found[key] for key in KEPT}, "counts": counts, "findings": findings}


def survey(name, path, options, folder):
    """All runs of one adapter."""
    said = constants(path)
    python = environment(name, said, folder)
    versions = {}
    for need in said["NEEDS"]:
        distribution = need.partition("[")[0]
        asked = subprocess.run([python, "-c", LATEST, distribution], capture_output=True, text=True, check=True)
        versions[distribution] = asked.stdout.strip()
    asked = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True, check=True
    )
    runs = {}
    for system, application in said["RUNS"].items():
        runs[system] = verified(python, path, system, application, options, folder)
        print(
            f"{name} {versions}: {system}: {runs[system]['verdict']}",
            *(f["headline"] for f in runs[system]["findings"]),
            sep="\n  ",
        )
    return {
        "date": datetime.date.today().isoformat(),
        "python": asked.stdout.strip(),
        "versions": versions,
        "seconds": options.seconds,
        "runs": runs,
    }


def table(name, result):
    """The tables of one package: version, guarantees, and what happened."""
    said = constants(adapters()[name])
    documented, controls = said.get("DOCUMENTED", {}), said.get("CONTROLS", {})
    versions = ", ".join(f"{package} {version}" for package, version in result["versions"].items())
    lines = [f"{versions}; Python {result['python']}; {result['date']}.", ""]
    for system, run in result["runs"].items():
        by = {}
        for code, standing in run["guarantees"].items():
            by.setdefault(standing, []).append(code)
        if system in controls:
            lines += [f"A bug put in on purpose, to see whether the adapter finds it: {controls[system]}.", ""]
        lines += [f"| `{system}` | guarantees |", "|---|---|"]
        lines += [
            f"| {standing} | {', '.join(by[standing]) if standing in by else 'none'} |"
            for standing in ("held", "broken", "not checked")
        ]
        counts = run["counts"]
        told = ", ".join(f"{counts[key]} {words[counts[key] != 1]}" for key, words in WORDS.items() if key in counts)
        lines += [
            "",
            f"{run['examples']} {'run' if run['examples'] == 1 else 'runs'}, {run['steps']} steps: {told}.",
            "",
        ]
        if system in controls and run["findings"]:
            finding = run["findings"][0]
            lines += [f"Found as `{finding['anomaly']}` ({finding['guarantee']}): {finding['headline']}.", ""]
        for finding in [] if system in controls else run["findings"]:
            why = f"Documented: {documented[system]}. " if system in documented else ""
            lines += [f"{why}`{finding['anomaly']}` ({finding['guarantee']}): {finding['headline']}. The plan:", ""]
            lines += ["```text", *(f"{n}. {sentence}" for n, sentence in enumerate(finding["sentences"], 1)), "```", ""]
    return "\n".join(lines).rstrip()


WORDS = {
    "appended": ("event", "events"),
    "calls": ("call", "calls"),
    "turns": ("turn of a worker", "turns of workers"),
    "stops": ("stop between two statements", "stops between two statements"),
    "crashes": ("death", "deaths"),
    "answers_lost": ("lost answer", "lost answers"),
    "failed_steps": ("failed statement", "failed statements"),
    "messages_delivered": ("message sent", "messages sent"),
}


def page(text, results):
    """The page with its generated parts made anew."""
    for name, result in results.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise SystemExit(
                f"{PAGE.name} has no part for {name}: write the lines {begin} and {end} where its table belongs"
            )
        text = before + begin + "\n" + table(name, result) + "\n" + end + rest.partition(end)[2]
    return text


def main():
    """Run, note, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="adapters; all by default")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--environments",
        type=pathlib.Path,
        help="a folder that keeps the virtual environments",
    )
    parser.add_argument("--page", action="store_true", help="run nothing, write the page from results.json")
    options = parser.parse_args()
    known = adapters()
    results = noted()
    for unknown in set(options.names) - set(known):
        parser.error(f"there is no adapter {unknown!r}; there are {', '.join(known)}")
    with tempfile.TemporaryDirectory() as made:
        folder = options.environments or pathlib.Path(made)
        for name in [] if options.page else options.names or known:
            found = survey(name, known[name], options, folder)
            results = {**noted(), name: found}
            RESULTS.write_text(
                json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
    if PAGE.exists():
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
