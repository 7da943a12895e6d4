from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.db import connect
from podium.kernel.errors import Unavailable
from podium.kernel.migrate import MigrationError, migrate, state, statements


def write(folder: Path, **files: str) -> Path:
    for name, sql in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(sql)
    return folder


async def value(url: str, question: str) -> object:
    connection = await connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_files_are_applied_once_in_order(database_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0002_rows="INSERT INTO a.t VALUES (1); INSERT INTO a.t VALUES (2);")
    write(tmp_path, m0001_table="CREATE SCHEMA a; SET search_path = a; CREATE TABLE t (n int);")
    assert await migrate(database_url, tmp_path) == ["0001_table.sql", "0002_rows.sql"]
    assert await migrate(database_url, tmp_path) == []
    write(tmp_path, m0003_more="INSERT INTO a.t VALUES (3);")
    assert await migrate(database_url, tmp_path) == ["0003_more.sql"]
    assert await value(database_url, "SELECT sum(n) FROM a.t") == 6


async def test_the_state_lists_applied_and_pending_and_changes_nothing(database_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_one="CREATE TABLE one (n int)")
    assert [(item.name, item.applied_at) for item in await state(database_url, tmp_path)] == [("0001_one.sql", None)]
    assert await value(database_url, "SELECT to_regclass('podium_migrations')") is None
    await migrate(database_url, tmp_path)
    write(tmp_path, m0002_two="CREATE TABLE two (n int)")
    listed = await state(database_url, tmp_path)
    assert [(item.number, item.applied_at is None) for item in listed] == [(1, False), (2, True)]


async def test_a_failing_file_leaves_nothing_and_names_its_line(database_url: str, tmp_path: Path) -> None:
    write(
        tmp_path,
        m0001_one="CREATE TABLE one (n int);",
        m0002_two="CREATE TABLE two (n int);\nINSERT INTO gone VALUES (1);",
    )
    with pytest.raises(MigrationError, match=r'0002_two\.sql failed in line 2: relation "gone" does not exist'):
        await migrate(database_url, tmp_path)
    assert await value(database_url, "SELECT to_regclass('two')") is None
    assert await value(database_url, "SELECT count(*) FROM podium_migrations") == 1
    write(tmp_path, m0002_two="CREATE TABLE two (n int);")
    assert await migrate(database_url, tmp_path) == ["0002_two.sql"]


async def test_any_number_of_nodes_may_start_at_once(database_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_table="CREATE TABLE t (n int);")
    write(tmp_path, m0002_index="-- podium: no-transaction\nCREATE INDEX CONCURRENTLY t_n ON t (n);")
    applied = await asyncio.gather(*(migrate(database_url, tmp_path) for _ in range(4)))
    assert sorted(len(names) for names in applied) == [0, 0, 0, 2]


async def test_a_file_without_transaction_runs_statement_by_statement(database_url: str, tmp_path: Path) -> None:
    sql = """-- podium: no-transaction
CREATE TABLE t (s text DEFAULT ';'); -- not here; nor there
DO $do$ BEGIN INSERT INTO t DEFAULT VALUES; END $do$;
CREATE INDEX CONCURRENTLY t_s ON t (s);
"""
    write(tmp_path, m0001_table=sql)
    assert await migrate(database_url, tmp_path) == ["0001_table.sql"]
    assert await value(database_url, "SELECT s FROM t") == ";"


async def test_a_changed_file_is_refused(database_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_one="CREATE TABLE one (n int);\n")
    await migrate(database_url, tmp_path)
    (tmp_path / "0001_one.sql").write_bytes(b"CREATE TABLE one (n int);\r\n")
    assert await migrate(database_url, tmp_path) == []
    write(tmp_path, m0001_one="CREATE TABLE one (n bigint);\n")
    with pytest.raises(MigrationError, match=r"0001_one\.sql was changed"):
        await migrate(database_url, tmp_path)


async def test_a_database_ahead_of_the_files_is_refused(database_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_one="SELECT 1", m0002_two="SELECT 2")
    await migrate(database_url, tmp_path)
    (tmp_path / "0002_two.sql").unlink()
    with pytest.raises(MigrationError, match=r"is at migration 0002_two\.sql, this server knows up to 0001"):
        await migrate(database_url, tmp_path)


async def test_a_missing_or_late_file_is_refused(database_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_one="SELECT 1", m0003_three="SELECT 3")
    await migrate(database_url, tmp_path)
    write(tmp_path, m0002_two="SELECT 2")
    with pytest.raises(MigrationError, match=r"0002_two\.sql comes before 0003"):
        await migrate(database_url, tmp_path)
    (tmp_path / "0001_one.sql").unlink()
    with pytest.raises(MigrationError, match=r"0001_one\.sql is missing"):
        await migrate(database_url, tmp_path)


async def test_a_file_that_ends_its_own_transaction_is_refused(database_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_one="CREATE TABLE one (n int); COMMIT;")
    with pytest.raises(MigrationError, match="ends its own transaction"):
        await migrate(database_url, tmp_path)


@pytest.mark.parametrize("names", [("m1_one",), ("m0001_One",), ("m0001_one", "m0001_two")])
async def test_names_that_give_no_order_are_refused(database_url: str, tmp_path: Path, names: tuple[str, ...]) -> None:
    write(tmp_path, **dict.fromkeys(names, "SELECT 1"))
    with pytest.raises(MigrationError, match=r"NNNN_name\.sql|same number"):
        await migrate(database_url, tmp_path)


async def test_an_open_connection_serves_and_stays_open(database_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_one="CREATE TABLE one (n int)")
    connection = await connect(database_url)
    assert await migrate(connection, tmp_path) == ["0001_one.sql"]
    assert await connection.fetchval("SELECT count(*) FROM one") == 0
    await connection.close()


async def test_no_database_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await migrate(f"postgresql:///podium?host={tmp_path}", tmp_path)


class TestStatements:
    @pytest.mark.parametrize(
        ("sql", "found"),
        [
            ("", []),
            (" ; ;\n", []),
            ("-- only a word;\n/* and ; another */", []),
            ("a; b", ["a", "b"]),
            ("a ';' ; b", ["a ';'", "b"]),
            ("a 'it''s;' ; b", ["a 'it''s;'", "b"]),
            (r"a E'\';' ; b", [r"a E'\';'", "b"]),
            (r"a '\' ; b", [r"a '\'", "b"]),
            ('a "x;""y;" ; b', ['a "x;""y;"', "b"]),
            ("a $$ ; $$ ; b", ["a $$ ; $$", "b"]),
            ("a $t$ ; $$ ; $t$ ; b", ["a $t$ ; $$ ; $t$", "b"]),
            ("a /* ; /* ; */ ; */ ; b", ["a /* ; /* ; */ ; */", "b"]),
            ("a -- ; '\n ; b", ["a -- ; '", "b"]),
            ("a$b$c ; d$b$", ["a$b$c", "d$b$"]),
            ("select name'x;' ; b", ["select name'x;'", "b"]),
            ("'';''", ["''", "''"]),
        ],
    )
    def test_separators_count_only_outside(self, sql: str, found: list[str]) -> None:
        assert statements(sql) == found

    @given(
        st.lists(
            st.lists(
                st.sampled_from(
                    ["x", "';'", "'it''s;'", '";"', "$$;'$$", "$q$;$$;$q$", "/*;/*;*/'*/", r"E'\';'", "--;'\n"]
                ),
                min_size=1,
                max_size=5,
            ).filter(lambda parts: any(not part.startswith(("/*", "--")) for part in parts)),
            max_size=5,
        )
    )
    def test_what_was_joined_is_split(self, made: list[list[str]]) -> None:
        scripts = [" ".join(parts).strip() for parts in made]
        assert statements(" ;\n".join(f"{script}\n" for script in scripts)) == scripts
