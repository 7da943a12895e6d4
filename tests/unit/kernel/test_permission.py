"""The permission sentences of the contract and the scopes of tokens."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.contract import Contract
from podium.kernel.permission import NOTHING, Need, SentenceError, allows, compile_gate, compile_need, scope_allows

CONTRACT = Contract.load(Path(__file__).parents[3] / "contract")
NAMES = ("Jobs.View", "Jobs.Create", "Units.View", "Users.Edit")

Tree = str | tuple[str, "Tree", "Tree"]


def trees() -> st.SearchStrategy[Tree]:
    names: st.SearchStrategy[Tree] = st.sampled_from(NAMES)
    return st.recursive(names, lambda inner: st.tuples(st.sampled_from(("and", "or")), inner, inner), max_leaves=8)


def written(tree: Tree) -> str:
    return tree if isinstance(tree, str) else f"({written(tree[1])} {tree[0]} {written(tree[2])})"


def holds(tree: Tree, granted: frozenset[str]) -> bool:
    if isinstance(tree, str):
        return tree in granted
    left, right = holds(tree[1], granted), holds(tree[2], granted)
    return (left and right) if tree[0] == "and" else (left or right)


class TestCompileNeed:
    @given(trees())
    def test_a_sentence_lets_in_exactly_whom_its_words_let_in(self, tree: Tree) -> None:
        need = compile_need(written(tree))
        for chosen in product((True, False), repeat=len(NAMES)):
            granted = frozenset(name for name, has in zip(NAMES, chosen, strict=True) if has)
            assert allows(need, granted) == holds(tree, granted)

    @given(trees())
    def test_no_alternative_holds_another(self, tree: Tree) -> None:
        need = compile_need(written(tree))
        assert not any(one < other for one in need for other in need)

    def test_and_binds_tighter_than_or(self) -> None:
        assert compile_need("A.View or B.View and C.View") == (frozenset({"A.View"}), frozenset({"B.View", "C.View"}))

    def test_a_conditional_sentence_is_met_by_any_one_of_its_permissions(self) -> None:
        need = compile_need("Packages.View and FolderPackages.View [conditional]")
        assert need == (frozenset({"FolderPackages.View"}), frozenset({"Packages.View"}))

    @pytest.mark.parametrize(
        "sentence", ["", "and", "A.View and", "(A.View", "A.View)", "A.View B.View", "A.View & B.View", "Jobs"]
    )
    def test_a_sentence_that_cannot_be_read_is_refused(self, sentence: str) -> None:
        with pytest.raises(SentenceError):
            compile_need(sentence)


class TestCompileGate:
    def test_every_row_of_the_contract_compiles(self) -> None:
        for row in CONTRACT:
            gate = compile_gate(row.permissions)
            assert gate.need
            assert not (gate.anonymous and gate.need != NOTHING)

    def test_markers_and_a_sentence_stand_side_by_side(self) -> None:
        gate = compile_gate("Units.View and SubFolders.View [conditional]; no-oauth")
        assert (gate.no_oauth, gate.conditional, gate.host_only, gate.anonymous) == (True, True, False, False)
        assert len(gate.need) == 2

    @pytest.mark.parametrize("cell", ["", "authenticated-only"])
    def test_without_a_sentence_nothing_is_needed_but_a_token(self, cell: str) -> None:
        gate = compile_gate(cell)
        assert allows(gate.need, frozenset())
        assert not gate.anonymous

    def test_a_robot_row_is_marked(self) -> None:
        assert compile_gate(CONTRACT.named("Robots_HeartbeatV2").permissions).robot

    def test_two_sentences_are_refused(self) -> None:
        with pytest.raises(SentenceError):
            compile_gate("Jobs.View; Jobs.Edit")


NOBODY: Need = ()


def test_no_alternative_lets_nobody_in() -> None:
    assert not allows(NOBODY, frozenset(NAMES))


class TestScopeAllows:
    @pytest.mark.parametrize(
        ("row", "token", "expected"),
        [
            ({"OR.Jobs", "OR.Jobs.Read"}, {"OR.Jobs.Read"}, True),
            ({"OR.Jobs", "OR.Jobs.Read"}, {"OR.Jobs"}, True),
            ({"OR.Jobs.Read"}, {"OR.Jobs"}, True),
            ({"OR.Jobs", "OR.Jobs.Read"}, {"OR.Jobs.Write"}, False),
            ({"OR.Jobs", "OR.Jobs.Write"}, {"OR.Jobs.Read", "OR.Queues"}, False),
            ({"OR.Jobs"}, set(), False),
            (set(), set(), True),
        ],
    )
    def test_a_bare_scope_covers_read_and_write(self, row: set[str], token: set[str], expected: bool) -> None:
        assert scope_allows(frozenset(row), frozenset(token)) is expected
