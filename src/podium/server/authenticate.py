"""Finds out who sends a request: a bearer token (an access token, a personal one or a job's), a robot's key, or a machine's licence key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from podium.identity.personal_tokens.rules import PREFIX
from podium.kernel.call import Actor
from podium.kernel.errors import Code, Unauthenticated
from podium.orchestrator.access.resolver import AccessResolver, application_principal
from podium.orchestrator.access.store import MachineRow, RobotRow
from podium.orchestrator.jobs.leases import Leases
from podium.server.request import Request

ANONYMOUS = Actor("anonymous")
NOT_AUTHENTICATED = "You are not authenticated!"


class JobClaims(Protocol):
    """The job of a robot's token."""

    @property
    def job_key(self) -> UUID: ...
    @property
    def lease_epoch(self) -> int: ...
    @property
    def robot_key(self) -> UUID: ...


class TokenClaims(Protocol):
    """What a verified access token says."""

    @property
    def subject(self) -> UUID | None: ...
    @property
    def client_id(self) -> str: ...
    @property
    def organization_id(self) -> UUID: ...
    @property
    def scopes(self) -> frozenset[str]: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def tenant_key(self) -> UUID | None: ...


class SignedClaims(TokenClaims, Protocol):
    """As TokenClaims, of a token that may be a job's."""

    @property
    def job(self) -> JobClaims | None: ...


class Tokens(Protocol):
    """Verifies access tokens. Raises Unauthenticated."""

    def verify(self, token: str, now: datetime) -> SignedClaims: ...


PersonalTokens = Callable[[str, datetime], Awaitable[TokenClaims]]
"""What a personal access token says, asked of the database at each call. Raises Unauthenticated."""


class Authenticator:
    """One per process."""

    def __init__(self, tokens: Tokens, personal_tokens: PersonalTokens, access: AccessResolver, leases: Leases) -> None:
        self._tokens = tokens
        self._personal_tokens = personal_tokens
        self._access = access
        self._leases = leases

    async def actor(self, request: Request, now: datetime) -> tuple[Actor, int | None]:
        """The actor, and the tenant that its credential belongs to where the credential says so.

        Raises Unauthenticated for a credential that does not hold; without any the actor is anonymous.
        """
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        license_key = request.headers.get("x-robot-license", "").strip()
        machine = await self._machine(license_key) if license_key else None
        kind = scheme.lower()
        if kind == "bearer":
            return await self._bearer(value.strip(), machine, now)
        if kind == "uirobot":
            return await self._robot(value.strip(), machine)
        if scheme:
            raise Unauthenticated(NOT_AUTHENTICATED)
        if machine is not None:
            return Actor("machine", name=machine.name, machine_id=machine.id), machine.tenant_id
        return ANONYMOUS, None

    async def _machine(self, license_key: str) -> MachineRow:
        machine = await self._access.machine(license_key)
        if machine is None:
            raise Unauthenticated("The machine key is not known.", Code.INVALID_MACHINE_KEY)
        return machine

    async def _bearer(self, token: str, machine: MachineRow | None, now: datetime) -> tuple[Actor, int | None]:
        claims: TokenClaims
        if token.startswith(PREFIX):
            claims = await self._personal_tokens(token, now)
        else:
            claims = signed = self._tokens.verify(token, now)
            if signed.job is not None:
                return await self._job(signed.job, signed.scopes, now)
        if claims.kind == "machine":
            machine = await self._machine(claims.client_id)
            return Actor(
                "machine", name=machine.name, machine_id=machine.id, client_id=claims.client_id
            ), machine.tenant_id
        if claims.kind == "user":
            subject = claims.subject
            kind = "user"
        else:
            subject = application_principal(claims.client_id)
            kind = "application"
        actor = Actor(
            "user" if kind == "user" else "application",
            subject=subject,
            name=claims.name,
            email=claims.email,
            organization_id=claims.organization_id,
            client_id=claims.client_id,
            scopes=claims.scopes,
            tenant_key=claims.tenant_key,
            machine_id=machine.id if machine else None,
        )
        return actor, machine.tenant_id if machine else None

    async def _robot(self, text: str, machine: MachineRow | None) -> tuple[Actor, int | None]:
        try:
            key = UUID(text)
        except ValueError:
            raise Unauthenticated(NOT_AUTHENTICATED) from None
        robot = await self._access.robot(key)
        if robot is None or (machine is not None and machine.tenant_id != robot.tenant_id):
            raise Unauthenticated(NOT_AUTHENTICATED)
        return _of_robot(robot, machine.id if machine else robot.machine_id), robot.tenant_id

    async def _job(self, job: JobClaims, scopes: frozenset[str], now: datetime) -> tuple[Actor, int | None]:
        """The robot that runs a job, in the job's folder and while the job is with it; a stranger to the identity server."""
        robot = await self._access.robot(job.robot_key)
        if robot is None:
            raise Unauthenticated(NOT_AUTHENTICATED)
        lease = await self._leases.find(robot.tenant_id, job.job_key, job.lease_epoch, now)
        if lease is None:
            raise Unauthenticated("The job of this token has ended, or was given to another robot.")
        actor = _of_robot(robot, lease.machine_id)._replace(
            scopes=scopes, job_key=job.job_key, folder_id=lease.folder_id
        )
        return actor, robot.tenant_id


def _of_robot(robot: RobotRow, machine_id: int | None) -> Actor:
    return Actor(
        "robot",
        name=robot.name,
        user_id=robot.user_id,
        robot_id=robot.id,
        robot_key=robot.key,
        machine_id=machine_id,
    )
