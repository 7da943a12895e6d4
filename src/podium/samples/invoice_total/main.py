#!/usr/bin/env python3
"""Adds up the lines of an invoice: a small automation in plain Python, without dependencies.

A robot starts it with one argument, the path of a JSON file with the job's arguments. What it prints becomes the job's
log. What it writes to the file named by PODIUM_OUTPUT becomes the job's output.
"""

import csv
import json
import os
import sys
import time
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

CENT = Decimal("0.01")


def main() -> None:
    """Read the arguments and the items, add up, write the totals."""
    arguments = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")) if len(sys.argv) > 1 else {}
    tax_percent = Decimal(str(arguments.get("tax_percent", 19)))
    pause_s = float(arguments.get("pause_ms", 300)) / 1000

    with (Path(__file__).parent / "items.csv").open(encoding="utf-8", newline="") as file:
        items = list(csv.DictReader(file))
    say(f"Read {len(items)} lines from items.csv")

    net = Decimal(0)
    for number, item in enumerate(items, start=1):
        amount = int(item["quantity"]) * Decimal(item["price"])
        net += amount
        say(f"Line {number} of {len(items)}: {item['quantity']} x {item['item']} = {amount}")
        time.sleep(pause_s)

    tax = (net * tax_percent / 100).quantize(CENT, ROUND_HALF_UP)
    say(f"Net {net}, tax {tax}, total {net + tax}")
    finish({"lines": len(items), "net": str(net), "tax": str(tax), "total": str(net + tax)})


def say(message: str) -> None:
    """One line in the job's log, at once."""
    print(message, flush=True)


def finish(output: dict[str, object]) -> None:
    """The job's output; printed when no robot asks for it."""
    path = os.environ.get("PODIUM_OUTPUT")
    if path:
        Path(path).write_text(json.dumps(output), encoding="utf-8")
    else:
        say(json.dumps(output))


if __name__ == "__main__":
    main()
