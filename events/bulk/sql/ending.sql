-- The statements of events/bulk/ending.py: what is to be withdrawn, and when an operation is over.

-- :name find_withdrawable
-- Scalar subqueries, here and below: each is one look into the index of the queue, which is never read as a whole.
SELECT id FROM bulk_operation
WHERE finished_at IS NULL AND status = 'CANCELLED' AND (
    SELECT true FROM delivery_job
    WHERE batch_operation_id = bulk_operation.id AND NOT cancelled AND (rank > 0 OR due_at <= now())
    LIMIT 1
)
ORDER BY id

-- :name finish_done
-- Who has no job has all outcomes: both are written by one statement. Operations that others hold come next time.
WITH over AS MATERIALIZED (
    SELECT id FROM bulk_operation
    WHERE finished_at IS NULL AND (status = 'CANCELLED' OR (status = 'RUNNING' AND pages_done_at IS NOT NULL))
        AND (SELECT true FROM route_job WHERE batch_operation_id = bulk_operation.id LIMIT 1) IS NULL
        AND (
            SELECT true FROM delivery_job WHERE batch_operation_id = bulk_operation.id AND NOT cancelled LIMIT 1
        ) IS NULL
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE bulk_operation
SET finished_at = now(), status = CASE WHEN status = 'RUNNING' THEN 'COMPLETED' ELSE status END
FROM over
WHERE bulk_operation.id = over.id
RETURNING bulk_operation.id, bulk_operation.status, bulk_operation.queued_count
