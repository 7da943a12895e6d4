"""Servers that are away, agents that die, leases that are lost: nothing is lost, and nothing is invented."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.robot.agent import FolderInUse
from podium.robot.processes import is_alive, read_claim

Begin = Callable[..., Any]

WAIT = (
    "import json, os, sys, time\narguments = json.load(open(sys.argv[1]))\n"
    "open(arguments['began'], 'a').write('x')\nprint('waiting')\n"
    "while not os.path.exists(arguments['go']): time.sleep(0.02)\n"
    "print('went')\njson.dump({'went': True}, open(os.environ['PODIUM_OUTPUT'], 'w'))\n"
)


def places(tmp_path: Path) -> tuple[dict[str, str], Path, Path]:
    """The arguments of the waiting job; the file that shows its starts; the file that lets it go."""
    began, go = tmp_path / "began", tmp_path / "go"
    return {"began": str(began), "go": str(go)}, began, go


def held_by(folder: Path, key: str) -> Any:
    held = read_claim(folder / "jobs" / key / "claim-1.json")
    assert held is not None
    return held


class TestServerAway:
    async def test_the_end_of_a_job_is_told_when_the_server_is_back(
        self, peer: Any, agent: Begin, tmp_path: Path
    ) -> None:
        arguments, _, go = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        running = agent()
        key = peer.start(arguments=arguments)
        await peer.until(lambda: "Running" in peer.states_of(key))
        await peer.close()
        go.touch()
        outbox = tmp_path / "robot" / "jobs" / key / "outbox" / "2-final.json"
        await peer.until(outbox.exists)
        assert peer.states_of(key) == ["Running"]
        await peer.open()
        assert (await peer.final(key))["outputArguments"] == '{"went":true}'
        await peer.until(lambda: [text for _, text in peer.messages_of(key)] == ["waiting", "went"])
        await peer.until(lambda: running.job_folders == [])

    async def test_reports_that_the_server_fails_on_are_sent_again_in_order(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": "print('done')\n"})
        peer.trouble["submitjobstate"] = [500, 429, 401]
        agent()
        key = peer.start()
        await peer.final(key)
        assert peer.states_of(key) == ["Running", "Successful"]

    async def test_what_was_not_told_is_told_by_the_next_agent(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        arguments, _, go = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        first = agent()
        key = peer.start(arguments=arguments)
        await peer.until(lambda: "Running" in peer.states_of(key))
        await peer.close()
        go.touch()
        await peer.until((tmp_path / "robot" / "jobs" / key / "outbox" / "2-final.json").exists)
        await first.crash()
        await peer.open()
        agent()
        assert (await peer.final(key))["outputArguments"] == '{"went":true}'
        assert peer.to("/StartService")[-1].json["runningJobs"] == [key]
        await peer.until(lambda: [text for _, text in peer.messages_of(key)] == ["waiting", "went"])


class TestRestart:
    async def test_a_killed_agent_is_followed_by_one_that_takes_up_its_job(
        self, peer: Any, agent: Begin, tmp_path: Path
    ) -> None:
        arguments, began, go = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        folder = tmp_path / "robot"
        variables = os.environ | {"PODIUM_ROBOT_MACHINE_KEY": "6f0c1c2e-9d5b-4f0a-8a37-machine-key"}
        argv = [sys.executable, "-m", "podium.robot", "--url", peer.url, "--folder", str(folder), "--slots", "2"]
        process = await asyncio.create_subprocess_exec(*argv, env=variables, stderr=subprocess.DEVNULL)
        key = peer.start(arguments=arguments, leaseEpoch=1)
        await peer.until(lambda: "Running" in peer.states_of(key) and began.exists())
        process.kill()
        await process.wait()
        agent()
        await peer.until(lambda: peer.to("/StartService")[-1].json["runningJobs"] == [key])
        go.touch()
        assert (await peer.final(key))["jobState"] == "Successful"
        assert set(peer.states_of(key)) == {"Running", "Successful"}
        await peer.until(lambda: [text for _, text in peer.messages_of(key)] == ["waiting", "went"])
        assert began.read_text() == "x"

    async def test_a_job_that_ended_meanwhile_keeps_its_result(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        arguments, _, go = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        first = agent()
        key = peer.start(arguments=arguments)
        await peer.until(lambda: "Running" in peer.states_of(key))
        await first.crash()
        go.touch()
        await peer.until((tmp_path / "robot" / "jobs" / key / "exit.json").exists)
        agent()
        assert (await peer.final(key))["outputArguments"] == '{"went":true}'

    async def test_a_job_that_died_with_its_runner_is_faulted(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        arguments, _, _ = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        first = agent()
        key = peer.start(arguments=arguments)
        await peer.until(lambda: bool(peer.messages_of(key)))
        held = held_by(tmp_path / "robot", key)
        await first.crash()
        os.kill(held.pid, signal.SIGKILL)
        agent()
        final = await peer.final(key)
        assert final["error"]["title"] == "The robot restarted while the job ran."
        await peer.until(lambda: not is_alive(held.child_pid, held.child_identity))

    async def test_a_stop_reaches_a_job_that_was_taken_up(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        arguments, _, _ = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        first = agent()
        key = peer.start(arguments=arguments)
        await peer.until(lambda: bool(peer.messages_of(key)))
        await first.crash()
        agent()
        await peer.until(lambda: len(peer.to("/StartService")) == 2)
        peer.stop(key)
        assert (await peer.final(key))["jobState"] == "Stopped"

    async def test_log_lines_that_have_arrived_are_not_sent_again(
        self, peer: Any, agent: Begin, tmp_path: Path
    ) -> None:
        arguments, _, go = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        first = agent()
        key = peer.start(arguments=arguments)
        await peer.until((tmp_path / "robot" / "jobs" / key / "log.offset").exists)
        await first.crash()
        agent()
        go.touch()
        await peer.final(key)
        sent = [json.loads(text)["message"] for asked in peer.to("/SubmitLogs") for text in asked.json]
        assert sent == ["waiting", "went"]

    async def test_a_job_that_had_not_begun_is_begun_by_the_next_agent(
        self, peer: Any, agent: Begin, tmp_path: Path
    ) -> None:
        arguments, began, go = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        peer.trouble["uipath.server.configuration.odata.downloadpackage"] = [503] * 100
        first = agent()
        key = peer.start(arguments=arguments)
        await peer.until(lambda: len([one for one in peer.asked if "DownloadPackage" in one.path]) == 1)
        await first.crash()
        peer.trouble.clear()
        go.touch()
        agent()
        assert (await peer.final(key))["jobState"] == "Successful"
        assert began.read_text() == "x"

    async def test_what_an_agent_left_half_made_or_unreadable_does_not_stop_the_next(
        self, peer: Any, agent: Begin, tmp_path: Path
    ) -> None:
        jobs = tmp_path / "robot" / "jobs"
        (jobs / "half-made" / "work").mkdir(parents=True)
        (jobs / "unreadable").mkdir()
        (jobs / "unreadable" / "state.json").write_text("{")
        peer.add_package({"main.py": "print('done')\n"})
        agent()
        assert (await peer.final(peer.start()))["jobState"] == "Successful"
        assert not (jobs / "half-made").exists()
        assert (jobs / "unreadable").exists()

    async def test_two_agents_cannot_share_a_folder(self, peer: Any, agent: Begin) -> None:
        agent()
        await peer.until(lambda: bool(peer.to("/Commands")))
        second = agent()
        with pytest.raises(FolderInUse):
            await second.task


class TestLostLease:
    async def test_a_lost_lease_ends_the_process_and_drops_its_reports(
        self, peer: Any, agent: Begin, tmp_path: Path
    ) -> None:
        arguments, _, go = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        running = agent()
        key = peer.start(arguments=arguments, leaseEpoch=1)
        await peer.until(lambda: "Running" in peer.states_of(key))
        peer.lost.add(key)
        go.touch()
        await peer.until(lambda: running.job_folders == [])
        assert peer.states_of(key) == ["Running"]

    async def test_a_refused_running_report_ends_the_process(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        arguments, _, _ = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        running = agent()
        key = peer.start(arguments=arguments, leaseEpoch=1)
        peer.lost.add(key)
        await peer.until(lambda: bool(peer.to("/SubmitJobState")))
        peer.starts.clear()
        await peer.until(lambda: running.job_folders == [])
        assert peer.states_of(key) == []
        search = ["pgrep", "-f", f"jobs/{key}/"]
        still = await asyncio.create_subprocess_exec(*search, stdout=subprocess.PIPE)
        assert (await still.communicate())[0] == b""

    async def test_a_newer_lease_replaces_the_running_process(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        arguments, began, go = places(tmp_path)
        peer.add_package({"main.py": WAIT})
        agent()
        key = peer.start(arguments=arguments, leaseEpoch=1)
        await peer.until(lambda: began.exists() and began.read_text() == "x")
        peer.start(key=key, arguments=arguments, leaseEpoch=2)
        await peer.until(lambda: began.read_text() == "xx")
        go.touch()
        final = await peer.final(key)
        assert (final["jobState"], final["leaseEpoch"]) == ("Successful", 2)
        assert [report["leaseEpoch"] for report in peer.reports[key]] == [1, 2, 2]

    async def test_a_repeated_start_of_an_ended_job_is_ignored(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        arguments, began, go = places(tmp_path)
        go.touch()
        peer.add_package({"main.py": WAIT})
        running = agent(heartbeat_s=0.1)
        key = peer.start(arguments=arguments, leaseEpoch=1)
        await peer.final(key)
        await peer.until(lambda: running.job_folders == [])
        peer.reports.clear()
        seen = len(peer.to("/HeartbeatV2"))
        await peer.until(lambda: len(peer.to("/HeartbeatV2")) > seen + 2)
        assert began.read_text() == "x"
