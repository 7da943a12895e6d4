-- Jobs that wait for a queue item by its id: asked at the end of every item.

CREATE INDEX triggers_waiting_for_id ON orchestrator.job_triggers (tenant_id, item_id)
    WHERE status = 'New' AND item_id IS NOT NULL;
