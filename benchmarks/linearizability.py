"""How long a verdict on a black-box history takes, against its length and its clients.

    python benchmarks/linearizability.py                     a table, and a plot as linearizability.svg
    python benchmarks/linearizability.py --compare 100000    small random histories against every order tried

The histories are of one compare-and-set register with five values; `bad` has the last read changed to a value that
nobody wrote, so that all of the history has to be searched.
"""

import argparse
import math
import time
from pathlib import Path
from random import Random

from refold.properties.linearizability import CasRegister, check
from refold.properties.linearizability.exhaustive import linearizable_by_trying
from refold.properties.linearizability.generated import arbitrary_history, register_history, spoiled

LENGTHS = (100, 1_000, 10_000, 100_000)
CLIENTS = (5, 10, 20, 40)
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
    """Small histories of register, set and counter against the definition; the number of differences."""
    random = Random(seed)
    differences = linearizable = 0
    started = time.process_time()
    for _ in range(count):
        history, specification = arbitrary_history(random)
        expected = linearizable_by_trying(history.operations, specification)
        linearizable += expected
        differences += check(history, specification).linearizable is not expected
    seconds = time.process_time() - started
    print(f"{count} histories, {linearizable} linearizable, {differences} differences, {seconds:.1f} s of CPU time")
    return differences


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--compare", type=int, metavar="COUNT", help="compare that many small histories with the definition"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=int, default=LENGTHS[-1], help="operations of the longest history")
    parser.add_argument("--unknown", type=float, default=0.0, help="share of operations with unknown outcome")
    parser.add_argument("--seconds", type=float, default=300.0, help="CPU time that one verdict may take")
    parser.add_argument("--plot", type=Path, default=Path("linearizability.svg"))
    options = parser.parse_args()
    if options.compare:
        return min(1, compare(options.compare, options.seed))
    rows = measure(tuple(length for length in LENGTHS if length <= options.longest), options.unknown, options.seconds)
    plot(rows, options.plot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
