"""Postgres and Valkey from Python wheels, for one machine: `./script/up`, tests, benchmarks."""

from local.embedded.errors import EmbeddedError
from local.embedded.services import EmbeddedServices, make_throwaway_folder, start_services

__all__ = ["EmbeddedError", "EmbeddedServices", "make_throwaway_folder", "start_services"]
