"""What can go wrong in a call: few classes, each with its status and wire code. The server's edge knows the body's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import ClassVar


class Code(IntEnum):
    """Numbers of the published `errorCode` enumeration; one place, so that a correction is one edit."""

    NONE = 0
    INVALID_REQUEST = 1000
    NAME_ALREADY_USED = 1001
    ITEM_NOT_FOUND = 1002
    ITEM_ALREADY_EXISTS = 1004
    ERROR_UPDATING = 1007
    INVALID_ARGUMENT = 1009
    HAS_DEPENDENT_ITEMS = 1012
    ITEM_IS_IN_USE = 1013
    PARAMETER_MISSING = 1014
    PARAMETER_INVALID = 1015
    DUPLICATE_REFERENCE = 1016
    FORBIDDEN_OPERATION = 1017
    INVALID_FOLDER = 1100
    FOLDER_REQUIRED = 1101
    CANNOT_CREATE_CLASSIC = 1106
    INVALID_MACHINE_KEY = 1203
    MACHINE_NAME_REQUIRED = 1204
    CANNOT_DELETE_BUSY_ROBOT = 1206
    SESSION_ALREADY_ACTIVE = 1212
    FOREGROUND_NEEDS_ROBOT = 1230
    INVALID_PROCESS_KEY = 1658
    JOB_TYPE_CANNOT_BE_STOPPED = 1659
    JOB_CANNOT_BE_CANCELLED = 1660
    JOB_CANNOT_BE_TERMINATED = 1661
    VERSION_NOT_FOUND = 1662
    PROCESS_NOT_FOUND = 1663
    HAS_ATTACHED_PROCESSES = 1664
    INVALID_EXTENSION = 1665
    INVALID_PACKAGE_COUNT = 1666
    PREVIOUS_VERSION_NOT_FOUND = 1667
    HAS_RUNNING_JOBS = 1668
    PENDING_JOBS_ALREADY_EXIST = 1670
    INVALID_START_JOB_ROBOTS = 1671
    INVALID_RELEASE_KEY = 1674
    INVALID_PACKAGE_VERSION = 1675
    PACKAGE_NOT_FOUND = 1677
    INVALID_JOB_STATE_FOR_SUSPEND = 1682
    SUSPEND_STATE_NOT_FOUND = 1684
    MAX_JOBS_ALREADY_EXIST = 1687
    VERSIONS_MANAGED_AUTOMATICALLY = 1689
    CANNOT_RESTART_UNFINISHED_JOB = 1693
    REFERENCE_REQUIRED = 1850
    SCHEMA_VIOLATION = 1851
    WRONG_STATE = 1852
    ROW_VERSION_STALE = 1853
    FIELD_TOO_LARGE = 1854
    CONTENT_INVALID = 1855
    QUEUE_NAME_INVALID = 1856
    INCOMPATIBLE_FOLDER_PROPERTIES = 2802
    MAXIMUM_FOLDER_DEPTH = 2804
    INVALID_FOLDER_NAME = 2810
    NO_MACHINE_IN_FOLDER = 2818
    CANNOT_MOVE_TO_DESCENDANT = 2820
    UNFINISHED_JOBS_EXIST = 2824
    FEED_TYPE_CANNOT_CHANGE = 2826
    FOLDER_NOT_FOUND = 2829
    CANNOT_UNASSIGN_INHERITED = 2830
    CANNOT_ASSIGN_MACHINE = 2832
    CANNOT_ASSIGN_WORKSPACE_MACHINE = 2833
    CANNOT_MOVE_FOLDER = 2834


class ApiError(Exception):
    """A refusal that the caller is told of. `message` is public text; it names the member or the thing."""

    status: ClassVar[int] = 400
    default_code: ClassVar[int] = Code.NONE

    def __init__(self, message: str, code: int | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = int(self.default_code if code is None else code)
        self.headers = dict(headers or {})


class BadRequest(ApiError):
    """400: the request cannot be understood or breaks a rule of its own."""

    status = 400
    default_code = Code.INVALID_REQUEST


class ValidationProblem(BadRequest):
    """400 in the shape of validation problem details. `errors`: key (member's path or parameter) to its messages."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        first = next((f"{key}: {texts[0]}" if key else texts[0] for key, texts in errors.items()), "")
        super().__init__(first)
        self.errors = {key: list(texts) for key, texts in errors.items()}


class Unauthenticated(ApiError):
    """401: no principal, or a credential that does not hold."""

    status = 401


class Forbidden(ApiError):
    """403: a known principal without the right."""

    status = 403


class NotFound(ApiError):
    """404: nothing of that name that the caller may see."""

    status = 404
    default_code = Code.ITEM_NOT_FOUND


class Conflict(ApiError):
    """409: the present state does not allow it."""

    status = 409
    default_code = Code.NAME_ALREADY_USED


class TooLarge(ApiError):
    """413: the body is over its limit."""

    status = 413
    default_code = Code.INVALID_REQUEST


class UnsupportedMediaType(ApiError):
    """415: the body is of a kind that the operation does not read."""

    status = 415


class NotBuilt(ApiError):
    """501: a route of the published contract that this server does not answer yet."""

    status = 501


class Unavailable(ApiError):
    """503: the server cannot answer now; carries Retry-After."""

    status = 503

    def __init__(self, message: str, code: int | None = None, *, retry_after_s: int = 2) -> None:
        super().__init__(message, code, headers={"Retry-After": str(retry_after_s)})
