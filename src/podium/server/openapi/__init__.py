"""The OpenAPI documents of the operations that this server answers, made from the contract's rows and models."""

from podium.server.openapi.identity import identity_document
from podium.server.openapi.orchestrator import document

__all__ = ["document", "identity_document"]
