#!/usr/bin/env python3
"""Works on a queue of invoices until none is waiting: plain Python, without dependencies.

Any number of these jobs may run at once, on one robot or many: the server hands each item to one of them. An invoice
that is wrong fails with a BusinessException, which is never retried; when the books cannot be reached it fails with an
ApplicationException, and the queue lets it be tried again.
"""

import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

CENT = Decimal("0.01")
EPOCH = "x-podium-lease-epoch"
TRIES = 6  # of one call while the server does not answer; a minute in all
stopping = threading.Event()


class Wrong(Exception):
    """The invoice cannot be right; trying it again does not help."""


class Unreachable(Exception):
    """The accounting system does not answer; it may later."""


def main() -> None:
    """Take, work, tell the result, and again."""
    arguments = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")) if len(sys.argv) > 1 else {}
    queue = arguments.get("queue", "Invoices")
    pause_s = float(arguments.get("pause_ms", 300)) / 1000
    is_simulating = bool(arguments.get("simulate", True))
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())  # somebody stops the job: the invoice at hand comes first

    counts = {"successful": 0, "rejected": 0, "failed": 0}
    while not stopping.is_set() and (taken := take(queue)) is not None:
        item, epoch = taken
        name = f"{item['Reference']} (attempt {item['RetryNumber'] + 1})"
        try:
            time.sleep(pause_s)
            output = book(check(item["SpecificContent"]), item["RetryNumber"] if is_simulating else None)
        except Wrong as reason:
            counts["rejected"] += 1
            say(f"{name}: rejected, {reason}")
            tell(item, epoch, {"IsSuccessful": False, "ProcessingException": exception("Business", reason)})
        except Unreachable as reason:
            counts["failed"] += 1
            say(f"{name}: failed, {reason}")
            tell(item, epoch, {"IsSuccessful": False, "ProcessingException": exception("Application", reason)})
        else:
            counts["successful"] += 1
            say(f"{name}: booked, {output['total']}")
            tell(item, epoch, {"IsSuccessful": True, "Output": output})
    say(f"Asked to stop: {counts}" if stopping.is_set() else f"Nothing is waiting in {queue}: {counts}")
    finish(counts)


def check(invoice: dict[str, str]) -> dict[str, str]:
    """The invoice. Raises Wrong for one that does not add up or names no supplier."""
    if not invoice["supplier"].strip():
        raise Wrong("the supplier is missing")
    try:
        net, tax, total = (Decimal(invoice[name]) for name in ("net", "tax_percent", "total"))
    except InvalidOperation:
        raise Wrong("an amount is no number") from None
    expected = (net * (100 + tax) / 100).quantize(CENT, ROUND_HALF_UP)
    if total != expected:
        raise Wrong(f"the total is {total}, but {net} and {tax} % are {expected}")
    return invoice


def book(invoice: dict[str, str], attempt: int | None) -> dict[str, str]:
    """What an accounting system would say. Raises Unreachable.

    There is none: the invoice's `simulate` says that it does not answer at the first attempt (busy), or at all (down);
    nothing is simulated without an attempt.
    """
    trouble = None if attempt is None else invoice["simulate"]
    if trouble == "down" or (trouble == "busy" and attempt == 0):
        raise Unreachable("the accounting system does not answer")
    return {"total": invoice["total"], "booked_as": f"B-{invoice['supplier'][:3].upper()}-{invoice['due']}"}


def take(queue: str) -> tuple[dict[str, Any], str] | None:
    """The next item and the number of its hand-out; None when none is waiting."""
    status, headers, body = call("Queues/UiPathODataSvc.StartTransaction", {"transactionData": {"Name": queue}})
    return None if status == 204 else (json.loads(body), headers[EPOCH])


def tell(item: dict[str, Any], epoch: str, result: dict[str, object]) -> None:
    """The result of an item. Told with the number of the hand-out, it counts only while the item is still ours."""
    path = f"Queues({item['Id']})/UiPathODataSvc.SetTransactionResult"
    call(path, {"transactionResult": result}, {EPOCH: epoch})


def exception(kind: str, reason: Exception) -> dict[str, str]:
    """Why an item failed. `kind`: Business is never retried, Application is."""
    return {"Type": f"{kind}Exception", "Reason": str(reason)}


def call(path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a call, which is repeated while no answer comes.

    All attempts have the same Idempotency-Key: when only the answer got lost, the server gives it once more and does
    nothing twice. Address, token and folder come from the robot; the token ends with the job.
    """
    request = urllib.request.Request(  # noqa: S310 - the robot's server
        f"{os.environ['UIPATH_URL']}/orchestrator_/odata/{path}",
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {os.environ['UIPATH_ACCESS_TOKEN']}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),
            "X-UIPATH-FolderKey": os.environ["UIPATH_FOLDER_KEY"],
            "X-UIPATH-JobKey": os.environ["UIPATH_JOB_KEY"],
            **(headers or {}),
        },
    )
    for attempt in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            if error.code not in (502, 503, 504) or attempt == TRIES:
                raise SystemExit(f"{path}: {error.code} {error.read().decode(errors='replace')}") from None
        except OSError as error:
            if attempt == TRIES:
                raise SystemExit(f"{path}: {error}") from None
        say(f"The server does not answer, attempt {attempt} of {TRIES}")
        time.sleep(2**attempt)
    raise AssertionError


def say(message: str) -> None:
    """One line in the job's log, at once."""
    print(message, flush=True)


def finish(output: dict[str, int]) -> None:
    """The job's output; printed when no robot asks for it."""
    path = os.environ.get("PODIUM_OUTPUT")
    if path:
        Path(path).write_text(json.dumps(output), encoding="utf-8")
    else:
        say(json.dumps(output))


if __name__ == "__main__":
    main()
