"""The page about conformance is what the tests are, and the tests are what the plans name."""

from __future__ import annotations

from pathlib import Path

from tests.api.identity.conformance.page import PAGE, PLANS, fates, name_of_test, page

MODULES = [module for modules in PLANS.values() for module in modules]


def test_every_module_of_the_plans_has_one_test_and_no_other_is_named_so() -> None:
    assert {plan: len(modules) for plan, modules in PLANS.items()} == {
        "Basic OP": 38,
        "Config OP": 1,
        "RP-initiated logout": 11,
    }
    assert sorted(name for name, _ in fates()) == sorted(map(name_of_test, MODULES))


def test_every_test_says_how_its_module_fares() -> None:
    assert [name for name, fate in fates() if not fate.how] == []


def test_the_page_is_written_from_the_tests() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_a_module_is_not_supported_when_its_docstring_begins_so(tmp_path: Path) -> None:
    first = 'async def test_oidcc_a():\n    """Not supported: there\n    is none."""\n'
    second = 'class B:\n    async def test_oidcc_b(self):\n        """It is good.\n\n        And more."""\n'
    (tmp_path / "test_it.py").write_text(first + second)
    assert [(name, fate.result, fate.how) for name, fate in fates(tmp_path)] == [
        ("test_oidcc_a", "not supported", "There is none."),
        ("test_oidcc_b", "pass", "It is good."),
    ]
