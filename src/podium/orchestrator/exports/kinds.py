"""What can be exported: which entity, which columns, and how one page follows another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podium.kernel.odata import Entity
from podium.orchestrator.exports.rules import Columns
from podium.orchestrator.jobs.entity import JOBS
from podium.orchestrator.logs.entity import ROBOT_LOGS
from podium.orchestrator.scope import IN_FOLDERS

# A page begins after the last row of the page before it. $1 tenant, $2 folders, $3.. the key of that row.
AFTER_JOB = f"{IN_FOLDERS} AND t.id > $3::bigint"
AFTER_LOG = f"{IN_FOLDERS} AND t.logged_at <= $3::timestamptz AND (t.logged_at, t.id) < ($3::timestamptz, $4::bigint)"


@dataclass(frozen=True)
class Kind:
    """One kind of export; `type` is the wire's name. The rows come in the order `order`, whose members are `key`."""

    type: str
    entity: Entity
    columns: Columns
    key: tuple[str, ...]
    order: str
    after: str

    @property
    def select(self) -> str:
        """The members that a page reads, as a $select."""
        return ",".join(dict.fromkeys([*self.key, *(member for _, member in self.columns)]))


JOBS_CSV = Kind(
    type="Jobs",
    entity=JOBS,
    columns=(
        ("Id", "Id"),
        ("Key", "Key"),
        ("Process", "ReleaseName"),
        ("Process version id", "ReleaseVersionId"),
        ("State", "State"),
        ("Priority", "JobPriority"),
        ("Runtime type", "RuntimeType"),
        ("Source", "Source"),
        ("Source type", "SourceType"),
        ("Hostname", "HostMachineName"),
        ("Folder", "OrganizationUnitFullyQualifiedName"),
        ("Created", "CreationTime"),
        ("Started", "StartTime"),
        ("Ended", "EndTime"),
        ("Reference", "Reference"),
        ("Info", "Info"),
        ("Entry point", "EntryPointPath"),
    ),
    key=("Id",),
    order="Id asc",
    after=AFTER_JOB,
)
LOGS_CSV = Kind(
    type="Logs",
    entity=ROBOT_LOGS,
    columns=(
        ("Time", "TimeStamp"),
        ("Level", "Level"),
        ("Process", "ProcessName"),
        ("Hostname", "HostMachineName"),
        ("Host identity", "WindowsIdentity"),
        ("Message", "Message"),
        ("Robot", "RobotName"),
        ("Job key", "JobKey"),
        ("Raw message", "RawMessage"),
    ),
    key=("TimeStamp", "Id"),
    order="TimeStamp desc,Id desc",
    after=AFTER_LOG,
)
KINDS: Mapping[str, Kind] = {kind.type: kind for kind in (JOBS_CSV, LOGS_CSV)}
