"""The entity set Users, and what belongs to a user."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Navigation, Property

USER_TYPES = ("User", "Robot", "DirectoryUser", "DirectoryGroup", "DirectoryRobot", "DirectoryExternalApplication")
ROLE_TYPES = ("Mixed", "Tenant", "Folder")

ROLES_LIST = """(SELECT coalesce(json_agg(r.name ORDER BY r.id), '[]'::json)
  FROM orchestrator.user_roles u JOIN orchestrator.roles r ON r.tenant_id = u.tenant_id AND r.id = u.role_id
 WHERE u.tenant_id = {t}.tenant_id AND u.user_id = {t}.id)"""
HAS_ROLES = """EXISTS (SELECT 1 FROM orchestrator.user_roles u
 WHERE u.tenant_id = {t}.tenant_id AND u.user_id = {t}.id)"""
WORKSPACE_FEED = """(SELECT f.id FROM orchestrator.folders w
  JOIN orchestrator.feeds f ON f.tenant_id = w.tenant_id AND f.folder_id = w.id
 WHERE w.tenant_id = {t}.tenant_id AND w.owner_id = {t}.id AND w.folder_type = 'Personal' LIMIT 1)"""
ATTENDED_ROBOT = """(SELECT json_build_object('UserName', r.user_name, 'RobotId', r.id, 'RobotType', r.type,
   'ExecutionSettings', r.execution_settings)
  FROM orchestrator.robots r WHERE r.tenant_id = {t}.tenant_id AND r.user_id = {t}.id AND r.type <> 'Unattended'
 ORDER BY r.id LIMIT 1)"""
# The mask stands for a password that is kept; written back it changes nothing.
UNATTENDED_ROBOT = """(SELECT json_build_object('UserName', r.user_name,
   'Password', CASE WHEN r.sealed IS NOT NULL THEN '*****' END, 'CredentialType', r.credential_type,
   'CredentialStoreId', r.credential_store_id, 'CredentialExternalName', r.external_name,
   'LimitConcurrentExecution', r.is_one_at_a_time, 'ExecutionSettings', r.execution_settings, 'RobotId', r.id,
   'MachineMappingsCount', (SELECT count(*) FROM orchestrator.machine_robots m
                             WHERE m.tenant_id = r.tenant_id AND m.robot_id = r.id))
  FROM orchestrator.robots r WHERE r.tenant_id = {t}.tenant_id AND r.user_id = {t}.id AND r.type = 'Unattended'
 ORDER BY r.id LIMIT 1)"""

USER_ROLES = Entity(
    name="UserRoles",
    table="orchestrator.user_roles",
    joins=(
        "JOIN orchestrator.roles {t}_role ON {t}_role.tenant_id = {t}.tenant_id AND {t}_role.id = {t}.role_id"
        " JOIN orchestrator.users {t}_user ON {t}_user.tenant_id = {t}.tenant_id AND {t}_user.id = {t}.user_id"
    ),
    properties={
        "UserId": Property("{t}.user_id", Kind.INT),
        "RoleId": Property("{t}.role_id", Kind.INT),
        "UserName": Property("{t}_user.user_name"),
        "RoleName": Property("{t}_role.name"),
        "RoleType": Property("{t}_role.type", Kind.ENUM, enum=ROLE_TYPES),
        "Id": Property("{t}.role_id", Kind.INT),
    },
)
ORGANIZATION_UNITS = Entity(
    name="OrganizationUnits",
    table="orchestrator.folders",
    properties={"DisplayName": Property("{t}.display_name"), "Id": Property("{t}.id", Kind.INT)},
)
WORKSPACES_OF_USERS = Entity(
    name="PersonalWorkspaces",
    table="orchestrator.folders",
    properties={
        "Id": Property("{t}.id", Kind.INT),
        "Key": Property("{t}.key", Kind.GUID),
        "FullyQualifiedName": Property("{t}.path"),
    },
)
UNITS_OF_USER = """{n}.tenant_id = {t}.tenant_id AND {n}.id IN (SELECT m.folder_id FROM orchestrator.folder_members m
 WHERE m.tenant_id = {t}.tenant_id AND m.user_id = {t}.id)"""

_PROPERTIES = {
    "Name": Property("{t}.name"),
    "Surname": Property("{t}.surname"),
    "UserName": Property("{t}.user_name", nullable=False),
    "Domain": Property("CASE WHEN {t}.directory_id IS NULL THEN NULL ELSE 'autogen' END"),
    "DirectoryIdentifier": Property("{t}.directory_id::text"),
    "FullName": Property("nullif(concat_ws(' ', {t}.name, {t}.surname), '')"),
    "EmailAddress": Property("{t}.email"),
    "IsEmailConfirmed": Property("({t}.email IS NOT NULL)", Kind.BOOL),
    "LastLoginTime": Property("{t}.last_login_at", Kind.DATETIME),
    "IsActive": Property("{t}.is_active", Kind.BOOL),
    "CreationTime": Property("{t}.created_at", Kind.DATETIME),
    "LastModificationTime": Property("{t}.updated_at", Kind.DATETIME),
    "CreatorUserId": Property("{t}.created_by", Kind.INT),
    "LastModifierUserId": Property("{t}.updated_by", Kind.INT),
    "AuthenticationSource": Property("NULL::text", filterable=False, sortable=False),
    "IsExternalLicensed": Property("false", Kind.BOOL),
    "RolesList": Property(ROLES_LIST, Kind.JSON),
    "TenancyName": Property("{t}_tenant.name"),
    "TenantDisplayName": Property("{t}_tenant.name"),
    "TenantKey": Property("{t}_tenant.key::text"),
    "TenantId": Property("{t}.tenant_id", Kind.INT),
    "Type": Property("{t}.type", Kind.ENUM, enum=USER_TYPES),
    "ProvisionType": Property("{t}.provision_type", Kind.ENUM, enum=("Manual", "Automatic")),
    "LicenseType": Property("NULL::text", filterable=False, sortable=False),
    "RobotProvision": Property(ATTENDED_ROBOT, Kind.JSON),
    "UnattendedRobot": Property(UNATTENDED_ROBOT, Kind.JSON),
    "MayHaveUserSession": Property("{t}.may_have_user_session", Kind.BOOL),
    "MayHaveRobotSession": Property("{t}.may_have_robot_session", Kind.BOOL),
    "MayHaveUnattendedSession": Property("{t}.may_have_unattended_session", Kind.BOOL),
    "MayHavePersonalWorkspace": Property("{t}.may_have_personal_workspace", Kind.BOOL),
    "RestrictToPersonalWorkspace": Property("{t}.restrict_to_workspace", Kind.BOOL),
    "UpdatePolicy": Property(
        "json_build_object('Type', {t}.update_policy, 'SpecificVersion', {t}.update_version)", Kind.JSON
    ),
    "HasOnlyInheritedPrivileges": Property(f"(NOT {HAS_ROLES})", Kind.BOOL),
    "ExplicitMayHaveUserSession": Property("{t}.may_have_user_session", Kind.BOOL),
    "ExplicitMayHaveRobotSession": Property("{t}.may_have_robot_session", Kind.BOOL),
    "ExplicitMayHavePersonalWorkspace": Property("{t}.may_have_personal_workspace", Kind.BOOL),
    "ExplicitRestrictToPersonalWorkspace": Property("{t}.restrict_to_workspace", Kind.BOOL),
    "Key": Property("{t}.key", Kind.GUID),
    "Id": Property("{t}.id", Kind.INT),
}
_NAVIGATIONS = {
    "UserRoles": Navigation(
        USER_ROLES, "{n}.tenant_id = {t}.tenant_id AND {n}.user_id = {t}.id", many=True, order="{n}.role_id"
    ),
    "OrganizationUnits": Navigation(ORGANIZATION_UNITS, UNITS_OF_USER, many=True, order="{n}.id"),
}
_TENANT = "JOIN orchestrator.tenants {t}_tenant ON {t}_tenant.id = {t}.tenant_id"

USERS = Entity(
    name="Users", table="orchestrator.users", joins=_TENANT, properties=_PROPERTIES, navigations=_NAVIGATIONS
)
CURRENT_USER = Entity(
    name="Users",
    table="orchestrator.users",
    joins=_TENANT,
    # The misspelt name is the wire's: the vendor's command line reads it.
    properties=_PROPERTIES | {"PersonalWorskpaceFeedId": Property(WORKSPACE_FEED, Kind.GUID)},
    navigations=_NAVIGATIONS
    | {
        "PersonalWorkspace": Navigation(
            WORKSPACES_OF_USERS,
            "{n}.tenant_id = {t}.tenant_id AND {n}.owner_id = {t}.id AND {n}.folder_type = 'Personal'",
        )
    },
)
