"""Every module whose operations the server answers, and the background work that needs nothing but a database."""

from __future__ import annotations

from podium.identity.access_policy import api as access_policy_api
from podium.identity.account import api as account_api
from podium.identity.audit import api as audit_api
from podium.identity.auth_settings import api as auth_settings_api
from podium.identity.clients import api as clients_api
from podium.identity.directory_search import api as directory_api
from podium.identity.groups import api as groups_api
from podium.identity.invitations import api as invitations_api
from podium.identity.links import loops as links_loops
from podium.identity.login_attempts import api as login_attempts_api
from podium.identity.mails import api as mails_api
from podium.identity.message_templates import api as message_templates_api
from podium.identity.oidc import api as oidc_api
from podium.identity.oidc import authorize as oidc_authorize
from podium.identity.oidc import discovery as oidc_discovery
from podium.identity.oidc import end_session as oidc_end_session
from podium.identity.oidc import loops as oidc_loops
from podium.identity.partitions import api as partitions_api
from podium.identity.personal_tokens import api as personal_tokens_api
from podium.identity.robot_accounts import api as robot_accounts_api
from podium.identity.saml_certificates import api as saml_certificates_api
from podium.identity.scim import api as scim_api
from podium.identity.second_factors import api as second_factors_api
from podium.identity.sessions import api as identity_sessions_api
from podium.identity.sessions import loops as identity_sessions_loops
from podium.identity.settings import api as identity_settings_api
from podium.identity.tokens import loops as tokens_loops
from podium.identity.user_orgs import api as user_orgs_api
from podium.identity.user_partitions import api as user_partitions_api
from podium.identity.users import api as identity_users_api
from podium.identity.users import loops as identity_users_loops
from podium.kernel import idempotency
from podium.kernel.loops import Loop
from podium.orchestrator.access.explain import api as access_explain
from podium.orchestrator.assets import api as assets_api
from podium.orchestrator.assets import robot_values as assets_robot_values
from podium.orchestrator.assets import sharing as assets_sharing
from podium.orchestrator.attachments import api as attachments_api
from podium.orchestrator.audit_logs import api as audit_logs_api
from podium.orchestrator.buckets import api as buckets_api
from podium.orchestrator.buckets import files as buckets_files
from podium.orchestrator.buckets import sharing as buckets_sharing
from podium.orchestrator.credential_stores import api as credential_stores_api
from podium.orchestrator.directory_service import api as directory_service_api
from podium.orchestrator.exports import api as exports_api
from podium.orchestrator.exports import loops as exports_loops
from podium.orchestrator.folders import api as folders_api
from podium.orchestrator.folders.machines import api as folder_machines_api
from podium.orchestrator.folders.members import api as folder_members_api
from podium.orchestrator.folders.navigation import api as folder_navigation_api
from podium.orchestrator.job_triggers import api as job_triggers_api
from podium.orchestrator.job_triggers import loops as job_triggers_loops
from podium.orchestrator.jobs import api as jobs_api
from podium.orchestrator.jobs import loops as jobs_loops
from podium.orchestrator.jobs import validation as jobs_validation
from podium.orchestrator.logs import api as logs_api
from podium.orchestrator.logs import loops as logs_loops
from podium.orchestrator.machines import api as machines_api
from podium.orchestrator.organization_units import api as organization_units_api
from podium.orchestrator.packages import api as packages_api
from podium.orchestrator.permissions import api as permissions_api
from podium.orchestrator.personal_workspaces import api as personal_workspaces_api
from podium.orchestrator.processes import api as processes_api
from podium.orchestrator.queue_items import api as queue_items_api
from podium.orchestrator.queue_items import bulk as queue_items_bulk
from podium.orchestrator.queue_items import comments as queue_items_comments
from podium.orchestrator.queue_items import editing as queue_items_editing
from podium.orchestrator.queue_items import item_events as queue_items_events
from podium.orchestrator.queue_items import loops as queue_items_loops
from podium.orchestrator.queue_items import reads as queue_items_reads
from podium.orchestrator.queue_items import review as queue_items_review
from podium.orchestrator.queue_items import transfer as queue_items_transfer
from podium.orchestrator.queues import api as queues_api
from podium.orchestrator.queues import records as queue_records
from podium.orchestrator.queues import retention as queue_retention
from podium.orchestrator.robots import api as robots_api
from podium.orchestrator.robots_service import api as robots_service_api
from podium.orchestrator.robots_service import files as robots_service_files
from podium.orchestrator.roles import api as roles_api
from podium.orchestrator.sessions import api as sessions_api
from podium.orchestrator.sessions import loops as sessions_loops
from podium.orchestrator.settings import api as settings_api
from podium.orchestrator.settings import licenses as settings_licenses
from podium.orchestrator.settings import mail as settings_mail
from podium.orchestrator.settings import published as settings_published
from podium.orchestrator.status import api as status_api
from podium.orchestrator.tenants import api as tenants_api
from podium.orchestrator.translations import api as translations_api
from podium.orchestrator.users import api as users_api
from podium.orchestrator.users import editing as users_editing
from podium.orchestrator.users import standing as users_standing
from podium.server.openapi import api as openapi_api
from podium.server.pages import account as account_page
from podium.server.pages import account_api as account_rows
from podium.server.pages import applications as applications_page
from podium.server.pages import assets as page_assets
from podium.server.pages import authenticator as authenticator_page
from podium.server.pages import consent as consent_page
from podium.server.pages import device as device_page
from podium.server.pages import errors as error_page
from podium.server.pages import invitation as invitation_page
from podium.server.pages import languages as languages_api
from podium.server.pages import passkeys as passkeys_page
from podium.server.pages import passwords as passwords_page
from podium.server.pages import recovery as recovery_page
from podium.server.pages import recovery_codes as recovery_codes_page
from podium.server.pages import second_factor as second_factor_page
from podium.server.pages import sign_in as sign_in_page
from podium.server.pages import sign_out as sign_out_page

OPERATION_MODULES = (
    page_assets,
    account_page,
    account_rows,
    applications_page,
    authenticator_page,
    consent_page,
    device_page,
    error_page,
    languages_api,
    invitation_page,
    passkeys_page,
    passwords_page,
    recovery_page,
    recovery_codes_page,
    second_factor_page,
    sign_in_page,
    sign_out_page,
    access_policy_api,
    account_api,
    clients_api,
    partitions_api,
    personal_tokens_api,
    user_orgs_api,
    user_partitions_api,
    login_attempts_api,
    identity_users_api,
    oidc_api,
    oidc_authorize,
    oidc_discovery,
    oidc_end_session,
    audit_api,
    auth_settings_api,
    mails_api,
    message_templates_api,
    saml_certificates_api,
    identity_settings_api,
    directory_api,
    groups_api,
    invitations_api,
    second_factors_api,
    identity_sessions_api,
    robot_accounts_api,
    scim_api,
    access_explain,
    assets_api,
    assets_robot_values,
    assets_sharing,
    attachments_api,
    buckets_api,
    buckets_files,
    buckets_sharing,
    audit_logs_api,
    credential_stores_api,
    directory_service_api,
    exports_api,
    folders_api,
    folder_machines_api,
    folder_members_api,
    folder_navigation_api,
    job_triggers_api,
    jobs_api,
    jobs_validation,
    logs_api,
    machines_api,
    organization_units_api,
    packages_api,
    permissions_api,
    personal_workspaces_api,
    processes_api,
    queues_api,
    queue_records,
    queue_retention,
    queue_items_api,
    queue_items_bulk,
    queue_items_comments,
    queue_items_editing,
    queue_items_events,
    queue_items_reads,
    queue_items_review,
    queue_items_transfer,
    robots_api,
    robots_service_api,
    robots_service_files,
    roles_api,
    sessions_api,
    settings_api,
    settings_licenses,
    settings_mail,
    settings_published,
    status_api,
    tenants_api,
    translations_api,
    users_api,
    users_editing,
    users_standing,
    openapi_api,
)
LOOPS: tuple[Loop, ...] = (
    *idempotency.LOOPS,
    *exports_loops.LOOPS,
    *job_triggers_loops.LOOPS,
    *jobs_loops.LOOPS,
    *logs_loops.LOOPS,
    *queue_items_loops.LOOPS,
    *sessions_loops.LOOPS,
    *tokens_loops.LOOPS,
    *identity_sessions_loops.LOOPS,
    *links_loops.LOOPS,
    *oidc_loops.LOOPS,
    *identity_users_loops.LOOPS,
)
