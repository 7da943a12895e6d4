"""The chain over the audit trail: sealing, checkpoints, verification, and what may leave it in an orderly way."""
