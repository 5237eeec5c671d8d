DROP FUNCTION metrics_note_requests, metrics_note_events, metrics_note_attempts CASCADE;
DROP FUNCTION metrics_minute_of, metrics_latency_bin;
DROP TABLE metrics_rollup, metrics_queue,
    metrics_requests_minute, metrics_requests_hour, metrics_requests_late,
    metrics_events_minute, metrics_events_hour, metrics_events_late,
    metrics_attempts_minute, metrics_attempts_hour, metrics_attempts_late;
