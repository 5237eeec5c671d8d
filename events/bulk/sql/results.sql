-- The statements of events/bulk: what an operation has waiting, and what came of its deliveries.

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
