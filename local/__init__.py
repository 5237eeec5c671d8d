"""Running FastHook on one machine: its processes, and a Postgres and a Valkey from wheels. No part of the product."""
