"""The tree of folders under random changes, and the single rules of names, places and rights."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from podium.kernel.errors import ApiError, BadRequest, Code, Conflict, Forbidden, NotFound
from podium.orchestrator.folders import rules

KEY = UUID(int=7)
NAMES = st.sampled_from(["a", "A", "b", "Straße", "STRASSE", "Füße", "c d", "x/y"])


def place(
    chain: Sequence[int], *, path: str = "p", type_: str = "Standard", feed: str = "Processes", owner: int | None = None
) -> rules.Place:
    parent = chain[-2] if len(chain) > 1 else None
    return rules.Place(chain[-1], KEY, parent, list(chain), path.rpartition("/")[2], path, type_, feed, owner)


class TreeOfFolders(RuleBasedStateMachine):
    """The tree as the rules keep it, against parents and names kept apart."""

    folders = Bundle("folders")

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[int, rules.Place] = {}
        self.parents: dict[int, int | None] = {}
        self.names: dict[int, str] = {}

    def is_free(self, parent: int | None, name: str, apart_from: int | None = None) -> bool:
        return all(
            self.parents[id_] != parent or self.names[id_].casefold() != name.casefold() or id_ == apart_from
            for id_ in self.kept
        )

    def under(self, id_: int) -> list[rules.Place]:
        return [each for each in self.kept.values() if id_ in each.ancestor_ids]

    @rule(target=folders, parent=st.none() | folders, given_name=NAMES)
    def create(self, parent: int | None, given_name: str) -> object:
        above = None if parent is None else self.kept[parent]
        try:
            name = rules.clean_name(given_name)
            rules.check_new_child(above)
        except ApiError:
            return multiple()
        if not self.is_free(parent, name):
            return multiple()
        id_ = len(self.names) + 1
        chain = [*(above.ancestor_ids if above else []), id_]
        self.kept[id_] = place(chain, path=rules.path_below(above.path if above else None, name))
        self.parents[id_], self.names[id_] = parent, name
        return id_

    @rule(folder=folders, target_parent=st.none() | folders)
    def move(self, folder: int, target_parent: int | None) -> None:
        moved, target = self.kept[folder], None if target_parent is None else self.kept[target_parent]
        height = max(each.depth for each in self.under(folder)) - moved.depth + 1
        try:
            rules.check_move(moved, target, height)
        except Conflict:
            return
        if self.is_free(target_parent, self.names[folder], apart_from=folder):
            self.exchange(moved, rules.place_after_move(moved, target, self.names[folder]))
            self.parents[folder] = target_parent

    @rule(folder=folders, given_name=NAMES)
    def rename(self, folder: int, given_name: str) -> None:
        old = self.kept[folder]
        try:
            name = rules.clean_name(given_name)
        except BadRequest:
            return
        if self.is_free(old.parent_id, name, apart_from=folder):
            above = None if old.parent_id is None else self.kept[old.parent_id].path
            new = rules.Moved(old.parent_id, old.ancestor_ids, rules.path_below(above, name))
            self.exchange(old, new)
            self.names[folder] = name

    def exchange(self, old: rules.Place, new: rules.Moved) -> None:
        for each in self.under(old.id):
            chain, path = rules.rewritten(old, new, each.ancestor_ids, each.path)
            self.kept[each.id] = place(chain, path=path)

    @invariant()
    def paths_and_chains_follow_from_parents_and_names(self) -> None:
        for id_, kept in self.kept.items():
            chain: list[int] = []
            above: int | None = id_
            while above is not None:
                assert above not in chain
                chain.insert(0, above)
                above = self.parents[above]
            assert kept.ancestor_ids == chain
            assert kept.path == "/".join(self.names[each] for each in chain)
            assert kept.parent_id == self.parents[id_]
            assert kept.depth <= rules.MAX_DEPTH

    @invariant()
    def no_two_paths_are_the_same(self) -> None:
        paths = [kept.path.casefold() for kept in self.kept.values()]
        assert len(set(paths)) == len(paths)


TestTreeOfFolders = TreeOfFolders.TestCase
TestTreeOfFolders.settings = settings(max_examples=60, stateful_step_count=40)


@given(st.text(max_size=130))
def test_a_name_that_is_taken_can_stand_in_a_path(text: str) -> None:
    try:
        name = rules.clean_name(text)
    except BadRequest:
        return
    assert name == unicodedata.normalize("NFC", text)
    assert 0 < len(name) <= rules.MAX_NAME
    assert f"above/{name}".split("/") == ["above", name]
    assert rules.clean_name(name) == name


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a/b", "a\nb", "a\x00", ".", "..", "x" * 116, "a\u2028b"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        rules.clean_name(name)
    assert refusal.value.code == Code.INVALID_FOLDER_NAME


def test_a_decomposed_name_is_stored_composed() -> None:
    assert rules.clean_name("Fu\u0308\u00dfe") == "F\u00fc\u00dfe"


def test_a_description_has_a_limit() -> None:
    assert rules.clean_description("d" * 500) == "d" * 500
    assert rules.clean_description(None) is None
    with pytest.raises(BadRequest):
        rules.clean_description("d" * 501)


@pytest.mark.parametrize(
    ("moved", "target", "height", "code"),
    [
        (place([1]), place([1, 2]), 2, Code.CANNOT_MOVE_TO_DESCENDANT),
        (place([1]), place([1]), 1, Code.CANNOT_MOVE_TO_DESCENDANT),
        (place([1], type_="Personal", owner=3), None, 1, Code.CANNOT_MOVE_FOLDER),
        (place([1], type_="Solution"), None, 1, Code.CANNOT_MOVE_FOLDER),
        (place([1]), place([2], type_="Personal"), 1, Code.CANNOT_MOVE_FOLDER),
        (place([1], feed="FolderHierarchy"), place([2]), 1, Code.INCOMPATIBLE_FOLDER_PROPERTIES),
        (place([1]), place([2, 3, 4, 5, 6, 7, 8]), 1, Code.MAXIMUM_FOLDER_DEPTH),
        (place([1]), place([2, 3, 4, 5]), 4, Code.MAXIMUM_FOLDER_DEPTH),
    ],
)
def test_a_move_that_the_tree_cannot_take_is_refused(
    moved: rules.Place, target: rules.Place | None, height: int, code: Code
) -> None:
    with pytest.raises(Conflict) as refusal:
        rules.check_move(moved, target, height)
    assert refusal.value.code == code


def test_a_move_to_the_last_level_is_let_through() -> None:
    rules.check_move(place([1]), place([2, 3, 4, 5]), 3)


@pytest.mark.parametrize(
    ("given_feed", "is_root", "feed"),
    [("Processes", True, "Processes"), ("Undefined", False, "Processes"), ("FolderHierarchy", True, "FolderHierarchy")],
)
def test_the_feed_of_a_new_folder(given_feed: str, is_root: bool, feed: str) -> None:
    assert rules.feed_of_new(given_feed, is_root=is_root) == feed


@pytest.mark.parametrize(
    ("given_feed", "is_root"), [("FolderHierarchy", False), ("Libraries", True), ("PersonalWorkspace", True)]
)
def test_a_feed_that_a_new_folder_cannot_have(given_feed: str, is_root: bool) -> None:
    with pytest.raises(BadRequest) as refusal:
        rules.feed_of_new(given_feed, is_root=is_root)
    assert refusal.value.code == Code.INCOMPATIBLE_FOLDER_PROPERTIES


def test_the_nearest_folder_with_packages_gives_the_feed() -> None:
    assert rules.feed_root([1, 2, 3], {1}) == 1
    assert rules.feed_root([1, 2, 3], {1, 3}) == 3
    assert rules.feed_root([1, 2, 3], set()) is None


class TestPermission:
    """Units.X acts anywhere, SubFolders.X where it is held."""

    def check(self, held: str, here: str | None, *, type_: str = "Standard") -> rules.Place:
        return rules.check_permission(
            place([1], type_=type_),
            frozenset(held.split()),
            None if here is None else frozenset(here.split()),
            "Units.Edit",
            "SubFolders.Edit",
        )

    @pytest.mark.parametrize(("held", "here"), [("Units.Edit", None), ("Units.Edit", ""), ("", "SubFolders.Edit")])
    def test_the_right_is_enough(self, held: str, here: str | None) -> None:
        assert self.check(held, here).id == 1

    @pytest.mark.parametrize(("held", "here"), [("", "SubFolders.View"), ("Units.View", None), ("SubFolders.Edit", "")])
    def test_what_is_seen_without_the_right_is_forbidden(self, held: str, here: str | None) -> None:
        with pytest.raises(Forbidden):
            self.check(held, here)

    @pytest.mark.parametrize(("held", "here"), [("", None), ("SubFolders.Edit", None)])
    def test_what_is_not_seen_is_not_found(self, held: str, here: str | None) -> None:
        with pytest.raises(NotFound):
            self.check(held, here)

    def test_the_workspace_of_another_is_not_found_with_any_tenant_right(self) -> None:
        with pytest.raises(NotFound):
            self.check("Units.View Units.Edit", None, type_="Personal")

    def test_no_folder_is_not_found(self) -> None:
        with pytest.raises(NotFound):
            rules.check_permission(None, frozenset({"Units.Edit"}), None, "Units.Edit", "SubFolders.Edit")
