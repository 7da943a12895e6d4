"""Each check finds the fault that it is for, and lets pass what its reason does not cover."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tools.checks import clock, length, neighbours, scope, sql, writes
from tools.checks.__main__ import faults
from tools.checks.source import Source

JOBS = "src/podium/orchestrator/jobs/store.py"
SCOPED = "from podium.orchestrator.scope import IN_FOLDERS\nfrom podium.orchestrator import scope as s\n"


def source(text: str, path: str = JOBS) -> Source:
    return Source(PurePosixPath(path), text)


class TestScope:
    @pytest.mark.parametrize(
        "predicate",
        [
            "t.folder_id = $2",
            "folder_id = ANY($2::bigint[])",
            "x.folder_id IN ($2, $3)",
            "t.folder_id <> ALL ($3)",
            "t.folder_id IS NOT DISTINCT FROM $3::bigint",
            "$2::bigint = t.folder_id",
        ],
    )
    def test_finds_a_comparison_with_a_parameter_and_its_line(self, predicate: str) -> None:
        (fault,) = scope.check(source(f'A = 1\nQ = """\nSELECT 1 FROM x t\n WHERE {predicate}\n"""\n'))
        assert (fault.line, fault.rule) == (4, "scope")

    def test_finds_it_in_an_f_string_and_after_an_assignment(self) -> None:
        text = 'Q = f"UPDATE x t SET folder_id = $3 WHERE {LIMIT} AND t.folder_id = $2"\n'
        assert len(list(scope.check(source(text)))) == 1

    @pytest.mark.parametrize(
        "text",
        [
            'Q = "SELECT 1 FROM a JOIN b ON a.folder_id = b.id"',
            'Q = "UPDATE x SET state = $1, folder_id = $2"',
            'Q = "SELECT folder_id, $2 FROM x"',
            'Q = "SELECT 1 FROM x t WHERE t.parent_folder_id_of = $1"',
            '"""Never say t.folder_id = $2."""',
        ],
    )
    def test_lets_pass_joins_assignments_and_prose(self, text: str) -> None:
        assert not list(scope.check(source(text)))

    def test_lets_pass_the_one_place(self) -> None:
        text = 'IN_FOLDERS = "t.folder_id = ANY($2)"'
        assert not list(scope.check(source(text, "src/podium/orchestrator/scope.py")))


class TestClock:
    @pytest.mark.parametrize(
        "call", ["datetime.now(UTC)", "datetime.utcnow()", "datetime.datetime.now()", "time.time()", "date.today()"]
    )
    def test_finds_a_call_of_the_systems_clock(self, call: str) -> None:
        assert len(list(clock.check(source(f"x = {call}")))) == 1

    def test_finds_an_import_that_hides_one(self) -> None:
        assert len(list(clock.check(source("from time import monotonic, time")))) == 1

    @pytest.mark.parametrize("text", ["x = call.now", "x = time.monotonic()", "x = clock()", "x = self.time()"])
    def test_lets_pass_arguments_and_durations(self, text: str) -> None:
        assert not list(clock.check(source(text)))

    @pytest.mark.parametrize("path", ["src/podium/kernel/clock.py", "src/podium/robot/agent.py", "tests/a.py"])
    def test_lets_pass_the_edges(self, path: str) -> None:
        assert not list(clock.check(source("x = datetime.now(UTC)", path)))


class TestWrites:
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO orchestrator.robots (id) VALUES ($1)",
            "WITH x AS (UPDATE orchestrator.robots SET name = $1) SELECT 1",
            "delete from ONLY orchestrator.robots",
            "MERGE INTO orchestrator.robots USING x ON true",
        ],
    )
    def test_finds_a_write_to_another_areas_table(self, statement: str) -> None:
        (fault,) = writes.check(source(f'Q = "{statement}"'))
        assert "belongs to robots" in fault.message

    def test_finds_a_table_without_an_owner(self) -> None:
        (fault,) = writes.check(source('Q = "UPDATE orchestrator.wishes SET x = 1"'))
        assert "no owner" in fault.message

    def test_lets_pass_own_tables_audit_outbox_and_locks(self) -> None:
        text = (
            'A = "UPDATE orchestrator.jobs SET state = $1"\n'
            'B = "INSERT INTO kernel.audit (id) SELECT 1 FROM orchestrator.robots FOR UPDATE SKIP LOCKED"\n'
            'C = "INSERT INTO kernel.outbox VALUES (1) ON CONFLICT DO UPDATE SET x = 1"\n'
        )
        assert not list(writes.check(source(text)))


class TestNeighbours:
    @pytest.mark.parametrize(
        "line",
        [
            "from podium.orchestrator.robots import store",
            "from podium.orchestrator.robots import actions, store as s",
            "from podium.orchestrator.robots.api import list_robots",
            "import podium.orchestrator.robots.store",
            "from podium.orchestrator.folders.members.store import ADD",
        ],
    )
    def test_finds_an_import_of_the_inside(self, line: str) -> None:
        assert len(list(neighbours.check(source(line)))) == 1

    @pytest.mark.parametrize(
        "line",
        [
            "from podium.orchestrator.robots import actions, entity, rules",
            "from podium.orchestrator.robots.rules import clean_name",
            "from podium.orchestrator.jobs import store",
            "from podium.orchestrator.jobs.store import ADD",
            "from podium.orchestrator.packages.arguments import check_arguments",
            "from podium.orchestrator.scope import IN_FOLDERS",
            "from podium.orchestrator import scope",
            "from podium.kernel.db import Connection",
        ],
    )
    def test_lets_pass_what_areas_offer(self, line: str) -> None:
        assert not list(neighbours.check(source(line)))

    def test_lets_pass_files_right_in_a_context(self) -> None:
        line = "from podium.orchestrator.jobs import store"
        assert not list(neighbours.check(source(line, "src/podium/orchestrator/signals.py")))


class TestLength:
    @pytest.mark.parametrize(("path", "limit"), [(JOBS, 400), ("tests/unit/test_a.py", 800), ("tools/a.py", 400)])
    def test_finds_a_file_over_its_limit(self, path: str, limit: int) -> None:
        assert not list(length.check(source("x = 1\n" * limit, path)))
        assert len(list(length.check(source("x = 1\n" * (limit + 1), path)))) == 1

    def test_finds_a_function_over_sixty_lines(self) -> None:
        just_right = "async def f() -> None:\n" + "    x = 1\n" * 59
        assert not list(length.check(source(just_right)))
        (fault,) = length.check(source(just_right + "    x = 1\n"))
        assert (fault.line, fault.message) == (1, "f has 61 lines, over 60")

    def test_lets_pass_generated_structs(self) -> None:
        assert not list(length.check(source("x = 1\n" * 5000, "src/podium/wire/__init__.py")))


class TestSql:
    @pytest.mark.parametrize(
        "line",
        [
            'Q = f"SELECT 1 FROM x WHERE name = {name}"',
            'Q = f"SELECT {COLUMNS} FROM x"',
            'Q = f"t.id = $3 AND {condition}"',
            'Q = "SELECT 1 FROM x WHERE name = %s" % name',
            'Q = "DELETE FROM x WHERE id = {}".format(id)',
            'Q = "SELECT 1 FROM x " + tail',
            'Q = "SELECT 1 FROM x"\nx = Q + " LIMIT 5"',
            'Q = "SELECT 1 FROM x"\nx = Q.replace("x", y)',
            'Q = " ".join(["SELECT 1 FROM x", tail])',
            'Q = "SELECT 1 FROM x"\nQ += tail',
            'q = "WHERE"\nq += f"SELECT 1 FROM x"',
        ],
    )
    def test_finds_a_statement_put_together(self, line: str) -> None:
        assert len(list(sql.check(source(SCOPED + line)))) == 1

    @pytest.mark.parametrize(
        "line",
        [
            'Q = f"SELECT 1 FROM x t WHERE {IN_FOLDERS} AND t.id = $3"',
            'Q = f"SELECT 1 FROM x t WHERE {s.IN_TENANT}"',
            'Q = "SELECT 1 FROM x" " WHERE id = $1"',
            'raise NotFound(f"No job {key}.")',
            'x = "a" + "b"',
            'x = f"{job}: select one"',
        ],
    )
    def test_lets_pass_literals_and_the_constants_of_scope(self, line: str) -> None:
        assert not list(sql.check(source(SCOPED + line)))

    @pytest.mark.parametrize(
        "body",
        [
            "await db.fetch(sql)",
            "await db.fetch(query=sql)",
            "await db.fetch(**sql)",
            'await db.execute(f"select {sql}")',
            'await db.execute("select %s" % sql)',
            'await db.execute("select " + sql)',
            'await db.fetchrow("select {}".format(sql))',
            'await db.fetchval("".join(sql))',
            "await db.fetchval(str(sql))",
            "await db.execute(ADD + sql)",
            "await db.execute(ADD.replace('x', sql))",
            "await db.execute(ADD if sql else sql)",
            "await db.execute(QUERIES[sql])",
            "await db.execute(make(sql))",
            "await db.execute(store.make(sql).sql)",
            "built = sql\n    await db.execute(built)",
            "built = ADD\n    built = sql\n    await db.execute(built)",
            "built = ADD\n    built += sql\n    await db.execute(built)",
            "for built in sql:\n        await db.execute(built)",
            "built, x = sql\n    await db.execute(built)",
            "if (built := sql):\n        await db.execute(built)",
            "with sql as built:\n        await db.execute(built)",
            "BUILT = sql\n    await db.execute(BUILT)",
            "run = db.fetch\n    await run(sql)",
            "await getattr(db, 'fetch')(sql)",
            "await db.prepare(sql)",
            "await (await connect()).execute(sql)",
            "await db.executemany(sql, [])",
        ],
    )
    def test_finds_what_is_given_to_a_connection_and_is_no_constant(self, body: str) -> None:
        text = f'ADD = "INSERT INTO x VALUES ($1)"\nasync def f(db, sql):\n    {body}\n'
        assert {fault.rule for fault in sql.check(source(text))} == {"sql"}

    @pytest.mark.parametrize(
        "body",
        [
            "await db.fetch(ADD, name)",
            "await db.fetch(store.ADD, name)",
            'await db.fetchval("SELECT 1")',
            "await db.fetch(ADD if name else store.ADD)",
            "made = ADD if name else store.ADD\n    await db.fetch(made, name)",
            "await db.fetch(statement.sql, *statement.args)",
            "await db.fetch(walk.statement.sql)",
            "await client.fetch()",
        ],
    )
    def test_lets_pass_constants_and_declared_statements(self, body: str) -> None:
        text = f'ADD = "INSERT INTO x VALUES ($1)"\nasync def f(db, name, statement, walk, client):\n    {body}\n'
        assert not list(sql.check(source(text)))

    @pytest.mark.parametrize(
        "text",
        [
            'COLUMNS = "t.id, t.name"\nQ = f"SELECT {COLUMNS} FROM x t"',
            'KEY = "t.id"\nBOTH = f"{KEY}, t.name"\nQ = f"SELECT {BOTH} FROM x t"',
            'HEAD = "WITH a AS (SELECT $1)"\nQ = f"{HEAD} SELECT 1 FROM a"',
        ],
    )
    def test_lets_pass_pieces_that_are_literals_of_the_module(self, text: str) -> None:
        assert not list(sql.check(source(text)))

    @pytest.mark.parametrize(
        "text",
        [
            'Q = f"SELECT {COLUMNS} FROM x t"\nCOLUMNS = "t.id"',
            'COLUMNS = ask()\nQ = f"SELECT {COLUMNS} FROM x t"',
            'KEY = ask()\nBOTH = f"{KEY}, t.name"\nQ = f"SELECT {BOTH} FROM x t"',
            'COLUMNS = "t.id"\nCOLUMNS = ask()\nQ = f"SELECT {COLUMNS} FROM x t"',
            'COLUMNS = "t.id"\nfor COLUMNS in ask():\n    pass\nQ = f"SELECT {COLUMNS} FROM x t"',
            'columns = "t.id"\nQ = f"SELECT {columns} FROM x t"',
            'COLUMNS = "t.id"\ndef f():\n    return f"SELECT {COLUMNS} FROM x t"',
            'HEAD = "WITH a AS (SELECT $1)"\nQ = f"{HEAD} {ask()}"',
        ],
    )
    def test_finds_pieces_that_are_not_there_as_a_whole_when_the_module_is_loaded(self, text: str) -> None:
        assert "sql" in {fault.rule for fault in sql.check(source(text))}

    def test_finds_a_scope_constant_that_is_another_modules(self) -> None:
        text = 'from podium.orchestrator.jobs.store import IN_FOLDERS\nQ = f"SELECT 1 FROM x WHERE {IN_FOLDERS}"'
        assert len(list(sql.check(source(text)))) == 1

    def test_lets_pass_the_compiler_of_filters(self) -> None:
        assert not list(sql.check(source('Q = f"SELECT {x}"', "src/podium/kernel/odata/page.py")))


def test_every_check_runs_and_a_fault_is_one_line() -> None:
    text = 'from time import time\nQ = f"UPDATE orchestrator.robots SET x = {x} WHERE folder_id = $2"\n' + "\n" * 400
    found = sorted(faults([source(text + "from podium.orchestrator.robots import store\n")]))
    assert {fault.rule for fault in found} == {"clock", "length", "neighbours", "scope", "sql", "writes"}
    assert str(found[0]) == f"{JOBS}:1: clock: time.time is imported; take `now` as an argument"
