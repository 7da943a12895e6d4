"""Who is woken when jobs arrive."""

from __future__ import annotations

import pytest

from podium.orchestrator.signals import Signals, Waiter

TENANT, FOLDER, OTHER = 1, 10, 11


@pytest.fixture
def signals() -> Signals:
    return Signals()


def waiting(signals: Signals, number: int, folders: tuple[int, ...] = (FOLDER,)) -> list[Waiter]:
    waiters = [Waiter(session) for session in range(number)]
    for waiter in waiters:
        signals.join(waiter, TENANT, folders)
    return waiters


def woken(waiters: list[Waiter]) -> list[int]:
    return [waiter.session_id for waiter in waiters if waiter.woken.is_set()]


def test_as_many_polls_wake_as_there_are_jobs(signals: Signals) -> None:
    waiters = waiting(signals, 5)
    signals.work(TENANT, FOLDER, 2)
    assert woken(waiters) == [0, 1]


def test_polls_of_other_folders_sleep_on(signals: Signals) -> None:
    waiters = waiting(signals, 2, (OTHER,))
    signals.work(TENANT, FOLDER, 2)
    assert woken(waiters) == []


def test_a_poll_that_can_take_nothing_passes_the_offer_on(signals: Signals) -> None:
    waiters = waiting(signals, 3)
    signals.work(TENANT, FOLDER)
    signals.pass_on(waiters[0])
    assert woken(waiters) == [0, 1]
    signals.pass_on(waiters[1])
    assert woken(waiters) == [0, 1, 2]
    signals.pass_on(waiters[2])


def test_a_poke_wakes_the_session_alone(signals: Signals) -> None:
    waiters = waiting(signals, 3)
    signals.poke(1)
    assert woken(waiters) == [1]


def test_the_version_grows_with_what_the_session_cares_about(signals: Signals) -> None:
    before = signals.version(TENANT, (FOLDER,), 7)
    signals.work(TENANT, OTHER)
    signals.poke(8)
    assert signals.version(TENANT, (FOLDER,), 7) == before
    signals.work(TENANT, FOLDER)
    signals.poke(7)
    assert signals.version(TENANT, (FOLDER,), 7) == before + 2


def test_what_happens_here_is_announced_and_what_was_heard_is_not(signals: Signals) -> None:
    announced: list[str] = []
    signals.announce = announced.append
    waiters = waiting(signals, 2)
    signals.heard(f"w:{TENANT}:{FOLDER}:1")
    signals.heard("p:1")
    assert woken(waiters) == [0, 1]
    assert announced == []
    signals.work(TENANT, FOLDER, 3)
    signals.poke(0)
    assert announced == [f"w:{TENANT}:{FOLDER}:3", "p:0"]


def test_who_left_is_not_offered_anything(signals: Signals) -> None:
    first, second = waiting(signals, 2)
    signals.leave(first, TENANT, (FOLDER,))
    signals.work(TENANT, FOLDER)
    assert woken([first, second]) == [1]


def test_closing_wakes_everybody(signals: Signals) -> None:
    waiters = waiting(signals, 2)
    signals.close()
    assert woken(waiters) == [0, 1]
    assert signals.is_closing
