"""Where the server's time goes while it is asked: py-spy samples it, and the samples are added up by function."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import zip_longest
from pathlib import Path

from tests.bench.figures import Figures
from tests.bench.server import Server
from tests.bench.workloads import Workloads

PER_SECOND = 200
SHOWN = 16
OPENING_S = 1.5


async def show(workloads: Workloads, figures: Figures, folder: Path) -> None:
    """Profile the loads whose goals are about the server's own speed, one after the other; prints the tables.

    The figures of a profiled load are slower than real ones and are dropped.
    """
    sampler = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if sampler is None:
        print("No profile: py-spy is not installed (pip install py-spy).")
        return
    figures.begin()
    for name, (server, load) in workloads.profiled().items():
        stacks = await _sampled(sampler, server, load, folder / "samples.txt")
        print(table(name, stacks), flush=True)
    figures.rounds.pop()


async def _sampled(sampler: str, server: Server, load: Callable[[], Awaitable[None]], file: Path) -> Counter[str]:
    recording = await asyncio.create_subprocess_exec(
        *(sampler, "record", "--format", "raw", "--function", "--gil", "--rate", str(PER_SECOND)),
        *("--output", str(file), "--pid", str(server.process.pid)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    await asyncio.sleep(OPENING_S)
    await load()
    recording.send_signal(signal.SIGINT)
    _, said = await recording.communicate()
    try:
        return read(file)
    except FileNotFoundError:
        raise RuntimeError(f"py-spy wrote no samples: {said.decode(errors='replace').strip()}") from None


def read(file: Path) -> Counter[str]:
    """Samples by stack, frames parted by semicolons, the outermost first."""
    stacks: Counter[str] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        stacks[stack] += int(count)
    file.unlink()
    return stacks


def table(name: str, stacks: Counter[str]) -> str:
    """The samples by package, by the function of ours that was nearest to them, and by the function itself."""
    packages: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    own: Counter[str] = Counter()
    for stack, count in stacks.items():
        frames = stack.split(";")
        own[frames[-1]] += count
        packages[frames[-1].rpartition("(")[2].partition("/")[0].partition(".py")[0]] += count
        ours[next((frame for frame in reversed(frames) if "(podium/" in frame), "(none of ours)")] += count
    total = max(sum(stacks.values()), 1)
    lines = [f"\nProfile of {name}: {total} samples of the thread that holds the interpreter, %"]
    heads = ("by package", "by our nearest function, with what it calls", "by function, itself")
    columns = zip_longest(*(_shares(counts, total) for counts in (packages, ours, own)), fillvalue="")
    lines += [f"{row[0]:<24}{row[1]:<66}{row[2]}" for row in (heads, *columns)]
    return "\n".join(lines)


def _shares(counts: Counter[str], total: int) -> list[str]:
    return [
        f"{100 * count / total:5.1f} {frame.replace('podium/', '')[-56:]}" for frame, count in counts.most_common(SHOWN)
    ]
