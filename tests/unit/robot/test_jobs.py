"""What an agent does with its jobs, seen from the server."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

Begin = Callable[..., Any]

READ_ARGUMENTS = "import json, os, sys\narguments = json.load(open(sys.argv[1]))\n"
ECHO = READ_ARGUMENTS + (
    "print('hello', arguments.get('name'))\nprint('careful', file=sys.stderr)\n"
    "json.dump({'got': arguments}, open(os.environ['PODIUM_OUTPUT'], 'w'))\n"
)
SLEEP = "import time\nprint('started', flush=True)\ntime.sleep(60)\n"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf')\ntime.sleep(60)\n"
POLITE = (
    "import json, os, signal, sys, time\n"
    "def leave(*_):\n    json.dump({'left': 'well'}, open(os.environ['PODIUM_OUTPUT'], 'w'))\n    sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, leave)\nprint('ready')\ntime.sleep(60)\n"
)


class TestSuccess:
    async def test_successful_with_output_and_log_lines(self, peer: Any, agent: Begin) -> None:
        digest = peer.add_package({"main.py": ECHO})
        running = agent()
        key = peer.start(arguments={"name": "Ada"}, packageHash=digest, leaseEpoch=7, traceId="3f00")
        final = await peer.final(key)
        assert peer.states_of(key) == ["Running", "Successful"]
        assert json.loads(final["outputArguments"]) == {"got": {"name": "Ada"}}
        assert final["leaseEpoch"] == 7
        assert final["traceId"] == "3f00"
        assert final["error"] is None
        assert sorted(peer.messages_of(key)) == [("Error", "careful"), ("Info", "hello Ada")]
        await peer.until(lambda: running.job_folders == [])

    async def test_log_entries_name_job_folder_process_and_host(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": "print('one')\n"})
        agent()
        key = peer.start()
        await peer.final(key)
        entry = peer.logs[0]
        assert entry["jobId"] == key
        assert entry["organizationUnitId"] == 3
        assert (entry["processName"], entry["processVersion"]) == ("Demo process", "1.0.0")
        assert (entry["robotName"], entry["machineId"], entry["machineName"]) == ("ada", 12, "tést-host")
        assert entry["timeStamp"].endswith("Z")
        assert uuid.UUID(entry["fingerprint"])

    async def test_many_log_lines_arrive_once_and_in_order(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": "for i in range(500): print('line', i)\n"})
        peer.trouble["submitlogs"] = [503, 500]
        agent()
        key = peer.start()
        await peer.final(key)
        await peer.until(lambda: len(peer.logs) == 500)
        assert [entry["message"] for entry in peer.logs] == [f"line {i}" for i in range(500)]

    async def test_output_of_more_than_10_kib_travels_as_a_file(self, peer: Any, agent: Begin) -> None:
        code = "import json, os\njson.dump({'text': 'ä' * 11000}, open(os.environ['PODIUM_OUTPUT'], 'w'))\n"
        peer.add_package({"main.py": code})
        agent()
        key = peer.start()
        final = await peer.final(key)
        assert final["outputFile"] == f"{key}-out"
        assert final["outputArguments"] is None
        assert json.loads(peer.blobs[f"{key}-out"]) == {"text": "ä" * 11000}
        assert peer.to(f"/blob/{key}-out")[0].headers["x-ms-blob-type"] == "BlockBlob"

    async def test_input_that_is_too_large_for_the_command_is_fetched(self, peer: Any, agent: Begin) -> None:
        code = READ_ARGUMENTS + "json.dump({'n': len(arguments['text'])}, open(os.environ['PODIUM_OUTPUT'], 'w'))\n"
        peer.add_package({"main.py": code})
        agent()
        key = str(uuid.uuid4())
        peer.blobs[f"{key}-in"] = json.dumps({"text": "x" * 500_000}).encode()
        peer.start(key=key, inputFile="attachment")
        assert json.loads((await peer.final(key))["outputArguments"]) == {"n": 500_000}

    async def test_the_job_sees_its_context_and_no_secret_of_the_robot(
        self, peer: Any, agent: Begin, monkeypatch: Any
    ) -> None:
        monkeypatch.setenv("PODIUM_ROBOT_MACHINE_KEY", "secret")
        monkeypatch.setenv("SOME_OTHER_NAME", "6f0c1c2e-9d5b-4f0a-8a37-machine-key")
        monkeypatch.setenv("KEPT", "yes")
        code = "import json, os\njson.dump(dict(os.environ), open(os.environ['PODIUM_OUTPUT'], 'w'))\n"
        peer.add_package({"main.py": code})
        agent()
        key = peer.start(environmentVariables="A=1=2\nUIPATH_FOLDER_PATH=mine", accessToken="job-token")
        seen = json.loads((await peer.final(key))["outputArguments"])
        assert "machine-key" not in json.dumps(seen)
        assert [name for name in seen if name.startswith("PODIUM_")] == ["PODIUM_OUTPUT"]
        assert seen["UIPATH_URL"] == peer.url
        assert seen["UIPATH_JOB_KEY"] == key
        assert seen["UIPATH_PROCESS_UUID"] == "c11d0000-0000-4000-8000-000000000001"
        assert seen["UIPATH_FOLDER_KEY"] == "9a4b0000-0000-4000-8000-000000000002"
        assert (seen["UIPATH_ORGANIZATION_ID"], seen["UIPATH_TENANT_ID"]) == ("acme", "main")
        assert seen["UIPATH_ACCESS_TOKEN"] == "job-token"
        assert seen["UIPATH_TELEMETRY_ENABLED"] == "false"
        assert uuid.UUID(seen["UIPATH_TRACE_ID"])
        assert (seen["A"], seen["UIPATH_FOLDER_PATH"], seen["KEPT"]) == ("1=2", "mine", "yes")

    async def test_jobs_of_one_package_do_not_see_each_others_files(self, peer: Any, agent: Begin) -> None:
        code = (
            "import json, os\nopen('data.txt', 'a').write('x')\n"
            "json.dump({'data': open('data.txt').read()}, open(os.environ['PODIUM_OUTPUT'], 'w'))\n"
        )
        peer.add_package({"main.py": code, "data.txt": "from the package "})
        agent()
        for key in [peer.start() for _ in range(3)]:
            assert json.loads((await peer.final(key))["outputArguments"]) == {"data": "from the package x"}
        assert len([asked for asked in peer.asked if "DownloadPackage" in asked.path]) == 1


class TestFault:
    async def test_faulted_with_the_exception_as_reason(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": "def f():\n    raise ValueError('no such invoice')\nf()\n"})
        agent()
        key = peer.start()
        final = await peer.final(key)
        assert peer.states_of(key) == ["Running", "Faulted"]
        assert final["error"]["title"] == "ValueError: no such invoice"
        assert "in f" in final["error"]["detail"]
        assert final["info"].startswith("ValueError: no such invoice: Traceback")

    async def test_faulted_without_running_when_the_package_is_unknown(self, peer: Any, agent: Begin) -> None:
        agent()
        key = peer.start()
        final = await peer.final(key)
        assert peer.states_of(key) == ["Faulted"]
        assert final["error"]["code"] == "PYTHON.JOB_PREPARATION_FAILED"
        assert "no such package" in final["error"]["detail"]

    async def test_faulted_when_the_package_has_another_hash(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": ECHO})
        agent()
        final = await peer.final(peer.start(packageHash="0" * 64))
        assert "not the one the server announced" in final["error"]["detail"]

    async def test_faulted_when_the_output_is_no_object(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": "import os\nopen(os.environ['PODIUM_OUTPUT'], 'w').write('[1]')\n"})
        agent()
        assert (await peer.final(peer.start()))["error"]["code"] == "PYTHON.INVALID_OUTPUT"

    async def test_faulted_after_the_time_limit(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": STUBBORN})
        agent()
        key = peer.start(timeLimitSeconds=0.5)
        final = await peer.final(key)
        assert final["jobState"] == "Faulted"
        assert final["error"]["code"] == "PODIUM.TIME_LIMIT"

    async def test_processes_that_a_job_leaves_behind_are_ended(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        beat = tmp_path / "beat"
        child = f"import time\nwhile True:\n    open({str(beat)!r}, 'a').write('.')\n    time.sleep(0.02)\n"
        code = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(0.5)\n"
        peer.add_package({"main.py": code})
        agent()
        assert (await peer.final(peer.start()))["jobState"] == "Successful"
        size = beat.stat().st_size
        await asyncio.sleep(0.2)
        assert beat.stat().st_size == size > 0


class TestStop:
    async def test_stopped_by_sigterm(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": SLEEP})
        agent(stop_grace_s=30)
        key = peer.start()
        await peer.until(lambda: bool(peer.messages_of(key)))
        peer.stop(key)
        await peer.final(key, limit_s=10)
        assert peer.states_of(key) == ["Running", "Stopped"]

    async def test_successful_when_the_job_ends_well_after_a_soft_stop(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": POLITE})
        agent(stop_grace_s=30)
        key = peer.start()
        await peer.until(lambda: bool(peer.messages_of(key)))
        peer.stop(key)
        final = await peer.final(key, limit_s=10)
        assert (final["jobState"], final["outputArguments"]) == ("Successful", '{"left":"well"}')

    async def test_stopped_by_force_when_the_grace_is_over(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": STUBBORN})
        agent(stop_grace_s=0.3)
        key = peer.start()
        await peer.until(lambda: bool(peer.messages_of(key)))
        began = time.monotonic()
        peer.stop(key)
        assert (await peer.final(key))["jobState"] == "Stopped"
        assert time.monotonic() - began >= 0.3

    async def test_kill_does_not_wait_for_the_grace(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": STUBBORN})
        running = agent(stop_grace_s=60)
        key = peer.start()
        await peer.until(lambda: bool(peer.messages_of(key)))
        peer.stop(key)
        await peer.until(lambda: '"stop":"SoftStop"' in (running.job_folders[0] / "state.json").read_text())
        peer.stop(key, "Kill")
        assert (await peer.final(key, limit_s=10))["jobState"] == "Stopped"

    async def test_a_stop_before_the_start_of_the_process_ends_the_job(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": SLEEP})
        agent(slots=1)
        first = peer.start()
        await peer.until(lambda: "Running" in peer.states_of(first))
        second = str(uuid.uuid4())
        peer.stop(second)
        await peer.final(second)
        assert peer.states_of(second) == ["Stopped"]
        peer.stop(first, "Kill")
        await peer.final(first)


class TestSlots:
    async def test_20_jobs_on_4_slots_run_four_at_a_time(self, peer: Any, agent: Begin, tmp_path: Path) -> None:
        code = (
            "import os, time, uuid\nfolder = os.environ['COUNT']\nmine = os.path.join(folder, uuid.uuid4().hex)\n"
            "open(mine, 'w').close()\nprint('together', len(os.listdir(folder)))\ntime.sleep(0.1)\nos.remove(mine)\n"
        )
        count = tmp_path / "count"
        count.mkdir()
        peer.add_package({"main.py": code})
        agent(slots=4)
        keys = [peer.start(environmentVariables=f"COUNT={count}") for _ in range(20)]
        for key in keys:
            assert (await peer.final(key, limit_s=60))["jobState"] == "Successful"
        together = {int(entry["message"].split()[1]) for entry in peer.logs}
        assert max(together) <= 4
        assert len(together) > 1
        assert all(peer.states_of(key).count("Successful") == 1 for key in keys)

    async def test_a_full_agent_asks_for_more_as_soon_as_a_slot_is_free(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": "print('done')\n"})
        agent(slots=1)
        keys = [peer.start() for _ in range(3)]
        began = time.monotonic()
        for key in keys:
            await peer.final(key)
        assert time.monotonic() - began < 10
        assert {asked.json["freeSlots"] for asked in peer.to("/Commands")} == {0, 1}


class TestProtocol:
    async def test_every_call_carries_the_robot_headers(self, peer: Any, agent: Begin) -> None:
        agent()
        await peer.until(lambda: bool(peer.to("/Commands")))
        for asked in peer.asked:
            assert asked.headers["x-robot-license"] == "6f0c1c2e-9d5b-4f0a-8a37-machine-key"
            assert asked.headers["x-robot-machine-encoded"] == "dMOpc3QtaG9zdA=="
            assert asked.headers["x-robot-service-username-encoded"] == "RE9NXGphbmU="
            assert "process/python" in asked.headers["x-robot-capabilities"]
        assert peer.to("/StartService")[0].json == {"serviceUserName": "DOM\\jane", "runningJobs": []}

    async def test_client_credentials_work_without_a_machine_key(self, peer: Any, agent: Begin) -> None:
        code = "import json, os\njson.dump(dict(os.environ), open(os.environ['PODIUM_OUTPUT'], 'w'))\n"
        peer.add_package({"main.py": code})
        agent(machine_key=None, client_id="machine", client_secret="hidden")
        final = await peer.final(peer.start())
        assert json.loads(final["outputArguments"])["UIPATH_ACCESS_TOKEN"] == "machine-token"
        assert len(peer.to("/identity_/connect/token")) == 1

    async def test_a_token_that_is_refused_is_renewed(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": "print('done')\n"})
        peer.trouble["submitjobstate"] = [401]
        agent(machine_key=None, client_id="machine", client_secret="hidden")
        key = peer.start()
        await peer.final(key)
        assert peer.states_of(key) == ["Running", "Successful"]
        assert len(peer.to("/identity_/connect/token")) == 2

    async def test_a_server_without_the_long_poll_is_asked_by_heartbeats(self, peer: Any, agent: Begin) -> None:
        peer.has_long_poll = False
        peer.add_package({"main.py": "print('done')\n"})
        agent()
        assert (await peer.final(peer.start()))["jobState"] == "Successful"
        assert len(peer.to("/Commands")) == 1

    async def test_heartbeats_name_the_running_jobs(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": SLEEP})
        agent(heartbeat_s=0.1)
        key = peer.start(leaseEpoch=3)
        await peer.until(lambda: any(asked.json["heartbeats"] for asked in peer.to("/HeartbeatV2")))
        beat = next(asked.json["heartbeats"] for asked in peer.to("/HeartbeatV2") if asked.json["heartbeats"])
        assert [(one["jobKey"], one["jobState"], one["leaseEpoch"]) for one in beat] == [(key, "Running", 3)]
        peer.stop(key, "Kill", leaseEpoch=3)
        await peer.final(key)

    async def test_a_malformed_command_does_not_hide_the_others(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": "print('done')\n"})
        peer.starts["broken"] = {"robotKey": 5, "data": {"jobKey": "broken"}}
        peer.starts["outside"] = {"robotKey": "x", "data": {"jobKey": "../../outside", "type": "StartProcess"}}
        agent()
        assert (await peer.final(peer.start()))["jobState"] == "Successful"

    async def test_leaving_ends_the_jobs_and_signs_off(self, peer: Any, agent: Begin) -> None:
        peer.add_package({"main.py": SLEEP})
        running = agent(stop_grace_s=0.2)
        key = peer.start()
        await peer.until(lambda: bool(peer.messages_of(key)))
        await running.leave()
        assert peer.states_of(key) == ["Running", "Faulted"]
        assert peer.reports[key][1]["error"]["code"] == "PODIUM.ROBOT_SHUT_DOWN"
        assert len(peer.to("/StopService")) == 1
        assert running.job_folders == []
