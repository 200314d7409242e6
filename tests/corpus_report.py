"""Prints how many documents of each peer are read: `python -m tests.corpus_report [--why]`.

Without --why the lines are those of tests/conformance/corpus.tsv.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.corpus import PATH, table, tallies


def main() -> None:
    if PATH is None:
        sys.exit("set DAZZLE_TEST_CORPUS to a directory of documents")
    found = tallies(Path(PATH))
    sys.stdout.write(table(found))
    if "--why" in sys.argv[1:]:
        for peer, tally in sorted(found.items()):
            for reason, names in sorted(tally.refused.items()):
                print(f"{peer}\t{reason}\t{len(names)}\t{' '.join(names)}")


if __name__ == "__main__":
    main()
