-- How many attempts of a queue failed, and why, is told from the index alone.

CREATE INDEX queue_items_exceptions ON orchestrator.queue_items (tenant_id, queue_id, exception_type)
    WHERE exception_type IS NOT NULL AND state IN (2, 5);
