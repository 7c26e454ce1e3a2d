"""How long a verdict on a black-box history takes, against its length and its clients.

    python benchmarks/linearizability.py                     a table, and a plot as linearizability.svg
    python benchmarks/linearizability.py --compare 100000    small random histories of each model against every order tried
    python benchmarks/linearizability.py --table             every length, number of clients and share of unknown outcomes
    python benchmarks/linearizability.py --table --porcupine benchmarks/porcupine/driver      the same, side by side

The histories are of one compare-and-set register with five values; `bad` has the last read changed to a value that
nobody wrote, so that all of the history has to be searched. In the table a read in the middle is changed like that, or
a cas in the middle has the other answer, which may still be linearizable. refold's seconds are CPU time, Porcupine's wall.
"""

import argparse
import math
import subprocess
import tempfile
import time
from pathlib import Path
from random import Random

import attrs

from refold.properties.linearizability import CasRegister, History, Outcome, check
from refold.properties.linearizability.exhaustive import linearizable_by_trying
from refold.properties.linearizability.generated import arbitrary_history, register_history, spoiled
from refold.properties.linearizability.models import OPERATIONS

LENGTHS = (100, 1_000, 10_000, 100_000)
CLIENTS = (5, 10, 20, 40)
UNKNOWN = (0, 1, 5, 20, 40)
"""Per cent of the operations, in the table."""
COLOURS = {5: "#4e79a7", 10: "#59a14f", 20: "#f28e2b", 40: "#e15759"}
Row = tuple[int, int, str, str, float]


def measure(lengths: tuple[int, ...], unknown: float, seconds_cpu_max: float) -> list[Row]:
    """One row for each length, number of clients, and kind of history; printed as they come."""
    rows = []
    print("| operations | clients | history | verdict | seconds CPU | µs per operation |\n|--:|--:|---|---|--:|--:|")
    for length in lengths:
        for clients in CLIENTS:
            good = register_history(Random(f"{length} {clients}"), length, clients, unknown=unknown)
            for kind, history in (("good", good), ("bad", spoiled(Random(0), good, 1.0))):
                verdict = check(history, CasRegister(), seconds_cpu_max=seconds_cpu_max)
                seconds = verdict.seconds_cpu
                rows.append((length, clients, kind, verdict.verdict, seconds))
                micro = seconds / length * 1e6
                print(
                    f"| {length} | {clients} | {kind} | {verdict.verdict} | {seconds:.3f} | {micro:.0f} |", flush=True
                )
    return rows


def table(lengths: tuple[int, ...], seconds_max: float, driver: str | None) -> int:
    """Rows as in a table of Porcupine's and refold's verdicts; the number of disagreements."""
    print(
        "| n | clients | unknown | good | bad read in the middle | flipped cas in the middle |\n|--:|--:|--:|---|---|---|"
    )
    differences = 0
    for length in lengths:
        for clients in CLIENTS:
            for unknown in UNKNOWN:
                good = register_history(Random(f"{length} {clients} {unknown}"), length, clients, unknown=unknown / 100)
                cells = []
                for history in (good, spoiled(Random(1), good, 0.5), flipped(good)):
                    verdict = check(history, CasRegister(), seconds_cpu_max=seconds_max)
                    letter = {True: "L", False: "N", None: "?"}[verdict.linearizable]
                    cell = f"{letter} {verdict.seconds_cpu:.4f}"
                    if driver is not None:
                        other, seconds = porcupine(driver, history, seconds_max)
                        cell += f" / {other} {seconds:.4f}"
                        differences += "?" not in (letter, other) and letter != other
                    cells.append(cell)
                print(f"| {length:,} | {clients} | {unknown}% | {' | '.join(cells)} |", flush=True)
    print(f"{differences} disagreements")
    return differences


def flipped(history: History) -> History:
    """The history with the other answer of the cas in its middle."""
    operations = list(history.operations)
    changes = [n for n, one in enumerate(operations) if one.f == "cas" and one.outcome is not Outcome.UNKNOWN]
    number = changes[len(changes) // 2]
    outcome = Outcome.FAIL if operations[number].outcome is Outcome.OK else Outcome.OK
    operations[number] = attrs.evolve(operations[number], outcome=outcome)
    return attrs.evolve(history, operations=tuple(operations))


def porcupine(driver: str, history: History, seconds_max: float) -> tuple[str, float]:
    """Porcupine's verdict on a history of a register, and the seconds inside its call."""
    lines = [""] * history.events
    for number, one in enumerate(history.operations):
        first, second = one.argument if one.f == "cas" else (one.argument or 0, 0)
        kind = {"read": "r", "write": "w", "cas": "s"}[one.f]
        lines[one.invoked] = f"c {number} {one.process} {kind} {first} {second}"
        if one.returned is not None:
            ok, unknown = one.outcome is Outcome.OK, one.outcome is Outcome.UNKNOWN
            has, value = (1, one.result) if one.f == "read" and ok and one.result is not None else (0, 0)
            lines[one.returned] = f"e {number} {one.process} {ok:d} {has} {value} {unknown:d}"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        said = subprocess.run([driver, str(seconds_max), file.name], capture_output=True, text=True, check=True)
    _, verdict, seconds = said.stdout.split()
    return verdict, float(seconds)


def plot(rows: list[Row], path: Path) -> None:
    """Both axes logarithmic: a straight line of slope one is linear growth."""
    width, height, margin = 640, 420, 60
    decades = (-4, 3)

    def across(length: int) -> float:
        return margin + (math.log10(length) - 2) / 3 * (width - 2 * margin)

    def up(seconds: float) -> float:
        share = (math.log10(max(seconds, 1e-4)) - decades[0]) / (decades[1] - decades[0])
        return height - margin - share * (height - 2 * margin)

    marks = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        'font-family="sans-serif" font-size="12">',
    ]
    marks.append(f'<rect width="{width}" height="{height}" fill="#fff"/>')
    for decade in range(decades[0], decades[1] + 1):
        y = up(10.0**decade)
        marks.append(f'<path d="M{margin} {y:.1f}H{width - margin}" stroke="#ddd"/>')
        marks.append(f'<text x="{margin - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>')
    for length in LENGTHS:
        marks.append(
            f'<text x="{across(length):.1f}" y="{height - margin + 18}" text-anchor="middle">{length:,}</text>'
        )
    marks.append(f'<text x="{width / 2}" y="{height - 16}" text-anchor="middle">operations</text>')
    marks.append(f'<text x="{margin - 40}" y="{margin - 16}">seconds of CPU until the verdict</text>')
    for clients in CLIENTS:
        for kind, dash in (("good", ""), ("bad", ' stroke-dasharray="5 4"')):
            points = [(across(n), up(s)) for n, c, k, _, s in rows if c == clients and k == kind]
            path_data = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            marks.append(f'<path d="{path_data}" fill="none" stroke="{COLOURS[clients]}" stroke-width="2"{dash}/>')
    for number, clients in enumerate(CLIENTS):
        x = margin + 10 + number * 90
        marks.append(f'<text x="{x}" y="{margin + 4}" fill="{COLOURS[clients]}">{clients} clients</text>')
    marks.append(f'<text x="{width - margin}" y="{margin + 4}" text-anchor="end">dashed: not linearizable</text></svg>')
    path.write_text("\n".join(marks) + "\n", encoding="utf-8")


def compare(count: int, seed: int) -> int:
    """Small histories of every object against the definition, half of them of odd values; the number of differences."""
    differences = 0
    for model in OPERATIONS:
        random = Random(f"{seed} {model}")
        wrong = linearizable = 0
        started = time.process_time()
        for number in range(count):
            history, specification = arbitrary_history(random, odd=number % 2 == 1, model=model)
            expected = linearizable_by_trying(history.operations, specification)
            linearizable += expected
            wrong += check(history, specification).linearizable is not expected
        seconds = time.process_time() - started
        print(
            f"{model}: {count} histories, {linearizable} linearizable, {wrong} differences, {seconds:.1f} s CPU",
            flush=True,
        )
        differences += wrong
    return differences


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--compare",
        type=int,
        metavar="COUNT",
        help="compare that many small histories of each model with the definition",
    )
    parser.add_argument("--table", action="store_true", help="the table of lengths, clients and unknown outcomes")
    parser.add_argument("--porcupine", metavar="DRIVER", help="in the table, Porcupine too, by this program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=int, default=LENGTHS[-1], help="operations of the longest history")
    parser.add_argument("--unknown", type=float, default=0.0, help="share of operations with unknown outcome")
    parser.add_argument("--seconds", type=float, default=300.0, help="CPU time that one verdict may take")
    parser.add_argument("--plot", type=Path, default=Path("linearizability.svg"))
    options = parser.parse_args()
    if options.compare:
        return min(1, compare(options.compare, options.seed))
    if options.table:
        lengths = tuple(length for length in LENGTHS if length <= options.longest)
        return min(1, table(lengths, min(options.seconds, 10.0), options.porcupine))
    rows = measure(tuple(length for length in LENGTHS if length <= options.longest), options.unknown, options.seconds)
    plot(rows, options.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
