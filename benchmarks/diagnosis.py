"""How often the diagnosis is right: every broken system, several seeds, and what it was taken for.

python benchmarks/diagnosis.py                  all rows, 5 seeds
python benchmarks/diagnosis.py NAME… --seeds 2  some rows
"""

import argparse
from collections import Counter

from refold.properties.diagnosis.scores import diagnose
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import EXAMPLES
from refold.systems.broken import BROKEN


def ranks(name: str, seeds: range) -> list[tuple[int, str, float]]:
    """For each seed at which the broken system was found: (rank of the right row, 0 for none; the first row; its score)."""
    broken = BROKEN[name]
    found = []
    for seed in seeds:
        result = Campaign(broken.system(), EXAMPLES[broken.application](), seed, Budget(seconds=10, distinct=1)).run()
        if not result.counterexamples:
            continue
        example = result.counterexamples[0]
        ranked = diagnose(example.findings, example.history)
        names = [diagnosis.row.name for diagnosis in ranked]
        rank = names.index(name) + 1 if name in names else 0
        found.append((rank, names[0] if names else "nothing", ranked[0].score if ranked else 0.0))
    return found


def main() -> None:
    """The confusion table and the two shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    print("| row | found | first | in three | taken for |\n|---|--:|--:|--:|---|")
    first = three = total = 0
    for name in options.names or BROKEN:
        found = ranks(name, range(1, options.seeds + 1))
        right = sum(rank == 1 for rank, _, _ in found)
        near = sum(1 <= rank <= 3 for rank, _, _ in found)
        wrong = Counter(taken for rank, taken, _ in found if rank != 1)
        taken_for = ", ".join(f"{taken} x{count}" for taken, count in sorted(wrong.items()))
        print(f"| {name} | {len(found)} | {right} | {near} | {taken_for} |", flush=True)
        first, three, total = first + right, three + near, total + len(found)
    print(
        f"\nright row first: {first}/{total} = {first / max(total, 1):.1%}; among the first three: {three / max(total, 1):.1%}"
    )


if __name__ == "__main__":
    main()
