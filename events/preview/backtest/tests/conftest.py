from events.tests.fixtures import *  # noqa: F403
