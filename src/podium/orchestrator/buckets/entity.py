"""The entity set Buckets, and the files of those whose files are kept here. No member tells a secret key."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property

_FOLDERS = """(SELECT count(*) FROM orchestrator.bucket_folders f
 WHERE f.tenant_id = {t}.tenant_id AND f.bucket_id = {t}.id)"""
_OPTIONS = """coalesce(nullif(concat_ws(', ', CASE WHEN {t}.is_read_only THEN 'ReadOnly' END,
 CASE WHEN {t}.audits_reads THEN 'AuditReadAccess' END,
 CASE WHEN {t}.passes_data_through THEN 'AccessDataThroughOrchestrator' END), ''), 'None')"""

BUCKETS = Entity(
    name="Buckets",
    table="orchestrator.buckets",
    properties={
        "Name": Property("{t}.name"),
        "Description": Property("{t}.description"),
        "Identifier": Property("{t}.key", Kind.GUID),
        "StorageProvider": Property("nullif({t}.provider, 'Orchestrator')"),
        "StorageParameters": Property("{t}.parameters"),
        "StorageContainer": Property("{t}.container"),
        "Options": Property(_OPTIONS),
        "CredentialStoreId": Property("{t}.credential_store_id", Kind.INT),
        "ExternalName": Property("{t}.external_name"),
        "Password": Property("NULL::text", filterable=False, sortable=False),
        "FoldersCount": Property(_FOLDERS, Kind.INT),
        "Tags": Property("{t}.tags", Kind.JSON),
        "Id": Property("{t}.id", Kind.INT),
    },
)
# The column sorts by bytes; lists sort and compare as every other list does.
FILES = Entity(
    name="BlobFiles",
    table="orchestrator.bucket_files",
    properties={
        "FullPath": Property("(('/' || {t}.path) COLLATE \"default\")"),
        "ContentType": Property("{t}.content_type"),
        "Size": Property("{t}.size_bytes", Kind.INT),
        "IsDirectory": Property("false", Kind.BOOL),
        "LastModified": Property("{t}.written_at", Kind.DATETIME),
        "Id": Property("{t}.id::text"),
        "Number": Property("{t}.id", Kind.INT, default=False),
    },
    key="Number",
    default_order=(("FullPath", "asc"),),
)
FILE_MEMBERS = ("FullPath", "ContentType", "Size", "IsDirectory", "LastModified", "Id")
