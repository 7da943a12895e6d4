"""The entity set CredentialStores, and what keeps secrets in one. Secret entries are masked where they are stored."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Navigation, Property
from podium.orchestrator.credential_stores.rules import RESOURCE_TYPES

# Without a row of its own a resource type has the built-in store as its default.
_DEFAULTS = """(
SELECT t.tenant_id, coalesce(d.store_id, t.id) AS store_id, n.number AS id, n.name AS resource_type
  FROM orchestrator.credential_stores t
 CROSS JOIN (VALUES (0, 'AssetCredential'), (1, 'RobotCredential'), (2, 'BucketCredential'), (3, 'Secrets'))
       AS n(number, name)
  LEFT JOIN orchestrator.credential_store_defaults d ON d.tenant_id = t.tenant_id AND d.resource_type = n.name
 WHERE t.is_built_in)"""

DEFAULTS = Entity(
    name="DefaultCredentialStores",
    table=_DEFAULTS,
    properties={
        "Id": Property("{t}.id", Kind.INT),
        "ResourceType": Property("{t}.resource_type", Kind.ENUM, enum=RESOURCE_TYPES),
    },
)


def _stores(additional: Property) -> Entity:
    return Entity(
        name="CredentialStores",
        table="orchestrator.credential_stores",
        properties={
            "Name": Property("{t}.name"),
            "Type": Property("{t}.type"),
            "ProxyId": Property("NULL::bigint", Kind.INT, filterable=False, sortable=False),
            "ProxyType": Property("NULL::text", filterable=False, sortable=False),
            "HostName": Property("NULL::text", filterable=False, sortable=False),
            "AdditionalConfiguration": additional,
            "Details": Property("jsonb_build_object('IsReadOnly', {t}.is_read_only)", Kind.JSON),
            "Id": Property("{t}.id", Kind.INT),
        },
        navigations={
            "DefaultCredentialStores": Navigation(
                DEFAULTS, "{n}.tenant_id = {t}.tenant_id AND {n}.store_id = {t}.id", many=True, order="{n}.id"
            )
        },
    )


LISTED = _stores(Property("NULL::text", filterable=False, sortable=False))
"""For who may use a store without seeing how it is reached."""

STORES = _stores(Property("{t}.configuration::text", filterable=False, sortable=False))

RESOURCES = Entity(
    name="CredentialStoreResources",
    table="orchestrator.credential_store_uses",
    properties={
        "Name": Property("{t}.name"),
        "Type": Property("{t}.resource_type", Kind.ENUM, enum=RESOURCE_TYPES),
        "Id": Property("{t}.id", Kind.INT),
    },
)
