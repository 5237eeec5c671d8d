-- The statements of events/bulk: what an operation has waiting, what came of its deliveries, and when it is over.

-- :name count_waiting
-- How many of its events wait for their first try or their rules, up to a bound; and whether any of its requests waits for routing.
SELECT
    (SELECT count(*) FROM (
        SELECT FROM delivery_job WHERE batch_operation_id = %(id)s AND rank >= 3 LIMIT %(up_to)s
    ) AS waiting),
    EXISTS (SELECT FROM route_job WHERE batch_operation_id = %(id)s)

-- :name fold_outcomes
-- Outcomes become part of their operations' rows. Operations are locked in the order of their ids, so that two who fold
-- cannot wait for each other; a page saves its operation's row last, and so waits for nothing that is held here.
WITH outcome AS MATERIALIZED (
    SELECT id, operation_id, done, failed, cancelled, held FROM bulk_outcome ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), summed AS (
    SELECT operation_id, sum(done)::int AS done, sum(failed)::int AS failed, sum(cancelled)::int AS cancelled,
        sum(held)::int AS held
    FROM outcome GROUP BY operation_id
), operation AS MATERIALIZED (
    SELECT bulk_operation.id FROM bulk_operation
    WHERE bulk_operation.id IN (SELECT operation_id FROM summed) ORDER BY bulk_operation.id FOR NO KEY UPDATE
), added AS (
    UPDATE bulk_operation
    SET done_count = bulk_operation.done_count + summed.done,
        failed_count = bulk_operation.failed_count + summed.failed,
        cancelled_count = bulk_operation.cancelled_count + summed.cancelled,
        held_count = bulk_operation.held_count + summed.held
    FROM operation JOIN summed ON summed.operation_id = operation.id
    WHERE bulk_operation.id = operation.id
), gone AS (
    DELETE FROM bulk_outcome USING outcome WHERE bulk_outcome.id = outcome.id
)
SELECT count(*) FROM outcome

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
