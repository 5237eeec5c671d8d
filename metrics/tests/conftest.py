from fasthook.testing import *  # noqa: F403
