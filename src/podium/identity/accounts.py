"""The organization's people, as far as the orchestrator may touch them; in the same process."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from podium.identity.directory import Principal, principal_of
from podium.identity.issuer import Issuer
from podium.identity.results import Fault, Refused
from podium.identity.settings.actions import sign_in_policy
from podium.identity.users import actions
from podium.identity.users.bodies import Wanted
from podium.identity.users.creating import add_users, names_taken_meanwhile, new_user
from podium.identity.users.rules import Attempt
from podium.kernel.call import Call
from podium.kernel.errors import BadRequest, Conflict, NotFound

TAKEN = frozenset({"DuplicateUserName", "DuplicateEmail"})


class Asked(Protocol):
    """A person to add; `password` blank for none."""

    @property
    def user_name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def first_name(self) -> str: ...
    @property
    def last_name(self) -> str: ...
    @property
    def password(self) -> str: ...


class InProcessAccounts:
    """Adds people and changes their passwords, under the organization's rules. One per process, keeps nothing."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def create(self, call: Call, organization_id: UUID, account: Asked) -> Principal:
        """A new person in no group, who must change the password at once if the organization wants that.

        Raises BadRequest with the first rule that is broken, Conflict for a name or e-mail that is taken.
        """
        passwords, password_hash, must_change = self._issuer.passwords, None, False
        wanted = _wanted(account)
        faults = wanted.faults
        if account.password:
            policy = (await sign_in_policy(call.db, organization_id)).password
            must_change = policy.change_at_first_login
            about = (account.user_name, account.email)
            faults += await actions.complexity_faults(passwords, account.password, policy, about)
        _raise_first(faults)
        if account.password:
            password_hash = await passwords.hash(account.password)
        user = new_user(wanted, organization_id, password_hash, must_change=must_change)
        try:
            with names_taken_meanwhile(user):
                _raise_first(await add_users(call, [user], ()))
        except Refused as refused:
            _raise_first(list(refused.faults))
        added = await actions.find_user(call.db, organization_id, user.id)
        assert added is not None  # added above, in this transaction
        return principal_of(added)

    async def change_own_password(
        self, call: Call, organization_id: UUID, old: str, new: str, then: actions.Then
    ) -> None:
        """A new password for the caller, who knows the old one; every session and token of the caller ends.

        Raises BadRequest with the first rule that is broken.
        """
        subject = call.actor.subject
        assert subject is not None
        user = await actions.find_user_in(call.services.db, organization_id, subject)
        if user is None:
            raise NotFound("User does not exist.")
        browser = call.headers.get("user-agent", "")[:256] or None
        faults = await actions.change_password(
            call.services.db,
            self._issuer.passwords,
            organization_id,
            user.id,
            old,
            new,
            Attempt(user.user_name, call.client_address or None, "ChangePassword", browser),
            call.now,
            lifetime_s=self._issuer.lifetime_s,
            then=then,
        )
        _raise_first(list(faults))
        call.on_commit(lambda: self._issuer.note_revoked("subject", str(user.id), call.now))


def _wanted(account: Asked) -> Wanted:
    return Wanted(
        id=None,
        user_name=account.user_name,
        email=account.email or None,
        first_name=account.first_name[:256] or None,
        last_name=account.last_name[:256] or None,
        display_name=None,
        type="user",
        legacy_id=None,
        is_invitation_accepted=bool(account.password),
        bypasses_basic_restriction=False,
    )


def _raise_first(faults: list[Fault]) -> None:
    if not faults:
        return
    first = faults[0]
    raise Conflict(first.description) if first.code in TAKEN else BadRequest(first.description)
