"""What can be exported: which entity, which columns, and how one page follows another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from podium.kernel.odata import Entity, Property
from podium.orchestrator.audit_logs.entity import AUDIT_LOGS
from podium.orchestrator.exports.rules import Columns
from podium.orchestrator.jobs.entity import JOBS
from podium.orchestrator.logs.entity import ROBOT_LOGS
from podium.orchestrator.queue_items.entity import CONTENT, QUEUE_ITEMS
from podium.orchestrator.scope import IN_FOLDERS, IN_TENANT

# A page begins after the last row of the page before it. $1 tenant, $2 folders, $3.. the key of that row.
AFTER_JOB = f"{IN_FOLDERS} AND t.id > $3::bigint"
# Audit entries are of no folder; $2 is there as it is for the others.
IN_TRAIL = f"{IN_TENANT} AND $2::bigint[] IS NOT NULL"
AFTER_ENTRY = f"{IN_TENANT} AND $2::bigint[] IS NOT NULL AND t.id > $3::bigint"
OF_TESTS = "orchestrator.audit_component(t.component) IN ('TestSets', 'TestSetSchedules', 'TestDataQueues', 'TestDataQueueItems')"
TESTS_IN_TRAIL = f"{IN_TRAIL} AND {OF_TESTS}"
AFTER_TEST_ENTRY = f"{AFTER_ENTRY} AND {OF_TESTS}"
AFTER_LOG = f"{IN_FOLDERS} AND t.logged_at <= $3::timestamptz AND (t.logged_at, t.id) < ($3::timestamptz, $4::bigint)"


@dataclass(frozen=True)
class Kind:
    """One kind of export; `type` is the wire's name. The rows come in the order `order`, whose members are `key`.

    `where` limits the rows of the first page, `after` those of the others; their parameters are the tenant, the folders,
    the ids of `Asked.of`, and for `after` the key of the last row.
    """

    type: str
    entity: Entity
    columns: Columns
    key: tuple[str, ...]
    order: str
    after: str
    where: str = IN_FOLDERS

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
AUDIT_CSV = Kind(
    type="OrchestratorAudit",
    entity=AUDIT_LOGS,
    columns=(
        ("Id", "Id"),
        ("Time", "ExecutionTime"),
        ("Component", "Component"),
        ("Action", "Action"),
        ("User", "UserName"),
        ("User type", "UserType"),
        ("Application", "ExternalClientId"),
        ("Operation", "OperationText"),
        ("Entity id", "EntityId"),
        ("Entity", "DisplayName"),
        ("Service", "ServiceName"),
        ("Method", "MethodName"),
        ("Parameters", "Parameters"),
    ),
    key=("Id",),
    order="Id asc",
    after=AFTER_ENTRY,
    where=IN_TRAIL,
)
TEST_AUDIT_CSV = replace(AUDIT_CSV, type="TestAutomationAudit", after=AFTER_TEST_ENTRY, where=TESTS_IN_TRAIL)
# What encrypted queues seal lies elsewhere: it is not written in clear into a file.
QUEUE_ITEMS_IN_FILES = replace(
    QUEUE_ITEMS,
    properties={
        **QUEUE_ITEMS.properties,
        "QueueName": Property("{t}_q.name"),
        "ExceptionReason": Property("{t}.exception->>'Reason'"),
        "ExceptionDetails": Property("{t}.exception->>'Details'"),
        "RobotName": Property(
            "(SELECT r.name FROM orchestrator.robots r WHERE r.tenant_id = {t}.tenant_id AND r.id = {t}.robot_id)"
        ),
        "ReviewerName": Property(
            "(SELECT u.user_name FROM orchestrator.users u WHERE u.tenant_id = {t}.tenant_id AND u.id = {t}.reviewer_id)"
        ),
        "ContentText": Property(f"({CONTENT})::text", filterable=False, sortable=False),
        "OutputText": Property("{t}.output::text", filterable=False, sortable=False),
        "AnalyticsText": Property("{t}.analytics::text", filterable=False, sortable=False),
    },
)
QUEUE_CSV = Kind(
    type="Queues",
    entity=QUEUE_ITEMS_IN_FILES,
    columns=(
        ("Id", "Id"),
        ("Key", "Key"),
        ("Queue", "QueueName"),
        ("Status", "Status"),
        ("Revision", "ReviewStatus"),
        ("Reviewer", "ReviewerName"),
        ("Reference", "Reference"),
        ("Priority", "Priority"),
        ("Deadline", "DueDate"),
        ("Risk", "RiskSlaDate"),
        ("Postpone", "DeferDate"),
        ("Created", "CreationTime"),
        ("Started", "StartProcessing"),
        ("Ended", "EndProcessing"),
        ("Robot", "RobotName"),
        ("Retry number", "RetryNumber"),
        ("Ancestor id", "AncestorId"),
        ("Progress", "Progress"),
        ("Exception", "ProcessingExceptionType"),
        ("Exception reason", "ExceptionReason"),
        ("Exception details", "ExceptionDetails"),
        ("Specific data", "ContentText"),
        ("Output", "OutputText"),
        ("Analytics", "AnalyticsText"),
    ),
    key=("Id",),
    order="Id asc",
    where=f"{IN_FOLDERS} AND t.queue_id = $3::bigint",
    after=f"{IN_FOLDERS} AND t.queue_id = $3::bigint AND t.id > $4::bigint",
)
KINDS: Mapping[str, Kind] = {kind.type: kind for kind in (JOBS_CSV, LOGS_CSV, AUDIT_CSV, TEST_AUDIT_CSV, QUEUE_CSV)}
