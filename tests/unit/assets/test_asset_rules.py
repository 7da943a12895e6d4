"""What an asset may hold, and which value a robot gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import ApiError, BadRequest
from podium.orchestrator.assets import rules
from podium.orchestrator.assets.rules import Members, Stored, Wanted

NOTHING = Members()
OWNERS = st.tuples(st.none() | st.integers(1, 3), st.none() | st.integers(1, 3))
TEXTS = st.none() | st.text(max_size=12)
MEMBERS = st.builds(
    Members,
    text=TEXTS,
    boolean=st.none() | st.booleans(),
    integer=st.none() | st.integers(-(2**31), 2**31 - 1),
    pairs=st.none() | st.just((("a", "b"),)),
    user_name=TEXTS,
    password=TEXTS,
    secret=TEXTS,
    value=TEXTS | st.integers().map(str) | st.sampled_from(["True", "FALSE"]),
    value_type=st.none() | st.sampled_from(rules.TYPES),
)


def wanted(members: Members = NOTHING, place: str = "", owner: tuple[int | None, int | None] = (None, None)) -> Wanted:
    return Wanted(place, *owner, members)


def stored(owner: tuple[int | None, int | None], user_name: str | None = None) -> Stored:
    return Stored(1, *owner, None, None, None, None, user_name, b"sealed", None, None)


@given(st.sets(OWNERS), OWNERS)
def test_the_chosen_value_is_the_closest_that_fits(
    owners: set[tuple[int | None, int | None]], robot: tuple[int | None, int | None]
) -> None:
    user_id, machine_id = robot
    chosen = rules.choose([stored(owner) for owner in owners], user_id, machine_id)
    closest = [(user_id, machine_id), (user_id, None), (None, machine_id), (None, None)]
    expected = next((owner for owner in closest if owner in owners), None)
    assert (None if chosen is None else (chosen.user_id, chosen.machine_id)) == expected


@given(st.sampled_from(rules.TYPES), MEMBERS)
def test_a_value_is_taken_whole_or_refused_by_name(type_: str, members: Members) -> None:
    refused = None
    try:
        plain = rules.plain(type_, wanted(members, "UserValues[3]"))
    except BadRequest as refusal:
        refused = refusal.message
    if refused is not None:
        assert refused.startswith("UserValues[3].")
        return
    held = [name for name, value in plain._asdict().items() if value is not None]
    expected = {"Bool": ["boolean"], "Integer": ["integer"], "KeyValueList": ["pairs"], "Secret": []}
    assert held == expected.get(type_, ["user_name"] if type_ in rules.CREDENTIALS else ["text"])
    assert members.value_type in (None, type_)


@given(MEMBERS, st.none() | st.text(min_size=1, max_size=12))
def test_a_password_is_kept_for_the_same_user_only(members: Members, before: str | None) -> None:
    present = None if before is None else stored((None, None), before)
    try:
        secret = rules.secret_text("Credential", wanted(members), present)
    except BadRequest:
        assert not members.password
        assert before is None or members.user_name != before
        return
    assert secret == (members.password or None)
    assert members.password or members.user_name == before


@pytest.mark.parametrize("type_", sorted(set(rules.TYPES) - rules.CREDENTIALS - {rules.SECRET}))
def test_what_is_no_secret_is_never_sealed(type_: str) -> None:
    assert rules.secret_text(type_, wanted(Members(password="p", secret="s")), None) is None


@pytest.mark.parametrize(
    "text", ["", " ", "1.0", "1e3", "0x1", "２", "2147483648", "-2147483649", "99999999999999999999"]
)
def test_text_that_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        rules.plain("Integer", wanted(Members(value=text)))


@pytest.mark.parametrize("number", [0, -(2**31), 2**31 - 1])
def test_the_ends_of_the_range_are_taken(number: int) -> None:
    assert rules.plain("Integer", wanted(Members(value=str(number)))).integer == number


@given(st.lists(OWNERS, max_size=5), st.sampled_from(rules.SCOPES))
def test_values_have_an_owner_each_of_their_own(owners: list[tuple[int | None, int | None]], scope: str) -> None:
    values = [wanted(place=f"UserValues[{at}]", owner=owner) for at, owner in enumerate(owners)]
    is_good = not owners or (scope == "PerRobot" and len(set(owners)) == len(owners) and (None, None) not in owners)
    try:
        rules.check_values(scope, values)
    except ApiError:
        assert not is_good
    else:
        assert is_good


@pytest.mark.parametrize(
    ("scope", "given_", "expected"),
    [("Global", None, True), ("Global", False, True), ("PerRobot", None, False), ("PerRobot", True, True)],
)
def test_the_default_that_is_not_spoken_of(scope: str, given_: bool | None, expected: bool) -> None:
    assert rules.has_default(scope, given_) is expected


class TestValuesInOtherStores:
    def external(
        self, type_: str = "Credential", stored: str | None = None, *, read_only: bool = False, **members: Any
    ) -> Any:
        name = members.pop("external_name", None)
        wanted = Wanted("", None, None, Members(**members), None, name)
        return rules.external(type_, wanted, "Mail box", stored, store="Vault", is_read_only=read_only)

    @pytest.mark.parametrize(
        ("stored", "members", "expected"),
        [
            (None, {"user_name": "a", "password": "p", "external_name": "x"}, ("x", "p")),
            (None, {"external_name": "x"}, ("x", None)),
            ("old", {}, ("old", None)),
            ("old", {"user_name": "a", "password": "p"}, ("old", "p")),
            ("old", {"external_name": "x"}, ("x", None)),
        ],
    )
    def test_what_is_written_where(self, stored: str | None, members: Any, expected: Any) -> None:
        assert self.external(stored=stored, **members) == expected

    def test_what_has_no_name_gets_one_of_its_own(self) -> None:
        one, other = (self.external(user_name="a", password="p")[0] for _ in range(2))
        assert one != other
        assert one.startswith("podium-Mail-box-")

    @pytest.mark.parametrize(
        ("stored", "members", "named"),
        [
            (None, {}, "CredentialPassword"),
            (None, {"password": "p"}, "CredentialUsername"),
            ("old", {"user_name": "a"}, "password"),
            (None, {"external_name": "x" * 451}, "ExternalName"),
            (None, {"value_type": "Text", "external_name": "x"}, "ValueType"),
        ],
    )
    def test_what_is_wrong_is_named(self, stored: str | None, members: Any, named: str) -> None:
        with pytest.raises(BadRequest, match=named):
            self.external(stored=stored, **members)

    def test_a_read_only_store_has_the_assets_name_and_takes_nothing(self) -> None:
        assert self.external(read_only=True) == ("Mail box", None)
        assert self.external("Secret", read_only=True, external_name="x") == ("x", None)
        for members in ({"password": "p"}, {"user_name": "a"}):
            with pytest.raises(BadRequest, match="read only"):
                self.external(read_only=True, **members)
